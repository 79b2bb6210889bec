"""Pads batches to few shapes, because XLA compiles for each shape.

Padding changes no result: its tokens have `sequence_ids` 0, its examples `weight` 0 and its
masked tokens `masked_lm_weight` 0.

Shapes: U micro-batches of an update, B examples, R rows, S tokens of a row, M masked tokens.
"""

import functools
import itertools

import numpy as np

from bert_tf.data.rows.packing import ROW_LENGTH_OF_EQUAL_COST

# Padding that is not 0: a place or an example that is none, a window of no record.
_ABSENT = ("places", "mask_places", "lists", "record", "example_number")
_PADDING = dict.fromkeys(_ABSENT, -1)
# The micro-batches that show which shapes a run needs.
_SEEN = 32
# What belongs to the micro-batch as a whole.
_UNPADDED = ("dropout_seed",)
# What has an entry for each record, the surest first; a record may have several examples.
_OF_RECORDS = ("label", "next_sentence_labels", "records", "choices", "texts")


def choose_row_length(max_seq_length):
    """Returns the row length S of a run whose longest examples have `max_seq_length` tokens.

    It is the multiple of 128, the tile of accelerators, in which examples of that length
    cost least; it holds one or two of them, or more if they are short.
    """

    def cost(length):
        filled = length // max_seq_length * max_seq_length
        return length * (length + ROW_LENGTH_OF_EQUAL_COST) / filled

    shortest, longest = (-(-n * max_seq_length // 128) * 128 for n in (1, 2))
    return min(range(shortest, longest + 1, 128), key=cost)


def round_up(count):
    """Returns the next of eight sizes an octave: 1 to 16, 18, 20, … 32, 36, 40, … 64, 72, …"""
    step = 1 << max(0, max(count - 1, 0).bit_length() - 4)
    return max(-(-count // step) * step, 1)


def stack(batches):
    """Stacks the micro-batches of an update, each padded to the largest of them.

    Args:
        batches: list of U dicts of arrays, as `pack` returns them, of one row length.

    Returns:
        {name: array [U, …]}. The features are those of `batches` and `weight`, float32: 1
        for an example, or for a record of several, and 0 for padding; and with
        `masked_lm_ids` `masked_lm_weight`, the same for masked tokens.
    """
    batches = list(map(_add_weights, batches))
    shapes = _largest(map(_shapes, batches))
    padded = [widen(batch, shapes) for batch in batches]
    return {name: np.stack([rows[name] for rows in padded]) for name in shapes}


def widen(rows, shapes):
    """Returns rows padded to {name: shape}, none of them smaller."""
    return {
        name: _pad(array, shapes[name], _PADDING.get(name, 0))
        for name, array in rows.items()
    }


def round_up_rows(rows):
    """Returns the rows of a batch with the weights of `stack`, padded to rounded sizes.

    The first axis of each feature, such as B, R or M, is rounded up: M to a part of R·S,
    others as `round_up` does; so is the number of `places` of an example.
    """
    rows = _add_weights(rows)
    shapes = _shapes(rows)
    return widen(rows, {name: _round_up_shape(name, shapes) for name in shapes})


def in_few_shapes(make_rows, micro_batches):
    """Returns function(number of a micro-batch) -> its rows, padded to one of few shapes.

    The first micro-batches show which sizes there are, and three shapes hold them with the
    least padding. Larger ones, which are rare, have sizes that grow by eighths. As the
    first micro-batches are always the same ones, a resumed run pads as it would have
    without the interruption.

    Args:
        make_rows: function(number) -> rows, of any number from 0.
        micro_batches: number of micro-batches of an update, which is padded to the largest.
    """

    @functools.cache
    def plan():
        seen = [_shapes(_add_weights(make_rows(number))) for number in range(_SEEN)]
        return _choose_shapes(seen, micro_batches)

    def make_padded(number):
        rows = _add_weights(make_rows(number))
        needed = _shapes(rows)
        for shapes in plan():
            if all(np.all(needed[name] <= shapes[name]) for name in needed):
                return widen(rows, shapes)
        return widen(rows, {name: _grow(shapes[name], needed[name]) for name in needed})

    return make_padded


def _choose_shapes(seen, micro_batches):
    """Returns three shapes for updates, the smallest first.

    The last one has room for what was not seen. The others are those that leave the least
    padding.

    Args:
        seen: list of the shapes of micro-batches.
        micro_batches: number of micro-batches of an update; they are drawn from `seen`.
    """
    random = np.random.default_rng(0)
    orders = [random.permutation(len(seen)) for _ in range(micro_batches)]
    updates = [_largest(seen[number] for number in draw) for draw in zip(*orders)]
    updates.sort(key=_size)
    smallest = _largest(updates, np.min)
    # Each holds the updates up to its own.
    shapes = [*itertools.accumulate(updates, lambda *both: _largest(both))]
    largest = shapes[-1]
    room = {n: (largest[n] > smallest[n]) * (largest[n] // 16 + 1) for n in largest}
    last = {name: largest[name] + room[name] for name in largest}
    sizes = list(map(_size, shapes))

    def cost(places):
        first, second = places
        held = (first + 1, second - first, len(shapes) - 1 - second)
        return np.dot(held, (sizes[first], sizes[second], _size(last)))

    places = min(itertools.combinations(range(len(shapes)), 2), key=cost)
    return [*(shapes[place] for place in places), last]


def _size(shapes):
    return sum(int(np.prod(shape)) for shape in shapes.values())


def _shapes(rows):
    """Returns {name: shape} that rows need; an empty batch needs a place, too."""
    return {name: np.maximum(array.shape, 1) for name, array in rows.items()}


def _largest(shapes, choose=np.max):
    """Returns {name: shape} that holds all of the shapes, an iterable of the same."""
    shapes = list(shapes)
    return {n: choose([each[n] for each in shapes], axis=0) for n in shapes[0]}


def _grow(shape, needed):
    """Returns a shape, of which axes that are too small are larger by some eighths."""
    step = np.maximum(shape // 8, 1)
    return shape + np.maximum(-(-(needed - shape) // step), 0) * step


def _add_weights(rows):
    """Returns rows with the weights of examples and of masked tokens."""
    owner = next((name for name in _OF_RECORDS if name in rows), "first_token")
    weights = {"weight": np.ones(len(rows[owner]), np.float32)}
    if "masked_lm_ids" in rows:
        weights["masked_lm_weight"] = np.ones(len(rows["masked_lm_ids"]), np.float32)
    return weights | rows


def _round_up_shape(name, shapes):
    """Returns the shape of one feature of {name: shape}, rounded up."""
    if name in _UNPADDED:
        return shapes[name]
    first, *rest = shapes[name].tolist()
    if name.startswith("masked_lm"):
        # A thirty-second of the tokens: with 15 % masked, M mostly follows from R.
        step = max(int(np.prod(shapes["input_ids"])) // 32, 1)
        return [max(-(-first // step), 1) * step]
    if name in ("places", "mask_places") or (
        # Labels of words have one column for each place.
        name == "label"
        and "places" in shapes
        and np.array_equal(shapes[name], shapes["places"])
    ):
        rest = map(round_up, rest)
    return [round_up(first), *rest]


def _pad(array, shape, value):
    padding = [(0, size - own) for size, own in zip(shape, array.shape)]
    return np.pad(array, padding, constant_values=value)
