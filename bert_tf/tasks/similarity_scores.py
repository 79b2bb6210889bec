"""Scores of embeddings, in NumPy: how well cosines follow labels, or find the own text.

Shapes: N records, D numbers of an embedding.
"""

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tasks.regression import correlation

stats = lazy("scipy.stats")

RECALLS = (1, 5, 10)


def score_labels(embeddings, labels):
    """Returns `spearman`, of ranks, `pearson`, and `loss`, the mean squared difference.

    Args:
        embeddings: float32 [N, 2, D].
        labels: float [N].
    """
    truth = labels.astype(np.float64)
    cosines = cosines_of(embeddings).astype(np.float64)
    return {
        "spearman": correlation(stats.spearmanr, truth, cosines),
        "pearson": correlation(stats.pearsonr, truth, cosines),
        "loss": float(np.mean(np.square(cosines - truth))),
    }


def score_search(embeddings):
    """Returns `mrr` and `recall_at_1`, `_5` and `_10`, for first texts that search second ones.

    Args:
        embeddings: float32 [N, 2, D]; further texts of a record are left out.
    """
    firsts, seconds = np.moveaxis(unit_length(embeddings[:, :2]), 1, 0)
    ranks = _ranks(firsts, seconds)
    recalls = {f"recall_at_{k}": float(np.mean(ranks <= k)) for k in RECALLS}
    return {"mrr": float(np.mean(1 / ranks)), **recalls}


def unit_length(embeddings):
    """Scales embeddings, NumPy arrays [..., D], to length 1."""
    length = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def cosines_of(embeddings):
    """Returns the cosine of the two embeddings of each record, [N], of [N, 2, D]."""
    return np.prod(unit_length(embeddings), axis=1).sum(axis=-1)


def _ranks(firsts, seconds, batch_size=1024):
    """Returns the rank, from 1, of each first text's own second text among all of them."""
    ranks = []
    for begin in range(0, len(firsts), batch_size):
        cosines = firsts[begin : begin + batch_size] @ seconds.T
        places = np.arange(len(cosines))
        own = cosines[places, begin + places]
        ranks.append((cosines > own[:, None]).sum(axis=1) + 1)
    return np.concatenate(ranks)
