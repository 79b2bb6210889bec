"""Files of named arrays, read and written as {name: array} without pickle or PyTorch.

The module `tf1` handles TensorFlow's checkpoints.

A safetensors file consists of the header's length in eight bytes (little endian), a JSON
header {name: {dtype, shape, data_offsets}}, and the numbers
(https://huggingface.co/docs/safetensors). It is memory-mapped, so arrays that nobody
uses are never read from disk.
"""

import math
import pathlib

import numpy as np

from bert_tf.ground import lazy, quote, reason, replacing
from bert_tf.json_files import json_value, parse_json
from bert_tf.json_files import read_json as read_existing_json

safetensors = lazy("safetensors")
safetensors_numpy = lazy("safetensors.numpy")

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


_LONGEST_HEADER = 100_000_000  # As in the safetensors package.


def read_safetensors(path):
    """Reads a safetensors file.

    Returns:
        {name: array}, read-only and memory-mapped; float16 and bfloat16 become float32,
        since the policy of the model decides about half precision.

    Raises:
        OSError: the file does not exist, or cannot be read.
        ValueError: the file is cut short, or is not a safetensors file; what the
            safetensors package refuses is refused.
    """
    path = pathlib.Path(path)
    entries, start = _read_entries(path)
    raw = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    return {
        name: _widen(raw[start + begin : start + stop], kind, shape)
        for name, (kind, shape, begin, stop) in entries.items()
    }


def read_shapes(path):
    """Returns {name: shape} of a safetensors file, of which it reads only the header."""
    entries, _ = _read_entries(pathlib.Path(path))
    return {name: shape for name, (_, shape, _, _) in entries.items()}


def read_json(path):
    """Reads a JSON object; {} if the file does not exist."""
    path = pathlib.Path(path)
    return read_existing_json(path) if path.exists() else {}


def read_sharded(path):
    """Reads the safetensors files that model.safetensors.index.json lists.

    Returns and raises the same as `read_safetensors`.
    """
    path = pathlib.Path(path)
    shards = read_index(path)
    arrays = {
        file: read_safetensors(path.parent / file) for file in set(shards.values())
    }
    for name, file in shards.items():
        if name not in arrays[file]:
            raise ValueError(f"{path} lists {name} in {file}, which does not have it.")
    return {name: arrays[file][name] for name, file in shards.items()}


def read_index(path):
    """Returns {name: file} of model.safetensors.index.json; see `read_sharded`."""
    path = pathlib.Path(path)
    shards = json_value(read_existing_json(path), "weight_map", dict, path)
    for name in shards:
        file = json_value(shards, name, str, f"{path}: weight_map")
        if file in ("", ".", "..") or file != pathlib.PurePath(file).name:
            # Never read outside of the folder.
            raise ValueError(f"{path} lists {file!r}, which is not in its own folder.")
    return shards


def write_safetensors(path, arrays):
    """Writes {name: array} as a safetensors file, which transformers reads too."""
    # The writer ignores strides: a transposed view would be written in the wrong order.
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as beside:
        beside.touch()
        mode = beside.stat().st_mode
        # transformers rejects a file without this format.
        safetensors_numpy.save_file(arrays, beside, metadata={"format": "pt"})
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
        raise ValueError(
            f"keras-nlp cannot read the preset {path} ({reason(error)}). Copy or download "
            "it again."
        ) from None
    return {weight.path: np.asarray(weight.value) for weight in model.weights}


def _read_entries(path):
    """Reads and checks the header of a safetensors file.

    Returns:
        {name: (dtype, shape, begin, stop)}, where the last two count from the numbers on;
        and the offset of the numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no weight file {path}.")
    header, start = _read_header(path)
    entries = {name: _read_entry(path, name, header[name]) for name in header}
    expected = start + max((stop for *_, stop in entries.values()), default=0)
    if (size := path.stat().st_size) != expected:
        raise ValueError(
            f"{path} is cut short or corrupt: its header describes {expected} bytes, "
            f"the file has {size}. Copy or download it again."
        )
    _check_places(path, entries)
    try:  # The package has the last word, on what the checks above do not see.
        with safetensors.safe_open(path, framework="np"):
            return entries, start
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is corrupt or not a safetensors file: {error}."
        ) from None


def check_preset_sizes(path, weights):
    """Checks that a keras-nlp HDF5 file holds at least so many weights.

    A file that is missing or damaged passes: `read_preset` says what is wrong with it.
    """
    import h5py  # Keras needs it for such files, too.

    sizes = []
    try:
        with h5py.File(path, "r") as file:
            file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
    except (OSError, RuntimeError):
        return
    if sum(sizes) < weights:
        raise ValueError(
            f"{path} holds {sum(sizes):,} weights, but the sizes in config.json need "
            f"{weights:,}. Check that config.json belongs to these weights."
        )


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
        if length > _LONGEST_HEADER:
            raise ValueError(
                f"{path} is corrupt or not a safetensors file: its header would have "
                f"{length:,} bytes; allowed are {_LONGEST_HEADER:,}."
            )
        text = file.read(length)
    source = f"{path} is corrupt or not a safetensors file: its header"
    header = parse_json(text, source)
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


def _check_places(path, entries):
    """Checks that the arrays follow each other: no byte is of two arrays, or of none."""
    place = 0
    in_order = sorted(entries, key=lambda name: entries[name][2:])
    for name, before in zip(in_order, ["the header", *in_order]):
        _, _, begin, stop = entries[name]
        if begin != place:
            kind = "overlaps" if begin < place else "leaves a hole after"
            raise ValueError(
                f"{path} is corrupt: {quote(name)} {kind} {quote(before)}, which ends at "
                f"byte {place}, not {begin}. Copy or download it again."
            )
        place = stop


def _widen(raw, kind, shape):
    array = raw.view(_DTYPES[kind]).reshape(shape)
    if kind == "BF16":  # bfloat16 is the upper half of a float32.
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if kind == "F16" else array
