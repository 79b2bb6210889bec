"""How sure a number is: intervals over seeds and over examples, and an exact test."""

import math

import numpy as np
from scipy import stats

LEVEL = 0.95


def student(values):
    """Interval of the mean of a few runs (Student, 1908).

    Returns:
        dict with `mean`, `standard_deviation` (n - 1 in the denominator) and
        `interval_95`, [low, high].

    Raises:
        ValueError: fewer than two values tell nothing of their spread.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        raise ValueError(f"an interval needs two runs or more; received {len(values)}.")
    deviation = values.std(ddof=1)
    error = deviation / math.sqrt(len(values))
    return {
        "mean": float(values.mean()),
        "standard_deviation": float(deviation),
        "interval_95": _around(values.mean(), error, len(values) - 1),
    }


def welch(values, others):
    """Interval of the difference of two means, of unequal spread (Welch, 1947).

    Returns:
        [low, high] of mean(values) - mean(others).
    """
    parts = [np.var(x, ddof=1) / len(x) for x in (values, others)]
    difference = np.mean(values) - np.mean(others)
    if not sum(parts):
        return [float(difference)] * 2
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(x) - 1) for part, x in zip(parts, (values, others))
    )
    return _around(difference, math.sqrt(sum(parts)), freedom)


def bootstrap_mean(differences, *, resamples=10_000, seed=1):
    """Interval of a mean over examples drawn anew (Efron, 1979; percentiles).

    Args:
        differences: float [N], one an example, paired: what one model gained there.
        resamples: how often N examples are drawn, with replacement.
        seed: of the draws.

    Returns:
        [low, high].
    """
    # Only how often each value is drawn matters, and there are few values.
    values, counts = np.unique(differences, return_counts=True)
    total = counts.sum()
    drawn = np.random.default_rng(seed).multinomial(
        total, counts / total, size=resamples
    )
    return _percentiles(drawn @ values / total)


def bootstrap_f1(counts, others, *, resamples=10_000, seed=1):
    """The same for the difference of two F1 over all examples, means over runs.

    Args:
        counts, others: int [runs, N, 3]; how many each example adds to what is right,
            was answered, is true.
        resamples, seed: as in `bootstrap_mean`.
    """
    runs = np.concatenate([*counts, *others], axis=1)  # [N, 3 · all runs]
    rows, times = np.unique(runs, axis=0, return_counts=True)
    total = times.sum()
    drawn = np.random.default_rng(seed).multinomial(total, times / total, resamples)
    right, answered, true = np.moveaxis((drawn @ rows).reshape(resamples, -1, 3), 2, 0)
    f1 = 2 * right / np.maximum(answered + true, 1)
    ours, theirs = f1[:, : len(counts)], f1[:, len(counts) :]
    return _percentiles(ours.mean(axis=1) - theirs.mean(axis=1))


def bootstrap(difference, count, *, resamples=10_000, seed=1):
    """The same for any score of a set of examples.

    Args:
        difference: function(indices, int [count]) -> float, of the examples drawn.
        count: examples.
        resamples, seed: as in `bootstrap_mean`.
    """
    random = np.random.default_rng(seed)
    drawn = (random.integers(0, count, count) for _ in range(resamples))
    return _percentiles([difference(indices) for indices in drawn])


def mcnemar(hits, others):
    """Tests whether two classifiers err alike (McNemar, 1947; exact, two-sided).

    Args:
        hits, others: [N], 1 where the one and the other is right.

    Returns:
        dict with `only_model` and `only_baseline`, how often just one is right, and
        `p`, the chance of so uneven a split if both are equally good.
    """
    hits, others = np.asarray(hits, dtype=bool), np.asarray(others, dtype=bool)
    first, second = int((hits & ~others).sum()), int((others & ~hits).sum())
    p = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    return {"only_model": first, "only_baseline": second, "p": float(p)}


def _around(mean, error, freedom):
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    return [float(mean - reach), float(mean + reach)]


def _percentiles(values):
    tail = 100 * (1 - LEVEL) / 2
    return np.percentile(values, [tail, 100 - tail]).tolist()
