"""Packs examples into rows.

Tensors and NumPy arrays run the same text, see `bert_tf.tokenization.arrays`, and so do
training and serving. Only first fit, a loop, is written twice.

Shapes: B examples, L tokens of an example, T tokens of all examples, R rows, S tokens of
a row, K row lengths to try.
"""

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import places_of

tf = lazy("tensorflow")

# Shorter rows hold too few examples to be filled well.
SHORTEST_ROW = 32
# A token takes about 24·H² operations in dense layers and 4·S·H in attention, where softmax
# and dropout add to the time. Both take equal time at S of about 2,048 for H of 384 to 768.
ROW_LENGTH_OF_EQUAL_COST = 2048


def pack(example, *, row_length=None):
    """Packs a batch of examples into rows.

    Args:
        example: dict with `input_ids` and `segment_ids`, int32 ragged [B, (L)]. Other
            features, such as labels, are returned unchanged.
        row_length: S; None takes the one of `row_lengths` that makes the batch cheapest.

    Returns:
        dict with int32 [R, S] `input_ids`, `segment_ids`, `position_ids` (from 0 in each
        example) and `sequence_ids` (1 + the index of the example in the batch; 0 is
        padding); and int32 [B] `first_token`, flat indices into R·S.

    Raises:
        InvalidArgumentError (of TensorFlow; ValueError of NumPy): an example is longer
            than `row_length`.
    """
    xp = operations(example["input_ids"])
    lengths = xp.cast(example["input_ids"].row_lengths(), xp.int32)
    if row_length is None:
        choices = row_lengths(lengths)
    else:
        choices = xp.constant([row_length])
        xp.debugging.assert_less_equal(lengths, row_length, "example longer than a row")
    row, start = first_fit(lengths, choices)  # [K, B]
    needed = xp.reduce_max(xp.pad(row + 1, [[0, 0], [1, 0]], constant_values=1), axis=1)
    tokens = xp.cast(needed * choices, xp.int64)
    costs = tokens * xp.cast(choices + ROW_LENGTH_OF_EQUAL_COST, xp.int64)
    cheapest = xp.argmin(costs)
    row, start, needed = row[cheapest], start[cheapest], needed[cheapest]
    if row_length is None:
        row_length = choices[cheapest]
    return lay(example, row * row_length + start, needed, row_length)


def lay(example, first_token, rows, row_length):
    """Writes each example into the rows at its `first_token`, int32 [B]; see `pack`."""
    xp = operations(first_token)
    input_ids, segment_ids = example["input_ids"], example["segment_ids"]
    examples, places = places_of(input_ids)
    places = xp.cast(places, xp.int32)
    tokens = xp.stack(
        [
            input_ids.values,
            segment_ids.values,
            places,
            xp.cast(examples, xp.int32) + 1,
        ],
        axis=1,
    )  # [T, 4]
    indices = xp.gather(first_token, examples) + places  # [T]
    flat = xp.scatter_nd(indices[:, None], tokens, [rows * row_length, 4])
    laid = xp.unstack(xp.reshape(flat, [rows, row_length, 4]), axis=-1)
    names = ("input_ids", "segment_ids", "position_ids", "sequence_ids")
    return example | dict(zip(names, laid)) | {"first_token": first_token}


def row_lengths(lengths):
    """Returns eight row lengths to try, int32 [8]: the longest example to twice its length.

    All are multiples of 8. Examples of nearly equal length leave much of a row empty
    unless the row is a multiple of their length, so `pack` tries several lengths.
    """
    xp = operations(lengths)
    longest = xp.reduce_max(xp.pad(lengths, [[0, 1]], constant_values=SHORTEST_ROW))
    return (longest * xp.range(7, 15, dtype=xp.int32) + 55) // 56 * 8


def first_fit(lengths, row_lengths):
    """Assigns each example, longest first, to the first row that has room for it.

    First-fit decreasing needs at most 11/9 of the fewest rows possible (Johnson, 1973).

    Args:
        lengths: int32 [B], none above any of `row_lengths`.
        row_lengths: int32 [K], values of S, each of which is tried by itself.

    Returns:
        The row of each example, and the place in the row where the example begins, int32
        [K, B] and [K, B].
    """
    if isinstance(lengths, np.ndarray):
        return _first_fit_of_arrays(lengths, row_lengths)
    count, trials = tf.size(lengths), tf.range(tf.size(row_lengths))
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    ordered = tf.gather(lengths, order)

    def place(number, free, chosen, begins):
        length = ordered[number]
        row = tf.argmax(tf.cast(free >= length, tf.int32), 1, output_type=tf.int32)
        room = tf.gather(free, row, batch_dims=1)  # [K]
        free = tf.tensor_scatter_nd_sub(
            free, tf.stack([trials, row], 1), tf.fill(tf.shape(trials), length)
        )
        return (
            number + 1,
            free,
            chosen.write(number, row),
            begins.write(number, row_lengths - room),
        )

    def make_array():
        return tf.TensorArray(tf.int32, size=count, element_shape=row_lengths.shape)

    _, _, chosen, begins = tf.while_loop(
        lambda number, *_: number < count,
        place,
        (0, tf.tile(row_lengths[:, None], [1, count]), make_array(), make_array()),
    )
    inverse = tf.math.invert_permutation(order)
    return tuple(
        tf.transpose(tf.gather(array.stack(), inverse)) for array in (chosen, begins)
    )


def _first_fit_of_arrays(lengths, row_lengths):
    """Returns what `first_fit` returns, by NumPy."""
    count, trials = len(lengths), np.arange(len(row_lengths))
    free = np.repeat(row_lengths[:, None], count, axis=1)
    chosen, begins = np.zeros([2, len(row_lengths), count], np.int32)
    for number in np.argsort(-lengths, kind="stable"):
        length = lengths[number]
        row = (free >= length).argmax(axis=1)
        room = free[trials, row]
        free[trials, row] = room - length
        chosen[:, number] = row
        begins[:, number] = row_lengths - room
    return chosen, begins
