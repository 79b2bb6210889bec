"""Reading the weights of a folder in any of the published layouts.

These are Hugging Face's model.safetensors, our own file of eight bits, a keras-nlp preset,
and a name-based TensorFlow checkpoint (Google's bert_model.ckpt). For other layouts the
error says how to convert them.
"""

import pathlib

import numpy as np

from bert_tf.checkpoints import (
    dense_modules,
    dialects,
    formats,
    other_names,
    precision,
    presets,
    tf1,
)

GOOGLE = "bert_model.ckpt"
INDEX = "model.safetensors.index.json"


def read_arrays(path):
    """Reads the weights of a folder, or of one .safetensors file.

    Those of the Dense modules of sentence-transformers come along.

    Returns:
        {our path: array}.

    Raises:
        FileNotFoundError: the folder has no weights, or a file of a checkpoint is missing.
        ValueError: the weights are corrupt, or their format is not supported.
    """
    path = pathlib.Path(path)
    if path.name == precision.FILE:
        return dialects.from_huggingface(_read_int8(path))
    if path.suffix == ".safetensors":
        return dialects.from_huggingface(formats.read_safetensors(path))
    for name, read_file in (
        ("model.safetensors", formats.read_safetensors),
        (INDEX, formats.read_sharded),
        (precision.FILE, _read_int8),
    ):
        if (path / name).is_file():
            arrays = dialects.from_huggingface(read_file(path / name))
            return arrays | dense_modules.read_arrays(path)
    if presets.is_preset(path):
        return presets.read_arrays(path)
    if checkpoint := _checkpoint(path):
        return dialects.from_google(tf1.read(checkpoint))
    explain(path)
    raise FileNotFoundError(f"{path} holds no model.safetensors and no {GOOGLE}.index.")


def read_shapes(path):
    """Returns {our path: shape} of a folder's weights without reading their numbers.

    {} for a keras-nlp preset, whose names only keras-nlp knows, and where there are no
    weights that can be read: `read_arrays` says why.
    """
    try:
        if named := _read_named_shapes(path):
            return _shapes(dialects.from_huggingface(_hollow(named)))
        if not presets.is_preset(path) and (checkpoint := _checkpoint(path)):
            return _shapes(dialects.from_google(_hollow(tf1.read_shapes(checkpoint))))
    except (OSError, ValueError):
        pass
    return {}


def find_architecture(path):
    """Returns the `model_type` whose names a folder's weights have; None if unclear."""
    try:
        return other_names.find_architecture(_read_named_shapes(path))
    except (OSError, ValueError):
        return None


def _read_named_shapes(path):
    """Returns {Hugging Face's name: shape} of a folder; {} in another layout."""
    if (path / "model.safetensors").is_file():
        return formats.read_shapes(path / "model.safetensors")
    if (path / INDEX).is_file():
        files = sorted(set(formats.read_index(path / INDEX).values()))
        shards = [formats.read_shapes(path / file) for file in files]
        return {name: shape for shard in shards for name, shape in shard.items()}
    if (path / precision.FILE).is_file():
        return precision.without_scales(formats.read_shapes(path / precision.FILE))
    return {}


def find_file(path, name):
    """Returns the file of a folder that holds the weight `name`, one of our paths."""
    path = pathlib.Path(path)
    if path.suffix == ".safetensors":
        return path
    if dense_modules.is_dense(name):
        return path / name.split("/")[0] / dense_modules.WEIGHTS
    for file in ("model.safetensors", precision.FILE):
        if (path / file).is_file():
            return path / file
    if (path / INDEX).is_file():
        for theirs, file in formats.read_index(path / INDEX).items():
            if name in dialects.from_huggingface(_hollow({theirs: (1, 1)})):
                return path / file
    return (not presets.is_preset(path) and _checkpoint(path)) or path


def _read_int8(path):
    return precision.restore(formats.read_safetensors(path), path)


def _hollow(shapes):
    """Returns {name: array of such a shape} that takes no memory."""
    return {name: np.broadcast_to(np.uint8(0), shape) for name, shape in shapes.items()}


def _shapes(arrays):
    return {name: array.shape for name, array in arrays.items()}


def explain(path):
    """Raises an error that says how to convert a folder's weights, if it is needed."""
    files = sorted(file.name for file in pathlib.Path(path).iterdir())
    if any(name.endswith(".safetensors") for name in files):
        return
    pickles = [name for name in files if name.startswith("pytorch_model")]
    if any(name.endswith(".bin") for name in pickles):
        raise ValueError(
            f"{path} has its weights as pytorch_model.bin only, a pickle, which can run "
            "any code when it is loaded. If you trust its source, load it with "
            "transformers and write it again with "
            "model.save_pretrained(folder, safe_serialization=True)."
        )
    if hdf5 := [name for name in files if name.endswith((".h5", ".hdf5", ".keras"))]:
        raise ValueError(
            f"{path} has its weights as {hdf5[0]} only, a Keras file, whose names depend "
            "on the program that wrote it. Pass the folder that its training started "
            "from (bert_config.json, bert_model.ckpt.*, vocab.txt), or load the file "
            "with that program and save config.json, vocab.txt and model.safetensors."
        )
    if checkpoint := _checkpoint(pathlib.Path(path)):
        tf1.find(checkpoint)


def _checkpoint(path):
    """Returns the path of a folder's checkpoint, without suffix, or None."""
    prefixes = [
        file.with_suffix("")
        for file in sorted(path.glob("*.index"))
        if ".ckpt" in file.name
    ]
    if path / GOOGLE in prefixes:
        return path / GOOGLE
    if len(prefixes) > 1:
        names = f"{prefixes[0].name}, {prefixes[1].name}"
        raise ValueError(
            f"{path} holds {len(prefixes)} checkpoints ({names}, …); keep one of them, "
            f"or rename the files of one to {GOOGLE}.*"
        )
    return prefixes[0] if prefixes else None
