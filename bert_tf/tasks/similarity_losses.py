"""Losses of embeddings, unreduced.

Shapes: B records of a batch, P texts of a record, D numbers of an embedding.
"""

from bert_tf.ground import lazy

ops = lazy("keras.ops")
embedding = lazy("bert_tf.models.embedding")

SCALE = 20.0  # Of cosines before the softmax, as in sentence-transformers.


def cosine(rows, embeddings):
    """Returns the squared difference of cosine and label, float32 [B].

    Args:
        rows: dict with `label`, float32 [B].
        embeddings: float32 [B, 2, D].
    """
    first, second = unit_sides(embeddings)
    return ops.square(ops.sum(first * second, axis=-1) - rows["label"])


def negatives(rows, embeddings):
    """Returns the cross-entropy of a first text's own second text, float32 [B].

    It is told from the second texts of all other records (Henderson et al., 2017,
    "Efficient Natural Language Response Suggestion for Smart Reply") and from the
    negatives of all records, its own among them.

    Args:
        rows: dict, perhaps with `weight`, float32 [B]: 0 for padding.
        embeddings: float32 [B, P, D]: first and second texts, and negatives.
    """
    first, *others = unit_sides(embeddings)
    logits = SCALE * ops.matmul(first, ops.transpose(ops.concatenate(others)))
    if "weight" in rows:  # Padding is no negative of others.
        is_real = ops.tile(rows["weight"] > 0, len(others))
        logits = ops.where(is_real, logits, -1e9)  # [B, B·(P - 1)]
    own = ops.diagonal(logits)
    return ops.logsumexp(logits, axis=-1) - own


LOSSES = {"cosine": cosine, "negatives": negatives}


def mean_over_widths(loss, rows, embeddings, widths):
    """Returns the mean of a loss over prefixes of the embeddings (Kusupati et al., 2022).

    Args:
        loss: function(rows, embeddings) → float32 [B].
        rows, embeddings: its arguments.
        widths: numbers of the embeddings to keep, each a prefix of them; empty for all.
    """
    if not widths:
        return loss(rows, embeddings)
    losses = [loss(rows, embeddings[..., :width]) for width in widths]
    return sum(losses) / len(losses)


def unit_sides(embeddings):
    """Returns the embeddings of the first texts, the second and so on, [B, D], of length 1."""
    sides = range(embeddings.shape[1])
    return [embedding.unit_length(embeddings[:, side]) for side in sides]
