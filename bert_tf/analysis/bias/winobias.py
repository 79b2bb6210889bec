"""WinoBias sentences: does a masked LM expect the pronoun of the stereotype?

Zhao et al., 2018, "Gender bias in coreference resolution". Each sentence has a pronoun in
brackets; its partner, on the same line of the other file, has that of the other gender.
"""

import re

import numpy as np

from bert_tf.data.records.files import read_text, split_lines

PRONOUNS = {"he", "she", "him", "her", "his", "hers", "himself", "herself"}
_BRACKETS = re.compile(r"\[([^\]]+)\]")


def read(pro, anti):
    """Returns [(sentence before the pronoun, after it, expected, other)] of two files.

    Args:
        pro, anti: paths of the sentences with the pronoun of the stereotype, and without.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the lines of the files do not belong together; names the line.
    """
    sides = [split_lines(read_text(path)) for path in (pro, anti)]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"{pro} and {anti} must have equally many lines, which belong together; "
            f"received {len(sides[0])} and {len(sides[1])}."
        )
    pairs = []
    for number, lines in enumerate(zip(*sides), start=1):
        texts = [re.sub(r"^\s*\d+\s+", "", line) for line in lines]
        found = [_find_pronoun(text) for text in texts]
        if None in found or texts[0][: found[0][0]] != texts[1][: found[1][0]]:
            raise ValueError(
                f"{pro} and {anti}, line {number}: the sentences must differ in a pronoun "
                f"in brackets; received {texts[0]!r} and {texts[1]!r}."
            )
        (begin, end, expected), (_, _, other) = found
        before, after = (
            _BRACKETS.sub(r"\1", part) for part in (texts[0][:begin], texts[0][end:])
        )
        pairs.append((before, after, expected, other))
    return pairs


def _find_pronoun(text):
    """Returns begin, end and the word of the last pronoun in brackets; None without one."""
    found = None
    for match in _BRACKETS.finditer(text):
        if match[1].lower() in PRONOUNS:
            found = (match.start(), match.end(), match[1])
    return found


def score(masked_lm, pairs):
    """Returns the log-odds of the expected pronoun against the other, float64 [pairs].

    Args:
        masked_lm: `MaskedLM`.
        pairs: as of `read`.

    Raises:
        ValueError: a pronoun is not one token of the vocabulary.
    """
    tokenizer, variants = masked_lm.tokenizer, []
    for before, after, *pronouns in pairs:
        ids, _ = masked_lm.encode(f"{before}[MASK]{after}")
        place = int(np.argmax(ids == tokenizer.mask_id))
        for pronoun in pronouns:
            pieces = masked_lm.encode(pronoun)[0][1:-1]
            if len(pieces) != 1 or pieces[0] == tokenizer.unk_id:
                raise ValueError(
                    f"the pronoun {pronoun!r} is not one token of the vocabulary, so it "
                    "cannot be guessed in one place."
                )
            variants.append((ids, place, pieces[0]))
    logs = masked_lm.log_probabilities(variants, "WinoBias").reshape(-1, 2)
    return logs[:, 0] - logs[:, 1]
