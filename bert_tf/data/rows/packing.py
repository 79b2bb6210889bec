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
# Of the length of rows of targets that would be as full as those of sources, in percent.
MARGINS = (94, 100, 106, 112)


def pack(example, *, row_length=None, target_row_length=None, trim_one=False):
    """Packs a batch of examples into rows.

    An example with a target has a place in the same row on both sides, so that it can
    attend to its source within the row.

    Args:
        example: dict with `input_ids` and `segment_ids`, int32 ragged [B, (L)]; perhaps
            `target_ids`, int32 ragged [B, (n)], as [CLS] … [SEP]. Other features, such as
            labels, are returned unchanged.
        row_length: S; None takes the one of `row_lengths` that makes the batch cheapest.
        target_row_length: the same of targets.
        trim_one: whether an example without company gets a row of its own length, as a
            request to a server should; training keeps to few row lengths.

    Returns:
        dict with int32 [R, S] `input_ids`, `segment_ids`, `position_ids` (from 0 in each
        example) and `sequence_ids` (1 + the index of the example in the batch; 0 is
        padding); and int32 [B] `first_token`, flat indices into R·S. With targets, which
        have rows of another length, also int32 [R, St] `target_input_ids` (all but the
        last token), `target_labels` (all but the first), `target_position_ids` and
        `target_sequence_ids`; and int32 [B] `target_first_token`, indices into R·St.

    Raises:
        InvalidArgumentError (of TensorFlow; ValueError of NumPy): an example is longer
            than `row_length`.
    """
    example, xp = dict(example), operations(example["input_ids"])
    sides = [{name: example[name] for name in ("input_ids", "segment_ids")}]
    if "target_ids" in example:
        sides.append(_shift(example.pop("target_ids")))
    lengths = [next(iter(side.values())).row_lengths() for side in sides]
    lengths = xp.cast(xp.stack(lengths, axis=1), xp.int32)  # [B, D]
    choices = _choose_lengths(lengths, [row_length, target_row_length])  # [K, D]
    if trim_one:
        is_one = xp.shape(lengths)[0] == 1
        choices = xp.where(is_one, xp.reduce_max(lengths, axis=0), choices)
    row, start = first_fit(lengths, choices)  # [K, B], [K, B, D]
    needed = xp.reduce_max(xp.pad(row + 1, [[0, 0], [1, 0]], constant_values=1), axis=1)
    cheapest = xp.argmin(_cost(xp.cast(needed, xp.int64), xp.cast(choices, xp.int64)))
    row, start, needed = row[cheapest], start[cheapest], needed[cheapest]
    for number, (side, prefix) in enumerate(zip(sides, ("", "target_"))):
        length = choices[cheapest, number]
        first_token = row * length + start[:, number]
        laid = _lay(side, first_token, needed, length)
        laid |= {"first_token": first_token}
        example |= {prefix + name: value for name, value in laid.items()}
    return example


def _shift(target_ids):
    """Returns what the decoder reads of targets, and what it predicts at these places."""
    xp = operations(target_ids)
    examples, places = places_of(target_ids)
    lengths = target_ids.row_lengths()
    is_last = places == xp.gather(lengths, examples) - 1

    def keep(chosen):
        values = xp.boolean_mask(target_ids.values, chosen)
        return xp.RaggedTensor.from_row_lengths(values, lengths - 1, validate=False)

    return {"input_ids": keep(~is_last), "labels": keep(places > 0)}


def _lay(tokens, first_token, rows, row_length):
    """Writes the tokens of examples into rows, each example at its `first_token`.

    Args:
        tokens: {name: int32 ragged [B, (L)]}, all of the same lengths.
        first_token: int32 [B].

    Returns:
        {name: int32 [R, S]} of the same names, `position_ids` and `sequence_ids`.
    """
    xp = operations(first_token)
    examples, places = places_of(next(iter(tokens.values())))
    places = xp.cast(places, xp.int32)
    values = {name: ragged.values for name, ragged in tokens.items()} | {
        "position_ids": places,
        "sequence_ids": xp.cast(examples, xp.int32) + 1,
    }
    indices = xp.gather(first_token, examples) + places  # [T]
    columns = xp.stack(list(values.values()), axis=1)
    flat = xp.scatter_nd(indices[:, None], columns, [rows * row_length, len(values)])
    laid = xp.unstack(xp.reshape(flat, [rows, row_length, len(values)]), axis=-1)
    return dict(zip(values, laid))


def _choose_lengths(lengths, given):
    """Returns the row lengths to try, int32 [K, D].

    Args:
        lengths: int32 [B, D], of each example on each side.
        given: the row length of each side, perhaps None.
    """
    xp = operations(lengths)
    sides = [lengths[:, side] for side in range(lengths.shape[1])]
    for side, length in zip(sides, given):
        if length is not None:
            xp.debugging.assert_less_equal(side, length, "example longer than a row")
    sources = row_lengths(sides[0])
    if given[0] is not None:
        sources = xp.constant([given[0]], xp.int32)
    if len(sides) == 1:
        return sources[:, None]
    if given[1] is None:
        targets = _target_row_lengths(sides, sources)
    else:
        targets = xp.fill([xp.size(sources), 1], xp.constant(given[1], xp.int32))
    sources = xp.broadcast_to(sources[:, None], xp.shape(targets))
    return xp.reshape(xp.stack([sources, targets], axis=-1), [-1, 2])


def _target_row_lengths(sides, sources):
    """Returns lengths for rows of targets, int32 [K, M], to try with each length of sources.

    In a row that is full on both sides, the lengths are as the tokens of the batch. Since
    no row is as the whole batch, rows of targets may also be a little longer.

    Args:
        sides: two int32 [B], the lengths of sources and of targets.
        sources: int32 [K], lengths of rows of sources.
    """
    xp = operations(sources)
    source, target = (
        xp.reduce_max(xp.stack([xp.reduce_sum(xp.cast(side, xp.int64)), 1]))
        for side in sides
    )
    longest = xp.reduce_max(xp.pad(sides[1], [[0, 1]], constant_values=1))
    even = (
        xp.cast(sources, xp.int64)[:, None] * target * xp.constant(MARGINS, xp.int64)
    )  # [K, M]
    even = xp.cast(even // (source * 100), xp.int32)
    return (xp.maximum(even, longest) + 7) // 8 * 8


def _cost(rows, lengths):
    """Returns the relative time of rows, int64 [K].

    Args:
        rows: int64 [K], their number.
        lengths: int64 [K, D].
    """
    xp = operations(rows)
    costs = rows * lengths[:, 0] * (lengths[:, 0] + ROW_LENGTH_OF_EQUAL_COST)
    if lengths.shape[1] == 1:
        return costs
    # A token of a target also attends to its source, and the output layer has a number
    # for each token of the vocabulary.
    each = xp.reduce_sum(lengths, axis=1) + ROW_LENGTH_OF_EQUAL_COST * 3 // 2
    return costs + rows * lengths[:, 1] * each


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
    With two sides, a row must have room on both, and the longest is the one that takes
    the largest parts of both together.

    Args:
        lengths: int32 [B, D], of D sides, none above any of `row_lengths`.
        row_lengths: int32 [K, D], values of S, each of which is tried by itself.

    Returns:
        The row of each example, int32 [K, B], and the places in the row where the
        example begins, int32 [K, B, D].
    """
    xp = operations(lengths)
    if lengths.shape[1] == 1:
        size = lengths[:, 0]
    else:
        long = xp.cast(lengths, xp.int64)
        first, second = xp.unstack(xp.reduce_sum(long, axis=0), axis=0)
        size = long[:, 0] * second + long[:, 1] * first
    if isinstance(lengths, np.ndarray):
        return _first_fit_of_arrays(lengths, row_lengths, size)
    count, trials = tf.shape(lengths)[0], tf.range(tf.shape(row_lengths)[0])
    order = tf.argsort(size, direction="DESCENDING", stable=True)
    ordered = tf.gather(lengths, order)

    def place(number, free, chosen, begins):
        length = ordered[number]  # [D]
        fits = tf.reduce_all(free >= length, axis=-1)
        row = tf.argmax(tf.cast(fits, tf.int32), 1, output_type=tf.int32)
        room = tf.gather(free, row, batch_dims=1)  # [K, D]
        taken = tf.broadcast_to(length, tf.shape(room))
        free = tf.tensor_scatter_nd_sub(free, tf.stack([trials, row], 1), taken)
        return (
            number + 1,
            free,
            chosen.write(number, row),
            begins.write(number, row_lengths - room),
        )

    def make_array(shape):
        return tf.TensorArray(tf.int32, size=count, element_shape=shape)

    _, _, chosen, begins = tf.while_loop(
        lambda number, *_: number < count,
        place,
        (
            0,
            tf.tile(row_lengths[:, None], [1, count, 1]),
            make_array(row_lengths.shape[:1]),
            make_array(row_lengths.shape),
        ),
    )
    inverse = tf.math.invert_permutation(order)
    return (
        tf.transpose(tf.gather(chosen.stack(), inverse)),
        tf.transpose(tf.gather(begins.stack(), inverse), [1, 0, 2]),
    )


def _first_fit_of_arrays(lengths, row_lengths, size):
    """Returns what `first_fit` returns, by NumPy."""
    (count, sides), trials = lengths.shape, np.arange(len(row_lengths))
    free = np.repeat(row_lengths[:, None], count, axis=1)  # [K, B, D]
    chosen = np.zeros([len(row_lengths), count], np.int32)
    begins = np.zeros([len(row_lengths), count, sides], np.int32)
    for number in np.argsort(-size, kind="stable"):
        length = lengths[number]
        row = (free >= length).all(axis=-1).argmax(axis=1)
        room = free[trials, row]
        free[trials, row] = room - length
        chosen[:, number] = row
        begins[:, number] = row_lengths - room
    return chosen, begins
