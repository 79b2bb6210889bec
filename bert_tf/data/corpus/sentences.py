"""Lines of text into sentences, by rule.

BERT's "sentences" are spans of running text (Devlin et al., 2019, 3.1), so that a split
too few or too many does no harm; a rule is enough, and needs no model.
"""

import re

# An end, quotes and brackets that close behind it, then space; or an end of Chinese.
_END = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？…]+[”’」』）]*""")
# What begins the next one: anything but a small letter.
_NEXT = re.compile(r"""\s*["'“‘«([]*[^a-zß-öø-ÿ\s]""")
# A full stop after these, or after a capital alone (J. Smith), ends nothing.
_ABBREVIATION = re.compile(
    r"""(?:^|[\s"'“‘(\[])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Rev|Hon|Capt|Col|Gen|Lt|Sgt|Sr|Jr"""
    r"""|vs|cf|e\.g|i\.e|etc|No|Nos|Vol|Fig|pp?|ca|approx|dept|est|Inc|Ltd|Co)\.$"""
)


def split_sentences(line):
    """Returns the sentences of a line, stripped; the line itself where it is one."""
    sentences, begin = [], 0
    for end in _END.finditer(line):
        rest, sentence = line[end.end() :], line[begin : end.end()]
        if not rest.strip() or not _NEXT.match(rest):
            continue
        if _ABBREVIATION.search(sentence):
            continue
        sentences.append(sentence.strip())
        begin = end.end()
    sentences.append(line[begin:].strip())
    return [sentence for sentence in sentences if sentence]
