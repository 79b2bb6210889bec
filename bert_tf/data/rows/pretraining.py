"""Streams masked, packed rows from the examples of a store.

Shapes: B examples, L tokens of an example, M masked tokens of all examples.
"""

import numpy as np

from bert_tf.data.corpus.masking import NOT_MASKED
from bert_tf.data.rows.packing import pack
from bert_tf.data.rows.pipeline import micro_batch_numbers
from bert_tf.ground import lazy
from bert_tf.tokenization.framing import places_of

tf = lazy("tensorflow")


def row_maker(features):
    """Returns a function from drawn texts to rows, traced once for all streams.

    Args:
        features: function from a dict with `first`, `second` (int32 ragged [B, (L)]),
            `label` and `mask_seed` to a dict with ragged `input_ids`, `segment_ids` and
            `masked_lm_ids` (`NOT_MASKED` where a token is not masked).
    """
    return tf.function(lambda texts: _flatten(pack(features(texts))), autograph=False)


def pretraining_rows(
    examples,
    make_rows,
    *,
    batch_size,
    micro_batches=1,
    seed=0,
    start_step=0,
    share=(1, 0),
):
    """Streams packed, masked micro-batches without end.

    Args:
        examples: `Examples`.
        make_rows: function from `row_maker`.
        batch_size: number of examples of a micro-batch.
        micro_batches: number of micro-batches of one update, over all replicas.
        seed: of dropout.
        start_step: number of the first update.
        share: the micro-batches of this worker, see `micro_batch_numbers`.

    Returns:
        `tf.data.Dataset` of rows (see `pack`) with `masked_lm_positions` and
        `masked_lm_ids`, int32 [M], `next_sentence_labels`, int32 [B], and
        `dropout_seed`, int32 [2].
    """

    @tf.autograph.experimental.do_not_convert
    def add_seed(number, rows):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return rows | {"dropout_seed": dropout_seed}

    numbers = micro_batch_numbers(start_step * micro_batches, micro_batches, share)
    begins = numbers.map(lambda number: number * batch_size)
    rows = _rows(begins, examples, make_rows, lambda begin: begin + batch_size)
    return tf.data.Dataset.zip(numbers, rows).map(add_seed).prefetch(4)


def held_out_rows(examples, make_rows, *, batch_size, most=0):
    """Streams examples once, packed and masked in the same way at every iteration.

    Args:
        examples, make_rows, batch_size: as in `pretraining_rows`.
        most: largest number of examples, the first ones of the first epoch, which is in
            random order; 0 means the whole epoch.
    """
    count = examples.epoch_size()
    count = min(most or count, count)
    begins = tf.data.Dataset.range(0, count, batch_size)
    return _rows(
        begins, examples, make_rows, lambda begin: tf.minimum(begin + batch_size, count)
    ).prefetch(4)


def _rows(begins, examples, make_rows, end_of):
    """Returns a data set of rows, each batch of which holds examples [begin, end)."""

    def draw(begin, end):
        batch = [examples[place] for place in range(begin, end)]
        sides = [[example.first for example in batch]]
        sides.append([example.second for example in batch])
        return (
            *(np.concatenate(texts).astype(np.int32) for texts in sides),
            *(np.array(list(map(len, texts)), np.int64) for texts in sides),
            np.array([example.label for example in batch], np.int32),
            np.array([example.mask_seed for example in batch], np.int64),
        )

    types = (tf.int32, tf.int32, tf.int64, tf.int64, tf.int32, tf.int64)

    @tf.autograph.experimental.do_not_convert
    def read_batch(begin):
        parts = tf.numpy_function(draw, [begin, end_of(begin)], types, stateful=False)
        for part in parts:
            part.set_shape([None])
        first, second, first_lengths, second_lengths, label, mask_seed = parts
        return {
            "first": tf.RaggedTensor.from_row_lengths(first, first_lengths),
            "second": tf.RaggedTensor.from_row_lengths(second, second_lengths),
            "label": label,
            "mask_seed": mask_seed,
        }

    return begins.map(read_batch).map(make_rows, num_parallel_calls=2)


def _flatten(rows):
    """Replaces ragged `masked_lm_ids` by the masked ids only, [M], and their positions."""
    rows = dict(rows)
    ids = rows.pop("masked_lm_ids")
    example, places = places_of(ids)
    positions = tf.gather(rows["first_token"], example) + tf.cast(places, tf.int32)
    masked = ids.values != NOT_MASKED
    return rows | {
        "masked_lm_positions": tf.boolean_mask(positions, masked),
        "masked_lm_ids": tf.boolean_mask(ids.values, masked),
    }
