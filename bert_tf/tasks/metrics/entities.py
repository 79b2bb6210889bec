"""Entities in tags, and their scores, as CoNLL's own script conlleval has them.

Tjong Kim Sang and De Meulder, 2003. A tag is O, or B-, I-, E- or S- and a type.
"""

import collections


def entities(tags):
    """Returns [(type, first word, word after the last), ...] of a text's tags.

    As conlleval: an I- that continues nothing begins an entity.
    """
    found, begin, before = [], None, ("O", "")
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if begin is not None and _ends(before, (prefix, kind)):
            found.append((before[1], begin, place))
            begin = None
        if _begins(before, (prefix, kind)):
            begin = place
        before = (prefix, kind)
    return found


def _ends(before, now):
    return before[0] in "ES" or now[0] in "BSO" or before[1] != now[1]


def _begins(before, now):
    if now[0] == "O":
        return False
    return now[0] in "BS" or before[0] in "OES" or before[1] != now[1]


def entity_counts(truth, answer):
    """Returns how many entities are right, answered and true of one text's tags."""
    truth, answer = set(entities(truth)), set(entities(answer))
    return len(truth & answer), len(answer), len(truth)


def entity_scores(truths, answers):
    """Precision, recall and F1 of entities: right are those of the same words and type.

    Args:
        truths, answers: for each text its tags.

    Returns:
        dict with `precision`, `recall`, `f1`, over all entities, 0 where nothing is
        counted; and `per_type`, {type: precision, recall, f1, support}.
    """
    right, answered, true = (collections.Counter() for _ in range(3))
    for truth, answer in zip(truths, answers, strict=True):
        truth, answer = set(entities(truth)), set(entities(answer))
        true.update(kind for kind, *_ in truth)
        answered.update(kind for kind, *_ in answer)
        right.update(kind for kind, *_ in truth & answer)
    kinds = sorted(true.keys() | answered.keys())
    return _of_counts(right.total(), answered.total(), true.total()) | {
        "per_type": {
            kind: _of_counts(right[kind], answered[kind], true[kind])
            | {"support": true[kind]}
            for kind in kinds
        }
    }


def _of_counts(right, answered, true):
    return {
        "precision": right / answered if answered else 0.0,
        "recall": right / true if true else 0.0,
        "f1": 2 * right / (answered + true) if answered + true else 0.0,
    }
