"""Scores by group: accuracy and rates of a classifier for each value of a column.

Hardt et al., 2016, "Equality of opportunity in supervised learning".

Shapes: N records.
"""

import numpy as np

from bert_tf import intervals
from bert_tf.ground import lazy

proportion = lazy("scipy.stats")

RATES = ("accuracy", "selection_rate", "true_positive_rate", "false_positive_rate")


def rates(truth, predicted, positive):
    """Returns {rate: (hits, out of)} of `RATES`.

    Args:
        truth, predicted: arrays of labels [N].
        positive: the label whose prediction is a selection.
    """
    selected, is_positive = predicted == positive, truth == positive
    return {
        "accuracy": (int((truth == predicted).sum()), len(truth)),
        "selection_rate": (int(selected.sum()), len(truth)),
        "true_positive_rate": (
            int((selected & is_positive).sum()),
            int(is_positive.sum()),
        ),
        "false_positive_rate": (
            int((selected & ~is_positive).sum()),
            int((~is_positive).sum()),
        ),
    }


def by_group(truth, predicted, groups, positive):
    """Returns {group: {"records": N, rate: {"value", "interval_95"}}}.

    Intervals are Wilson's (1927). A rate of no records is None.

    Args:
        truth, predicted, positive: as of `rates`.
        groups: array of strings [N].
    """
    found = {}
    for group in sorted(set(groups.tolist())):
        own = groups == group
        counted = rates(truth[own], predicted[own], positive)
        found[group] = {"records": int(own.sum())} | {
            name: _with_interval(*counts) for name, counts in counted.items()
        }
    return found


def _with_interval(hits, total):
    if not total:
        return None
    test = proportion.binomtest(hits, total)
    bounds = test.proportion_ci(intervals.LEVEL, method="wilson")
    return {
        "value": hits / total,
        "interval_95": [float(bounds.low), float(bounds.high)],
    }


def differences(truth, predicted, groups, positive, *, seed=1):
    """Returns the largest differences between groups, with 95 % intervals.

    Args:
        truth, predicted, groups, positive: as of `by_group`.
        seed: of the bootstrap.

    Returns:
        {"selection_rate_difference", "equalised_odds_difference": {"value",
        "interval_95"}}. That of equalised odds is the larger of the differences of the
        true and of the false positive rate. Groups without such records do not count.
    """
    names = {
        "selection_rate_difference": ("selection_rate",),
        "equalised_odds_difference": ("true_positive_rate", "false_positive_rate"),
    }
    found = {}
    for name, wanted in names.items():

        def spread(indices, wanted=wanted):
            return _spread(
                truth[indices], predicted[indices], groups[indices], positive, wanted
            )

        found[name] = {
            "value": spread(np.arange(len(truth))),
            "interval_95": intervals.bootstrap(
                spread, len(truth), resamples=1_000, seed=seed
            ),
        }
    return found


def _spread(truth, predicted, groups, positive, names):
    """Returns the largest difference between any two groups, of any of the rates."""
    values = {name: [] for name in names}
    for group in np.unique(groups):
        own = groups == group
        counted = rates(truth[own], predicted[own], positive)
        for name in names:
            hits, total = counted[name]
            if total:
                values[name].append(hits / total)
    return max((max(own) - min(own) if own else 0.0) for own in values.values())
