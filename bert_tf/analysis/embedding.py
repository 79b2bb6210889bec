"""Vectors of texts: those that a model itself would give, or the means of its states.

Shapes: N texts, B examples of a batch, S tokens of the longest, H hidden size.
"""

import numpy as np

from bert_tf.analysis.adapters import find_adapter
from bert_tf.analysis.explain.examples import make_examples, pad
from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")
tracing = lazy("bert_tf.training.tensorflow.tracing")

_BATCH = 64


def embed_texts(model, texts):
    """Returns the embeddings of texts, float32 [N, H].

    Those of a model of similarity are its own; those of others the last layer's state of
    [CLS] (May et al., 2019).

    Args:
        model: `bert_tf.Model`.
        texts: list of strings.
    """
    if find_adapter(model.task).embeds:
        return np.array([row["embedding"] for row in model.predict(texts)])
    length = model.task.options.max_seq_length
    read = model.task.tokenizer(texts, max_length=length, padding=False)
    ids = [np.array(row, np.int32) for row in read["input_ids"].to_list()]
    segments = [np.zeros(len(own), np.int32) for own in ids]
    return _embed(model, ids, segments, lambda states, mask: states[:, 0])


def embed_records(model, records):
    """Returns the mean of the last hidden states of each record's tokens, of length 1.

    Args:
        model: `bert_tf.Model`.
        records: dicts with the fields of its task.

    Returns:
        float32 [N, H].
    """
    examples = make_examples(model.task, records)
    return _embed(
        model,
        [example.ids for example in examples],
        [example.segments for example in examples],
        _mean_state,
    )


def find_nearest(vectors, others, count):
    """Returns the nearest of other vectors: indices and cosines, [N, count] each.

    Args:
        vectors, others: float32 [N, H] and [M, H], of length 1.
    """
    cosines = vectors @ others.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return nearest, np.take_along_axis(cosines, nearest, axis=1)


def _embed(model, ids, segments, pool):
    """Returns what `pool` makes of the last hidden states, float32 [N, H].

    Args:
        ids, segments: lists of N int32 [tokens].
        pool: function(states [B, S, H], input_mask [B, S]) → float32 [B, H].
    """
    backbone = model.keras_model.backbone
    compute = tracing.trace_once(
        lambda batch: pool(
            backbone(backbones.as_rows(batch))["sequence_output"], batch["input_mask"]
        )
    )
    order = np.argsort([-len(own) for own in ids], kind="stable")
    vectors = [None] * len(ids)
    begins = range(0, len(order), _BATCH)
    for begin in progress(begins, "embedding", leave=False, unit="batch"):
        part = order[begin : begin + _BATCH]
        batch = pad(
            model.task.tokenizer, [ids[n] for n in part], [segments[n] for n in part]
        )
        for number, vector in zip(part, compute(batch).numpy()):
            vectors[number] = vector
    return np.stack(vectors)


def _mean_state(states, mask):
    weights = tf.cast(mask, tf.float32)[:, :, None]
    return tf.math.l2_normalize(tf.reduce_sum(states * weights, axis=1), axis=-1)
