"""TensorFlow's operations on NumPy arrays: what framing and packing need, by its names.

One text of a function then serves both engines: `xp = operations(tokens)` is TensorFlow
for its tensors, and this module for NumPy arrays and `Ragged`. What NumPy calls the same,
such as `where`, is NumPy's own.
"""

import builtins
import sys
import types

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.ragged import Ragged

tf = lazy("tensorflow")

RaggedTensor = Ragged


def __getattr__(name):
    return getattr(np, name)


def operations(array):
    """Returns the module of an array's operations: TensorFlow, or this one for NumPy."""
    if isinstance(array, (Ragged, np.ndarray, np.generic)):
        return sys.modules[__name__]
    return tf


def constant(value, dtype=None):
    return np.asarray(value, dtype)


def cast(values, dtype):
    return np.asarray(values).astype(dtype)


def size(values, out_type=np.int32):
    return np.asarray(np.size(values), out_type)


def fill(dims, value):
    return np.full(dims, value)


def gather(values, indices):
    """Returns values[indices]; of a `Ragged`, its rows."""
    if not isinstance(values, Ragged):
        return np.asarray(values)[indices]
    starts = values.row_starts()[indices]
    lengths = values.row_lengths()[indices]
    places = ragged.range(starts, starts + lengths)
    return places.with_values(values.values[places.values])


def boolean_mask(values, mask):
    return values[mask]


def concat(arrays, axis):
    """Concatenates arrays, or `Ragged` along their rows (axis 0) or within them (axis 1)."""
    if not isinstance(arrays[0], Ragged):
        return np.concatenate(arrays, axis)
    lengths = [array.row_lengths() for array in arrays]
    values = np.concatenate([array.values for array in arrays])
    if axis == 0:
        return Ragged.from_row_lengths(values, np.concatenate(lengths), validate=False)
    joined = Ragged.from_row_lengths(values, np.sum(lengths, axis=0), validate=False)
    begins = joined.row_starts()
    for array, length in zip(arrays, lengths):
        shift = np.repeat(begins - array.row_starts(), length)
        joined.values[shift + np.arange(len(array.values))] = array.values
        begins = begins + length
    return joined


def add_n(arrays):
    return np.sum(arrays, axis=0)


def reduce_max(values, axis=None):
    return np.max(values, axis)


def reduce_sum(values, axis=None):
    return np.sum(values, axis)


def clip_by_value(values, least, most):
    return np.clip(values, least, most)


def range(*bounds, dtype=None):
    return np.arange(*bounds, dtype=dtype)


def scatter_nd(indices, updates, shape):
    """Returns zeros of a shape with `updates` [N, …] at `indices` [N, 1]."""
    array = np.zeros(shape, updates.dtype)
    array[indices[:, 0]] = updates
    return array


def unstack(values, axis):
    return [values.take(n, axis) for n in builtins.range(values.shape[axis])]


def pad(values, paddings, constant_values=0):
    return np.pad(values, paddings, constant_values=constant_values)


def _ragged_range(starts, limits=None):
    """Returns the numbers from each start (0 if left out) up to each limit, `Ragged`."""
    if limits is None:
        starts, limits = np.zeros_like(starts), starts
    lengths = np.maximum(limits - starts, 0)
    splits = np.concatenate([[0], np.cumsum(lengths)])
    values = np.arange(splits[-1]) + np.repeat(starts - splits[:-1], lengths)
    return Ragged(values.astype(starts.dtype), splits)


ragged = types.SimpleNamespace(range=_ragged_range)


def _segment_sum(values, segments):
    """Returns the sums of the values [N] of each segment, whose numbers do not decrease."""
    return np.bincount(segments, values).astype(values.dtype)


math = types.SimpleNamespace(segment_sum=_segment_sum)


def _assert_less_equal(values, limit, message):
    if np.any(values > limit):
        raise ValueError(f"{message}: {np.max(values)} > {limit}.")


debugging = types.SimpleNamespace(assert_less_equal=_assert_less_equal)
