"""Calibration of probabilities, and what a threshold on them costs.

Shapes: N records, C labels, K bins.
"""

import numpy as np

from bert_tf.tasks.probabilities import log_softmax, softmax

BINS = 15


def reliability(confidences, hits, bins=BINS):
    """Returns the mean confidence and accuracy of bins of equal width (Guo et al., 2017).

    Args:
        confidences: float [N], the probability of what was predicted.
        hits: [N], 1 where that was right.
        bins: K.

    Returns:
        list of dicts with `records`, `confidence` and `accuracy`, of the bins that are
        not empty, in order.
    """
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, float)
    # A bin has its upper end, and the first one 0, too.
    numbers = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for number in range(bins):
        own = numbers == number
        if own.any():
            found.append(
                {
                    "records": int(own.sum()),
                    "confidence": float(confidences[own].mean()),
                    "accuracy": float(hits[own].mean()),
                }
            )
    return found


def expected_calibration_error(confidences, hits, bins=BINS):
    """Returns the mean difference of confidence and accuracy over bins, by their records."""
    found = reliability(confidences, hits, bins)
    total = sum(row["records"] for row in found)
    return (
        sum(row["records"] * abs(row["confidence"] - row["accuracy"]) for row in found)
        / total
    )


def scores(logits, truth):
    """Returns `accuracy`, `ece`, `nll` in nats and `brier`, floats.

    Args:
        logits: float [N, C].
        truth: int [N].
    """
    shares, own = softmax(np.asarray(logits, np.float64)), np.arange(len(truth))
    hits = shares.argmax(axis=1) == truth
    wanted = np.eye(shares.shape[1])[truth]
    logs = log_softmax(np.asarray(logits, np.float64))
    return {
        "accuracy": float(hits.mean()),
        "ece": expected_calibration_error(shares.max(axis=1), hits),
        "nll": float(-logs[own, truth].mean()),
        "brier": float(np.square(shares - wanted).sum(axis=1).mean()),
    }


def fit_temperature(logits, truth):
    """Returns the temperature, by which logits are divided, of the lowest nll.

    Guo et al., 2017, "On calibration of modern neural networks". Predictions stay the
    same. It is from 0.05 to 20.

    Args:
        logits, truth: as of `scores`.
    """
    from scipy import optimize

    logits = np.asarray(logits, np.float64)
    own = np.arange(len(truth))

    def nll(log_temperature):
        logs = log_softmax(logits / np.exp(log_temperature))
        return -logs[own, truth].mean()

    bounds = (np.log(0.05), np.log(20.0))
    return float(np.exp(optimize.minimize_scalar(nll, bounds=bounds).x))


def coverage(confidences, hits):
    """Returns what accuracy is left when a classifier abstains where it is least sure.

    Args:
        confidences, hits: as of `reliability`.

    Returns:
        list of dicts with `coverage`, the fraction that is answered; `threshold`, the
        least confidence among these; and `accuracy`, at each tenth.
    """
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, float)
    order = np.argsort(-confidences, kind="stable")
    found = []
    for tenth in range(1, 11):
        count = int(np.ceil(len(order) * tenth / 10))
        chosen = order[:count]
        found.append(
            {
                "coverage": count / len(order),
                "threshold": float(confidences[chosen[-1]]),
                "accuracy": float(hits[chosen].mean()),
            }
        )
    return found


def area_under_roc(inside, outside):
    """Returns how often a score is higher inside than outside, ties counted as half.

    Args:
        inside, outside: float [N] and [M], scores of records of the domain and of others.
    """
    from scipy import stats

    ranks = stats.rankdata(np.concatenate([inside, outside]))[: len(inside)]
    pairs = len(inside) * len(outside)
    return float((ranks.sum() - len(inside) * (len(inside) + 1) / 2) / pairs)


def energy(logits):
    """Returns the logarithm of the sum of exponentials of logits, float64 [N].

    Its negative is the energy of Liu et al., 2020, "Energy-based out-of-distribution
    detection"; texts of another domain have less of it.
    """
    logits = np.asarray(logits, np.float64)
    most = logits.max(axis=1)
    return most + np.log(np.exp(logits - most[:, None]).sum(axis=1))


class Mahalanobis:
    """Closeness to the nearest class of training records (Lee et al., 2018).

    Args:
        vectors: float [N, H], of training records.
        labels: int [N], their classes.
    """

    def __init__(self, vectors, labels):
        vectors, labels = np.asarray(vectors, np.float64), np.asarray(labels)
        self._means = np.stack([vectors[labels == c].mean(axis=0) for c in set(labels)])
        own = np.stack([vectors[labels == c].mean(axis=0) for c in labels])
        # Too few records for as many values would make the inverse arbitrary.
        spread = np.cov((vectors - own).T, bias=True)
        shrunk = 0.1 * np.trace(spread) / len(spread) * np.eye(len(spread))
        self._precision = np.linalg.inv(0.9 * spread + shrunk)

    def closeness(self, vectors):
        """Returns minus the squared distance to the nearest mean, float64 [N]."""
        away = np.asarray(vectors, np.float64)[:, None] - self._means  # [N, C, H]
        distances = np.einsum("nch,hk,nck->nc", away, self._precision, away)
        return -distances.min(axis=1)
