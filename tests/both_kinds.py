"""Calls one function on TensorFlow's ragged tensors and on NumPy's, and compares them."""

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.ragged import Ragged


def texts(random, count, longest, empty=True):
    """Returns `Ragged` of random tokens, some texts of which are empty or of one token."""
    lengths = random.integers(0 if empty else 1, longest + 1, count)
    if count > 2:
        lengths[[0, 1]] = (0 if empty else 1), 1
    tokens = random.integers(5, 30_000, lengths.sum()).astype(np.int32)
    return Ragged.from_row_lengths(tokens, lengths)


def to_tensorflow(value):
    """Returns the same value, or values in a dict, list or tuple, as tensors."""
    if isinstance(value, dict):
        return {name: to_tensorflow(x) for name, x in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_tensorflow, value))
    if isinstance(value, Ragged):
        return tf.RaggedTensor.from_row_splits(value.values, value.row_splits)
    return tf.constant(value) if isinstance(value, np.ndarray) else value


def assert_same(tensors, arrays):
    """Checks that values are equal bit for bit, of the same types and shapes."""
    if isinstance(arrays, dict):
        assert tensors.keys() == arrays.keys()
        for name in arrays:
            assert_same(tensors[name], arrays[name])
    elif isinstance(arrays, (list, tuple)):
        assert len(tensors) == len(arrays)
        for pair in zip(tensors, arrays):
            assert_same(*pair)
    elif isinstance(arrays, Ragged):
        assert isinstance(tensors, tf.RaggedTensor)
        assert_same(tensors.values, arrays.values)
        assert_same(tensors.row_splits, arrays.row_splits)
    else:
        assert isinstance(arrays, (np.ndarray, np.generic)), type(arrays)
        tensors = tensors.numpy()
        assert tensors.dtype == arrays.dtype
        np.testing.assert_array_equal(tensors, arrays)


def check_both(function, *args, **kwargs):
    """Calls a function on arrays and on the same tensors; returns the arrays it gives."""
    arrays = function(*args, **kwargs)
    assert_same(function(*to_tensorflow(args), **to_tensorflow(kwargs)), arrays)
    return arrays
