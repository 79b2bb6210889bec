"""Entities in the tags of words, and their scores, as CoNLL's own script conlleval has them.

Tjong Kim Sang and De Meulder, 2003. A tag is O, or B-, I-, E- or S- and a type.
"""

import collections


def entities(tags):
    """Returns [(type, first word, word after the last), ...] of a text's tags.

    An I- that does not continue an entity begins one, as in conlleval.
    """
    spans, begin, before = [], None, ("O", "")
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if begin is not None and _ends(before, (prefix, kind)):
            spans.append((before[1], begin, place))
            begin = None
        if _begins(before, (prefix, kind)):
            begin = place
        before = (prefix, kind)
    return spans


def _ends(before, now):
    return before[0] in "ES" or now[0] in "BSO" or before[1] != now[1]


def _begins(before, now):
    if now[0] == "O":
        return False
    return now[0] in "BS" or before[0] in "OES" or before[1] != now[1]


def entity_counts(truth, predicted):
    """Returns how many entities of a text are predicted rightly, predicted, and true."""
    truth, predicted = set(entities(truth)), set(entities(predicted))
    return len(truth & predicted), len(predicted), len(truth)


def entity_scores(truths, predictions):
    """Returns precision, recall and F1 of entities.

    A predicted entity is right if its words and its type are those of a true one.

    Args:
        truths, predictions: the tags of each text.

    Returns:
        dict with `precision`, `recall`, `f1`, over all entities, 0 if nothing is
        counted; and `per_type`, {type: precision, recall, f1, support}.
    """
    right, given, true = (collections.Counter() for _ in range(3))
    for truth, predicted in zip(truths, predictions, strict=True):
        truth, predicted = set(entities(truth)), set(entities(predicted))
        true.update(kind for kind, *_ in truth)
        given.update(kind for kind, *_ in predicted)
        right.update(kind for kind, *_ in truth & predicted)
    kinds = sorted(true.keys() | given.keys())
    return _f1_of_counts(right.total(), given.total(), true.total()) | {
        "per_type": {
            kind: _f1_of_counts(right[kind], given[kind], true[kind])
            | {"support": true[kind]}
            for kind in kinds
        }
    }


def _f1_of_counts(right, given, true):
    return {
        "precision": right / given if given else 0.0,
        "recall": right / true if true else 0.0,
        "f1": 2 * right / (given + true) if given + true else 0.0,
    }
