"""Names of labels: their order, their ids, config.json, and the scores of each."""

import math

from bert_tf.ground import did_you_mean


def in_order(labels):
    """Numbers in their order ("2" before "10"), then words in the alphabet's."""
    return sorted(labels, key=_rank)


def describe_labels(labels):
    """Returns the keys of config.json that hold the names."""
    return {
        "id2label": {str(number): name for number, name in enumerate(labels)},
        "label2id": {name: number for number, name in enumerate(labels)},
    }


def restore_labels(config):
    """Returns the names that config.json holds (`id2label`), in the order of ids."""
    names = config.extra.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
    return [names[key] for key in sorted(names, key=int)]


def refuse_unknown(where, label, labels):
    if label not in labels:
        raise ValueError(
            f"{where}: label {label!r} is not one of the model's: "
            f"{', '.join(map(repr, labels))}."
        )


def class_scores(labels, right, answered, true):
    """Returns {label: precision, recall, f1, support}; 0 where nothing is counted.

    Args:
        labels: names in the order of ids.
        right, answered, true: int [C]; how often a label was answered rightly, was
            answered, was true.
    """
    return {
        label: {
            "precision": r / a if a else 0.0,
            "recall": r / t if t else 0.0,
            "f1": 2 * r / (a + t) if a + t else 0.0,
            "support": t,
        }
        for label, r, a, t in zip(
            labels, right.tolist(), answered.tolist(), true.tolist()
        )
    }


def parse_weights(text, labels, counts):
    """Reads `class_weights`: "", "balanced" or "label=2.5,label=1".

    Args:
        text: of the flag.
        labels: names in the order of ids.
        counts: training examples of each.

    Returns:
        A weight a label: all of it as asked, 1 where nothing is; "balanced" gives
        N / (C · count), as in scikit-learn, so that each label has the same in all.

    Raises:
        ValueError: no such label; a weight that is no number above 0.
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
                f"class_weights names {label!r}, which is no label of the training "
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
    # "nan" reads as a number that has no place in an order: a word, then.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)
