"""Splits lines of text into sentences by rules.

BERT's "sentences" are spans of running text (Devlin et al., 2019, 3.1), so that one split
too many or too few does no harm. Rules are good enough and need no model.
"""

import re

# Closing punctuation, closing quotes and brackets, then a space; Chinese needs no space.
_END = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？…]+[”’」』）]*""")
# The next sentence begins with anything but a lowercase letter.
_NEXT = re.compile(r"""\s*["'“‘«([]*[^a-zß-öø-ÿ\s]""")
# A full stop after these, or after a single capital (J. Smith), ends no sentence.
_ABBREVIATION = re.compile(
    r"""(?:^|[\s"'“‘(\[])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Rev|Hon|Capt|Col|Gen|Lt|Sgt|Sr|Jr"""
    r"""|vs|cf|e\.g|i\.e|etc|No|Nos|Vol|Fig|pp?|ca|approx|dept|est|Inc|Ltd|Co)\.$"""
)


def split_sentences(line):
    """Returns the sentences of a line, without surrounding white space and never empty."""
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
