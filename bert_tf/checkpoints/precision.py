"""Weights on disk in fewer bits: half precision, or eight bits with scales.

In eight bits, each table and kernel is stored as int8 with a float32 scale for each of its
rows, in Hugging Face's layout: for each token or position of a table, and for each output
of a dense layer. A weight is the integer times the scale, so it is off by at most half a
scale. Biases and LayerNorm stay float32. Such weights have a file of their own, because
other programs would take the integers in model.safetensors for the weights themselves.
"""

import numpy as np

from bert_tf.ground import lazy

ml_dtypes = lazy("ml_dtypes")  # NumPy has no bfloat16; Keras and TensorFlow need it.

DTYPES = ("float32", "float16", "bfloat16", "int8")
FILE = "model.int8.safetensors"
_SCALE = "_scale"  # Follows the name of the array.
_MOST = 127  # Symmetric: -128 is not used.


def store(arrays, dtype):
    """Returns arrays as they are written in one of `DTYPES`.

    Args:
        arrays: {Hugging Face's name: array of floats}.
        dtype: "float32" leaves all arrays as they are; "float16" and "bfloat16" convert
            all of them; "int8" quantises those of rank 2 and adds their scales.

    Raises:
        ValueError: numbers are NaN or infinite, or too large for float16.
    """
    if dtype == "float32":
        return arrays
    _check_range(arrays, dtype)
    if dtype == "int8":
        return _quantize(arrays)
    if dtype == "bfloat16":
        dtype = ml_dtypes.bfloat16
    return {name: array.astype(dtype) for name, array in arrays.items()}


def restore(arrays, source=FILE):
    """Returns what `store` was given, up to the rounding; float16 and int8 become float32.

    Args:
        arrays: {name: array}, the result of `store`.
        source: file, for errors.

    Raises:
        ValueError: an array of int8 has no scales, or scales of another shape or type.
    """
    floats = {}
    for name, array in arrays.items():
        if array.dtype == np.int8:
            scale = arrays.get(name + _SCALE)
            _check_scale(f"{source}: {name}", array, scale)
            floats[name] = array * scale[:, None]
        elif array.dtype.kind in "iub":
            raise ValueError(
                f"{source}: {name} has dtype {array.dtype}, but must be int8 or a float. "
                "Convert the model again."
            )
        elif not _is_scale(name, arrays):
            is_half = array.dtype.itemsize == 2
            floats[name] = array.astype(np.float32) if is_half else array
    return floats


def without_scales(names):
    """Returns {name: value} of the arrays alone, from that of a file with scales."""
    return {name: x for name, x in names.items() if not _is_scale(name, names)}


def _quantize(arrays):
    stored = {}
    for name, array in arrays.items():
        array = np.asarray(array, np.float32)
        if array.ndim == 2:
            largest = np.abs(array).max(axis=1, initial=0)
            # Rows of zeros, or of numbers that are almost zero, need a scale, too.
            scale = np.maximum(largest / np.float32(_MOST), np.finfo(np.float32).tiny)
            stored[name + _SCALE] = scale
            array = np.rint(array / scale[:, None]).astype(np.int8)
        stored[name] = array
    return stored


def _check_range(arrays, dtype):
    limit = np.finfo("float16" if dtype == "float16" else "float32").max
    for name, array in arrays.items():
        # No comparison with NaN is true, so that it is refused as well.
        if array.size and not np.abs(array).max() <= limit:
            raise ValueError(
                f"weights_dtype {dtype} cannot hold {name}, which has numbers that are "
                f"NaN or beyond {limit:.5g}. Choose float32, or an earlier copy of the "
                "model."
            )


def _check_scale(name, array, scale):
    if scale is None:
        raise ValueError(
            f"{name} has eight bits, but there is no {name.rpartition(' ')[2]}{_SCALE}. "
            "Convert the model again."
        )
    if array.ndim != 2 or scale.shape != array.shape[:1] or scale.dtype != np.float32:
        raise ValueError(
            f"{name}{_SCALE} is {scale.dtype} {list(scale.shape)}, but must be float32 "
            f"{list(array.shape[:1])}, a scale for each row of {list(array.shape)}. "
            "Convert the model again."
        )


def _is_scale(name, names):
    return name.endswith(_SCALE) and name.removesuffix(_SCALE) in names
