"""Pads batches to few shapes, because XLA compiles for each shape.

Padding changes no result: its tokens have `sequence_ids` 0, its examples `weight` 0 and its
masked tokens `masked_lm_weight` 0.

Shapes: U micro-batches of an update, B examples, R rows, S tokens of a row, M masked tokens.
"""

import numpy as np

from bert_tf.data.rows.packing import ROW_LENGTH_OF_EQUAL_COST

# Padding that is not 0: a place that is none, a window of no record, an example that is none.
_PADDING = {"places": -1, "mask_places": -1, "record": -1, "example_number": -1}
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
    """Stacks the micro-batches of an update, each feature padded to a shape of few.

    Args:
        batches: list of U dicts of arrays, as `pack` returns them, of one row length.

    Returns:
        {name: array [U, …]}. The first axis of each micro-batch, such as B, R or M, is the
        largest of them, rounded up: M to a part of R·S, others as `round_up` does; so is
        the number of `places` of an example. The features are those of `batches` and
        `weight`, float32: 1 for an example, or for a record of several, and 0 for padding;
        and with `masked_lm_ids` `masked_lm_weight`, the same for masked tokens.
    """
    batches = list(map(_add_weights, batches))
    stacked = {}
    for name in batches[0]:
        arrays = [batch[name] for batch in batches]
        if name not in _UNPADDED:
            shapes = [_padded_shape(name, batch) for batch in batches]
            shape = np.max(shapes, axis=0)
            arrays = [_pad(array, shape, _PADDING.get(name, 0)) for array in arrays]
        stacked[name] = np.stack(arrays)
    return stacked


def widen(stacked, shapes):
    """Pads what `stack` returns further.

    Args:
        stacked: {name: array [U, …]}.
        shapes: {name: shape}, none of them smaller; U stays.
    """
    return {
        name: _pad(array, shapes[name], _PADDING.get(name, 0))
        for name, array in stacked.items()
    }


def _add_weights(rows):
    """Returns rows with the weights of examples and of masked tokens."""
    owner = next((name for name in _OF_RECORDS if name in rows), "first_token")
    weights = {"weight": np.ones(len(rows[owner]), np.float32)}
    if "masked_lm_ids" in rows:
        weights["masked_lm_weight"] = np.ones(len(rows["masked_lm_ids"]), np.float32)
    return weights | rows


def _padded_shape(name, rows):
    """Returns the shape of one feature of a micro-batch, rounded up."""
    first, *rest = rows[name].shape
    if name.startswith("masked_lm"):
        # A thirty-second of the tokens: with 15 % masked, M mostly follows from R.
        step = max(rows["input_ids"].size // 32, 1)
        return [max(-(-first // step), 1) * step]
    if name in ("places", "mask_places") or (
        # Labels of words have one column for each place.
        name == "label"
        and "places" in rows
        and rows[name].shape == rows["places"].shape
    ):
        rest = map(round_up, rest)
    return [round_up(first), *rest]


def _pad(array, shape, value):
    padding = [(0, size - own) for size, own in zip(shape, array.shape)]
    return np.pad(array, padding, constant_values=value)
