"""How well scores rank the passages of a query: nDCG, MRR and average precision.

A passage is relevant if its grade is above 0. Of passages with equal scores the less
relevant counts as the higher, so that equal scores gain nothing from the order of a file.

Shapes: P passages of a query.
"""

import numpy as np

from bert_tf.tasks.probabilities import log_softmax

DEPTH = 10  # Ranks that nDCG and MRR look at.


def judge_ranking(scores, grades):
    """Returns the scores of one query, {name: value}, each from 0 to 1.

    Args:
        scores: float [P], higher for what ranks higher.
        grades: float [P], at least one of them above 0.

    Returns:
        `ndcg_at_10`, with the gain 2^grade - 1 and the discount log2(1 + rank) (Järvelin
        and Kekäläinen, 2002; Burges et al., 2005); `mrr_at_10`, 1 / the rank of the first
        relevant passage, 0 beyond rank 10; and `map`, the mean of the precisions at the
        ranks of all relevant passages.

    Example:
        >>> judge_ranking([0.1, 0.9], [1, 0])["mrr_at_10"]
        0.5
    """
    scores, grades = np.asarray(scores, float), np.asarray(grades, float)
    ranked = grades[np.lexsort((grades, -scores))]
    ranks = np.flatnonzero(ranked > 0) + 1
    first = ranks[0]
    return {
        "ndcg_at_10": float(_gain(ranked) / _gain(-np.sort(-grades))),
        "mrr_at_10": float(1 / first) if first <= DEPTH else 0.0,
        "map": float(np.mean(np.arange(1, len(ranks) + 1) / ranks)),
    }


def mean_pair_loss(logits, targets):
    """Returns the mean binary cross-entropy of all pairs, in nats.

    Args:
        logits, targets: of N queries, each float [P]; targets from 0 to 1.
    """
    logits, targets = map(np.concatenate, (logits, targets))
    return float(np.mean(np.logaddexp(0.0, logits) - targets * logits))


def mean_list_loss(logits, targets):
    """Returns the mean cross-entropy of the softmax over a query's passages, in nats.

    Args:
        logits, targets: as of `mean_pair_loss`; queries without a positive do not count.
    """
    lists = [(x, own / own.sum()) for x, own in zip(logits, targets) if own.any()]
    return float(np.mean([-own @ log_softmax(x) for x, own in lists]))


def _gain(ranked):
    """Returns the discounted gain of grades in the order of their ranks."""
    gains = np.exp2(ranked[:DEPTH]) - 1
    return np.sum(gains / np.log2(np.arange(2, len(gains) + 2)))
