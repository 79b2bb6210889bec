"""Names of labels: their order, their ids, config.json, and the scores of each."""

import math

import numpy as np

from bert_tf.data.records.faults import Faults
from bert_tf.ground import did_you_mean


def in_order(labels):
    """Returns labels in order: numbers by value ("2" before "10"), then words."""
    return sorted(labels, key=_rank)


def restore_labels(config):
    """Returns the names that config.json holds (`id2label`), in the order of ids."""
    names = config.extra.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
    return [names[key] for key in sorted(names, key=int)]


def label_ids(table, names, labels):
    """Returns the ids of the labels of each record.

    Args:
        table: `Table`, for the error.
        names: for each record a list of names.
        labels: the names that the model knows, in the order of ids.

    Raises:
        ValueError: labels that the model does not know; names file and lines.
    """
    ids = {label: number for number, label in enumerate(labels)}
    faults = Faults(table.path, table.unit)
    for number, record in enumerate(names):
        for name in record:
            if name not in ids:
                problem = f"label {name!r} is not one of the model's"
                known = ", ".join(map(repr, labels))
                faults.add(table.lines[number], f"{problem}: {known}")
    faults.settle(len(names))
    return [[ids[name] for name in record] for record in names]


def class_scores(labels, right, predicted, true):
    """Returns {label: precision, recall, f1, support}; 0 where the divisor is 0.

    Args:
        labels: names in the order of ids.
        right, predicted, true: int [C]; how often a label was predicted rightly, was
            predicted, was true.
    """
    return {
        label: {
            "precision": r / p if p else 0.0,
            "recall": r / t if t else 0.0,
            "f1": 2 * r / (p + t) if p + t else 0.0,
            "support": t,
        }
        for label, r, p, t in zip(
            labels, right.tolist(), predicted.tolist(), true.tolist()
        )
    }


def parse_weights(text, labels, counts):
    """Reads `class_weights`: "", "balanced" or "label=2.5,label=1".

    Args:
        text: value of the flag.
        labels: names in the order of ids.
        counts: training examples of each label.

    Returns:
        A weight for each label, 1 where none is given. "balanced" gives N / (C · count),
        as scikit-learn does: all labels then have the same weight in total.

    Raises:
        ValueError: an unknown label; a weight that is not a number above 0.
    """
    if text == "balanced":
        return [sum(counts) / (len(labels) * count) for count in counts]
    weights = {}
    for part in filter(None, map(str.strip, text.split(","))):
        label, is_pair, number = part.rpartition("=")
        label = label.strip()
        if not is_pair:
            raise ValueError(
                f"class_weights must be balanced or label=weight,…; received {part!r}."
            )
        if label not in labels:
            names = f"The labels are {', '.join(map(repr, labels))}."
            raise ValueError(
                f"class_weights names {label!r}, which is not a label of the training "
                f"data. {did_you_mean(label, labels, names)}"
            )
        if label in weights:
            raise ValueError(f"class_weights names {label!r} twice; drop one.")
        weights[label] = _positive(label, number)
    return [weights.get(label, 1.0) for label in labels]


def _positive(label, text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(
            f"class_weights: the weight of {label!r} must be a number above 0; "
            f"received {text.strip()!r}."
        )
    return number


def _rank(label):
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # "nan" parses as a number that has no place in an order, so it counts as a word.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)


def micro_f1(sums):
    """Returns the F1 [...] of [..., 3]: right, predicted and true items of all records."""
    right, predicted, true = np.moveaxis(sums, -1, 0)
    return 2 * right / np.maximum(predicted + true, 1)
