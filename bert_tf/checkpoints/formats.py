"""Files of named arrays, read and written as {name: array} without pickle or PyTorch.

The module `tf1` handles TensorFlow's checkpoints.

A safetensors file consists of the header's length in eight bytes (little endian), a JSON
header {name: {dtype, shape, data_offsets}}, and the numbers
(https://huggingface.co/docs/safetensors). It is memory-mapped, so arrays that nobody
uses are never read from disk.
"""

import json
import math
import pathlib

import numpy as np
import safetensors.numpy

from bert_tf.ground import replacing

# {dtype in the header: dtype for NumPy}; NumPy has no bfloat16.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def read_safetensors(path):
    """Reads a safetensors file.

    Returns:
        {name: array}, read-only and memory-mapped; float16 and bfloat16 become float32,
        since the policy of the model decides about half precision.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is cut short, or is not a safetensors file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no weight file {path}.")
    header, start = _read_header(path)
    entries = {name: _read_entry(path, name, header[name]) for name in header}
    expected = start + max((stop for *_, stop in entries.values()), default=0)
    raw = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    if len(raw) != expected:
        raise ValueError(
            f"{path} is cut short or corrupt: its header describes {expected} bytes, "
            f"the file has {len(raw)}. Copy or download it again."
        )
    return {
        name: _widen(raw[start + begin : start + stop], kind, shape)
        for name, (kind, shape, begin, stop) in entries.items()
    }


def read_json(path):
    """Reads a JSON object; {} if the file does not exist."""
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    if type(values) is not dict:
        raise ValueError(f"{path} must hold a JSON object, {{…}}.")
    return values


def read_sharded(path):
    """Reads the safetensors files that model.safetensors.index.json lists.

    Returns and raises the same as `read_safetensors`.
    """
    path = pathlib.Path(path)
    try:
        shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(shards.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f'{path} is not an index of shards: it must be {{"weight_map": {{name: '
            "file}}."
        ) from None
    arrays = {}
    for file in files:
        if file != pathlib.PurePath(file).name:  # Never read outside of the folder.
            raise ValueError(f"{path} lists {file!r}, which is not in its own folder.")
        arrays[file] = read_safetensors(path.parent / file)
    for name, file in shards.items():
        if name not in arrays[file]:
            raise ValueError(f"{path} lists {name} in {file}, which does not have it.")
    return {name: arrays[file][name] for name, file in shards.items()}


def write_safetensors(path, arrays):
    """Writes {name: array} as a safetensors file, which transformers reads too."""
    # The writer ignores strides: a transposed view would be written in the wrong order.
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as beside:
        beside.touch()
        mode = beside.stat().st_mode
        # transformers rejects a file without this format.
        safetensors.numpy.save_file(arrays, beside, metadata={"format": "pt"})
        beside.chmod(mode)  # The writer creates a file that only its owner can read.


def read_preset(path, arguments, num_classes=0):
    """Reads the weights of a keras-nlp preset with keras-nlp.

    keras-nlp handles the layer names of its HDF5 files, which depend on its version.

    Args:
        path: folder with model.weights.h5 (and task.weights.h5 for a classifier).
        arguments: dict, those of `keras_nlp.models.BertBackbone`.
        num_classes: classes of a fine-tuned classifier; 0 for an encoder alone.

    Returns:
        {keras-nlp's variable path: float32 array}.
    """
    path = pathlib.Path(path)
    try:
        import keras_nlp
    except ImportError:
        raise ValueError(
            f"{path} is a keras-nlp preset, and keras-nlp is not installed: "
            "pip install keras-nlp"
        ) from None
    try:
        model = keras_nlp.models.BertBackbone(**arguments, dtype="float32")
        model.load_weights(path / "model.weights.h5")
        if num_classes:
            model = keras_nlp.models.BertTextClassifier(model, num_classes=num_classes)
            model.load_task_weights(path / "task.weights.h5")
    except (ValueError, TypeError, KeyError, OSError) as error:
        cause = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"keras-nlp cannot read the preset {path} ({cause}). Copy or download it "
            "again."
        ) from None
    return {weight.path: np.asarray(weight.value) for weight in model.weights}


def _read_header(path):
    """Returns the header without its metadata, and the offset of the numbers."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(
                f"{path} is cut short or not a safetensors file: its header needs "
                f"{8 + length} bytes, the file has {size}. Copy or download it again."
            )
        text = file.read(length)
    try:
        header = dict(json.loads(text.decode("utf-8")).items())
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is corrupt or not a safetensors file: its header is not a JSON "
            f"object ({error})."
        ) from None
    header.pop("__metadata__", None)
    return header, 8 + length


def _read_entry(path, name, entry):
    """Returns (dtype, shape, begin, stop) of an array; the last two are byte offsets."""
    try:
        kind, shape = entry["dtype"], entry["shape"]
        begin, stop = entry["data_offsets"]
        numbers = [begin, *shape]
        right = isinstance(kind, str) and all(
            type(number) is int and number >= 0 for number in numbers
        )
    except (TypeError, KeyError, ValueError):
        right = False
    if not right:
        raise ValueError(
            f"{path} is corrupt: the entry {name} of its header is invalid."
        )
    if kind not in _DTYPES:
        raise ValueError(
            f"{path}: {name} has dtype {kind}; allowed are {', '.join(_DTYPES)}."
        )
    expected = math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize
    if stop != begin + expected:
        raise ValueError(
            f"{path} is corrupt: {name} {shape} of {kind} takes {expected} bytes, but "
            f"its header gives offsets {begin} to {stop}."
        )
    return kind, shape, begin, stop


def _widen(raw, kind, shape):
    array = raw.view(_DTYPES[kind]).reshape(shape)
    if kind == "BF16":  # bfloat16 is the upper half of a float32.
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if kind == "F16" else array
