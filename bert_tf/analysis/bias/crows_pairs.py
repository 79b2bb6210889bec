"""CrowS-Pairs: does a masked LM prefer the more stereotyping of two sentences?

Nangia et al., 2020, "CrowS-Pairs: a challenge dataset for measuring social biases in
masked language models". Two sentences differ in the group that they speak of. Of each, the
tokens that both share are masked one at a time, and their log-probabilities add up to the
score of the sentence (a pseudo-log-likelihood).
"""

import csv
import difflib

from bert_tf.disk import check_file

COLUMNS = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")
CAVEAT = (
    "CrowS-Pairs has known faults: many of its pairs are unnatural, differ in more than a "
    "group, or stereotype nobody (Blodgett et al., 2021)."
)


def read(path):
    """Returns a list of pairs, dicts of `COLUMNS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has other columns, or an empty sentence; names the line.
    """
    check_file(path)
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]}; CrowS-Pairs is a CSV with the columns "
                f"{', '.join(COLUMNS)}."
            )
        pairs = []
        for row in rows:
            pair = {name: (row[name] or "").strip() for name in COLUMNS}
            if not all(pair.values()):
                raise ValueError(
                    f"{path}, line {rows.line_num}: both sentences, their direction and "
                    f"their type must be given; received {pair}."
                )
            pairs.append(pair)
    if not pairs:
        raise ValueError(f"{path} has no pairs.")
    return pairs


def shared_tokens(first, second):
    """Returns the positions of the tokens that two sentences share, in each of them.

    Args:
        first, second: lists of ids.

    Returns:
        two lists of equal length, without the first and the last token, which are [CLS]
        and [SEP].
    """
    own, other = [], []
    matcher = difflib.SequenceMatcher(None, list(first), list(second))
    for tag, begin, end, start, stop in matcher.get_opcodes():
        if tag == "equal":
            own += range(begin, end)
            other += range(start, stop)
    return own[1:-1], other[1:-1]


def score_pairs(masked_lm, pairs):
    """Returns the scores of the sentences of each pair, [(more, less)], in nats.

    Args:
        masked_lm: `MaskedLM`.
        pairs: as of `read`.
    """
    variants, owners = [], []
    mask = masked_lm.tokenizer.mask_id
    for number, pair in enumerate(pairs):
        sides = [masked_lm.encode(pair[name])[0] for name in COLUMNS[:2]]
        places = shared_tokens(*(ids.tolist() for ids in sides))
        for side, (ids, positions) in enumerate(zip(sides, places)):
            for position in positions:
                shown = ids.copy()
                shown[position] = mask
                variants.append((shown, position, ids[position]))
                owners.append((number, side))
    scores = [[0.0, 0.0] for _ in pairs]
    logs = masked_lm.log_probabilities(variants, "CrowS-Pairs")
    for (number, side), log in zip(owners, logs.tolist()):
        scores[number][side] += log
    return [tuple(pair) for pair in scores]


def count(pairs, scores):
    """Returns {group: [pairs, of which the more stereotyping is preferred, ties]}.

    Groups are "all", each `bias_type`, and "stereo" and "antistereo", the direction of
    the pair. Scores count as equal when they are to three decimals, as in the authors'
    code.

    Args:
        pairs, scores: as of `read` and `score_pairs`.
    """
    counts = {}
    for pair, (more, less) in zip(pairs, scores):
        more, less = round(more, 3), round(less, 3)
        for group in ("all", pair["bias_type"], pair["stereo_antistereo"]):
            row = counts.setdefault(group, [0, 0, 0])
            row[0] += 1
            row[1] += more > less
            row[2] += more == less
    return counts
