"""Confidence intervals over seeds and over examples, and McNemar's exact test."""

import warnings

import numpy as np

from bert_tf.ground import lazy

stats = lazy("scipy.stats")

LEVEL = 0.95


def student(values):
    """Returns the interval of the mean of a few runs (Student, 1908).

    Args:
        values: one score a run.

    Returns:
        dict with `mean`, `standard_deviation` (n - 1 in the denominator) and
        `interval_95`, [low, high].

    Raises:
        ValueError: there are fewer than two values.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        raise ValueError(f"an interval needs two runs or more; received {len(values)}.")
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    # SciPy's interval of equal values is NaN.
    interval = [mean, mean]
    if deviation:
        interval = _interval(stats.ttest_1samp, values, 0.0)
    return {"mean": mean, "standard_deviation": deviation, "interval_95": interval}


def welch(values, others):
    """Returns the interval of the difference of two means (Welch, 1947).

    The two may have unequal variances.

    Args:
        values, others: one score a run.

    Returns:
        [low, high] of mean(values) - mean(others).
    """
    difference = float(np.mean(values) - np.mean(others))
    if np.var(values, ddof=1) + np.var(others, ddof=1) == 0:
        return [difference, difference]
    return _interval(stats.ttest_ind, values, others, equal_var=False)


def bootstrap_mean(differences, *, resamples=10_000, seed=1):
    """Returns the percentile interval of a mean over resampled examples (Efron, 1979).

    Args:
        differences: float [N], the score of one model minus that of another, by example.
        resamples: number of samples of N examples, drawn with replacement.
        seed: seed of the draws.

    Returns:
        [low, high].
    """
    # The mean depends only on how often each distinct value is drawn. There are few, so
    # this is much faster than `scipy.stats.bootstrap`.
    values, counts = np.unique(differences, return_counts=True)
    total = counts.sum()
    drawn = np.random.default_rng(seed).multinomial(
        total, counts / total, size=resamples
    )
    return _percentiles(drawn @ values / total)


def bootstrap_counts(counts, others, score, *, resamples=10_000, seed=1):
    """Returns the percentile interval of the difference of two scores of summed counts.

    Each side is the mean of its runs.

    Args:
        counts, others: int [runs, N, K]; what the score of each example consists of, such
            as its numbers of correct and of all predictions.
        score: function(float [..., K], sums over examples) → scores [...].
        resamples, seed: as in `bootstrap_mean`.

    Returns:
        [low, high].
    """
    runs = np.concatenate([*counts, *others], axis=1)  # [N, K · all runs]
    rows, times = np.unique(runs, axis=0, return_counts=True)
    total = times.sum()
    drawn = np.random.default_rng(seed).multinomial(total, times / total, resamples)
    scores = score((drawn @ rows).reshape(resamples, -1, np.shape(counts)[-1]))
    ours, theirs = scores[:, : len(counts)], scores[:, len(counts) :]
    return _percentiles(ours.mean(axis=1) - theirs.mean(axis=1))


def bootstrap(difference, count, *, resamples=10_000, seed=1):
    """Returns the percentile interval of any difference over resampled examples.

    Args:
        difference: function(indices, int [count]) -> float, the difference of two scores
            over the examples at these indices.
        count: number of examples.
        resamples, seed: as in `bootstrap_mean`.

    Returns:
        [low, high].
    """
    random = np.random.default_rng(seed)
    drawn = (random.integers(0, count, count) for _ in range(resamples))
    return _percentiles([difference(indices) for indices in drawn])


def mcnemar(hits, others):
    """Tests whether two classifiers are equally accurate (McNemar, 1947; exact).

    Args:
        hits, others: [N], 1 where the model and the baseline predict correctly.

    Returns:
        dict with `only_model` and `only_baseline`, the number of examples that just one
        predicts correctly, and `p`, the two-sided p-value.
    """
    hits, others = np.asarray(hits, dtype=bool), np.asarray(others, dtype=bool)
    first, second = int((hits & ~others).sum()), int((others & ~hits).sum())
    p = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    return {"only_model": first, "only_baseline": second, "p": float(p)}


def _interval(test, *samples, **options):
    with warnings.catch_warnings():
        # SciPy warns of equal values, which are valid scores.
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = test(*samples, **options).confidence_interval(LEVEL)
    return [float(bound) for bound in interval]


def _percentiles(values):
    tail = 100 * (1 - LEVEL) / 2
    return np.percentile(values, [tail, 100 - tail]).tolist()
