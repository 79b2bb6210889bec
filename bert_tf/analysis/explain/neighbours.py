"""The training records whose texts are nearest in the model's own space.

Shapes: N records, H hidden size.
"""

import numpy as np

from bert_tf.analysis.explain.examples import make_examples, pad
from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")

_BATCH = 64


def embed(model, records):
    """Returns the mean of the last hidden states of each record's tokens, of length 1.

    Args:
        model: `bert_tf.Model`.
        records: dicts with the fields of its task.

    Returns:
        float32 [N, H].
    """
    examples = make_examples(model.task, records)
    compute = tf.function(
        lambda batch: _mean_state(model.keras_model.backbone, batch),
        reduce_retracing=True,
        autograph=False,
    )
    order = np.argsort([-len(example.ids) for example in examples], kind="stable")
    vectors = [None] * len(examples)
    begins = range(0, len(order), _BATCH)
    for begin in progress(begins, "embedding", leave=False, unit="batch"):
        part = order[begin : begin + _BATCH]
        batch = pad(
            model.task.tokenizer,
            [examples[n].ids for n in part],
            [examples[n].segments for n in part],
        )
        batch = {name: tf.constant(array) for name, array in batch.items()}
        for number, vector in zip(part, compute(batch).numpy()):
            vectors[number] = vector
    return np.stack(vectors)


def _mean_state(backbone, batch):
    states = backbone(backbones.as_rows(batch))["sequence_output"]
    weights = tf.cast(batch["input_mask"], tf.float32)[:, :, None]
    return tf.math.l2_normalize(tf.reduce_sum(states * weights, axis=1), axis=-1)


def find_nearest(vectors, others, count):
    """Returns the nearest of other vectors: indices and cosines, [N, count] each.

    Args:
        vectors, others: float32 [N, H] and [M, H], of length 1.
    """
    cosines = vectors @ others.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return nearest, np.take_along_axis(cosines, nearest, axis=1)
