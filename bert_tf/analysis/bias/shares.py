"""Fractions and their intervals."""

import numpy as np

from bert_tf import intervals


def share(hits, total, seed):
    """Returns {"value", "interval_95"} of a fraction, by the bootstrap."""
    outcomes = np.repeat([1.0, 0.0], [hits, total - hits])
    return {
        "value": hits / total,
        "interval_95": intervals.bootstrap_mean(outcomes, seed=seed),
    }


def shown(share):
    low, high = share["interval_95"]
    return [share["value"], f"{low:.3f} to {high:.3f}"]
