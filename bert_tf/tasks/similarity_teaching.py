"""What an embedder learns from a reranker: its scores of the texts of each record.

Shapes: B records of a batch, P texts of a record, D numbers of an embedding.
"""

import dataclasses

from bert_tf.ground import lazy
from bert_tf.tasks.similarity_losses import SCALE, unit_sides

ops = lazy("keras.ops")


def as_rankings(table):
    """Returns the `Table` that a reranker reads: first texts as queries, the others as passages.

    Raises:
        ValueError: the records have no negatives, so there is nothing to rank.
    """
    if "negatives" not in table.records[0]:
        raise ValueError(
            f"{table.path}: a reranker teaches how texts rank, but each record has one "
            "text besides the first; give triplets, or pass --mine_negatives=5."
        )
    records = [
        {"text": x["text"], "passages": [x["text_pair"], *x["negatives"]]}
        for x in table.records
    ]
    return dataclasses.replace(table, records=records)


def ranking_logits(embeddings, widths=()):
    """Returns 20 times the cosines of first texts with the others, a list of [B, P - 1].

    Args:
        embeddings: float32 [B, P, D].
        widths: numbers of the embeddings to keep, an entry of the list for each; empty for
            all of them.
    """
    logits = []
    for width in widths or (embeddings.shape[-1],):
        first, *others = unit_sides(embeddings[..., :width])
        cosines = [ops.sum(first * other, axis=-1) for other in others]
        logits.append(SCALE * ops.stack(cosines, axis=1))
    return logits
