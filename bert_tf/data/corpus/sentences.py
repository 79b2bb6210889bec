"""Splits lines of text into sentences by rules.

BERT's "sentences" are spans of running text (Devlin et al., 2019, 3.1), so that one split
too many or too few does no harm. Rules are good enough and need no model.
"""

import re

# Closing punctuation, closing quotes and brackets, then a space; Chinese needs no space.
# The bound and the lack of backtracking ({1,100}+, *+) keep a million stops in a row from taking
# hours; a longer row is matched from a later stop on, and ends at the same place.
_END = re.compile(r"""[.!?…]{1,100}+["'”’»)\]]*+(?=\s)|[。！？…]+[”’」』）]*""")
# The next sentence begins with anything but a lowercase letter.
_NEXT = re.compile(r"""\s*["'“‘«([]*[^a-zß-öø-ÿ\s]""")
# A full stop after these, or after a single capital (J. Smith), ends no sentence.
_ABBREVIATION = re.compile(
    r"""(?:^|[\s"'“‘(\[])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Rev|Hon|Capt|Col|Gen|Lt|Sgt|Sr|Jr"""
    r"""|vs|cf|e\.g|i\.e|etc|No|Nos|Vol|Fig|pp?|ca|approx|dept|est|Inc|Ltd|Co)\.$"""
)
_LONGEST = 20  # More characters than an abbreviation has.


def split_sentences(line):
    """Returns the sentences of a line, without surrounding white space and never empty."""
    sentences, begin, stop = [], 0, len(line.rstrip())
    for match in _END.finditer(line):
        end = match.end()
        if end >= stop or not _NEXT.match(line, end):
            continue
        if _ABBREVIATION.search(line[max(begin, end - _LONGEST) : end]):
            continue
        sentences.append(line[begin:end].strip())
        begin = end
    sentences.append(line[begin:].strip())
    return [sentence for sentence in sentences if sentence]
