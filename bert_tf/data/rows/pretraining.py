"""From drawn examples to masked, packed rows.

Shapes: B examples, L pieces of an example, T pieces of all, M masked ones, R rows, S
tokens a row.
"""

import numpy as np
import tensorflow as tf

from bert_tf.data.corpus.masking import NOT_MASKED
from bert_tf.data.rows.packing import pack, places_of
from bert_tf.data.rows.pipeline import micro_batch_numbers


def row_maker(features):
    """Returns what turns drawn texts into rows; traced once, however many streams use it.

    Args:
        features: function from a dict with `first`, `second` (int32 ragged [B, (L)]),
            `label` and `mask_seed` to a dict with ragged `input_ids`, `segment_ids` and
            `masked_lm_ids` (`NOT_MASKED` where nothing is hidden).
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
        make_rows: see `row_maker`.
        batch_size: examples of a micro-batch.
        micro_batches: how many make one update, over all replicas.
        seed: of dropout.
        start_step: first update.
        share: which of them this worker takes, see `micro_batch_numbers`.

    Returns:
        `tf.data.Dataset` of rows (see `pack`) with `masked_lm_positions` and
        `masked_lm_ids`, int32 [M], `next_sentence_labels`, int32 [B], and
        `dropout_seed`, int32 [2].
    """

    @tf.autograph.experimental.do_not_convert
    def seeded(number, rows):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return rows | {"dropout_seed": dropout_seed}

    numbers = micro_batch_numbers(start_step * micro_batches, micro_batches, share)
    begins = numbers.map(lambda number: number * batch_size)
    rows = _rows(begins, examples, make_rows, lambda begin: begin + batch_size)
    return tf.data.Dataset.zip(numbers, rows).map(seeded).prefetch(4)


def held_out_rows(examples, make_rows, *, batch_size, most=0):
    """Streams examples once, packed and masked, always the same.

    Args:
        examples, make_rows, batch_size: as in `pretraining_rows`.
        most: examples at most, drawn by chance; 0 for all of an epoch.
    """
    count = examples.epoch_size()
    count = min(most or count, count)
    begins = tf.data.Dataset.range(0, count, batch_size)
    return _rows(
        begins, examples, make_rows, lambda begin: tf.minimum(begin + batch_size, count)
    ).prefetch(4)


def _rows(begins, examples, make_rows, end_of):
    def draw(begin, end):
        drawn = [examples[place] for place in range(begin, end)]
        texts = [[example.first for example in drawn]]
        texts.append([example.second for example in drawn])
        return (
            *(np.concatenate(side).astype(np.int32) for side in texts),
            *(np.array(list(map(len, side)), np.int64) for side in texts),
            np.array([example.label for example in drawn], np.int32),
            np.array([example.mask_seed for example in drawn], np.int64),
        )

    types = (tf.int32, tf.int32, tf.int64, tf.int64, tf.int32, tf.int64)

    @tf.autograph.experimental.do_not_convert
    def drawn(begin):
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

    return begins.map(drawn).map(make_rows, num_parallel_calls=2)


def _flatten(rows):
    """Turns `masked_lm_ids`, ragged [B, (L)] with gaps, into [M] and their positions."""
    rows = dict(rows)
    ids = rows.pop("masked_lm_ids")
    example, places = places_of(ids)
    positions = tf.gather(rows["first_token"], example) + tf.cast(places, tf.int32)
    hidden = ids.values != NOT_MASKED
    return rows | {
        "masked_lm_positions": tf.boolean_mask(positions, hidden),
        "masked_lm_ids": tf.boolean_mask(ids.values, hidden),
    }
