"""Reading the weights of a folder in any of the published layouts.

These are Hugging Face's model.safetensors, a keras-nlp preset, and a name-based
TensorFlow checkpoint (Google's bert_model.ckpt). For other layouts the error says how to
convert them.
"""

import pathlib

from bert_tf.checkpoints import dialects, formats, presets, tf1

GOOGLE = "bert_model.ckpt"


def read_arrays(path):
    """Reads the weights of a folder, or of one .safetensors file.

    Returns:
        {our path: array}.

    Raises:
        FileNotFoundError: the folder has no weights, or a file of a checkpoint is missing.
        ValueError: the weights are corrupt, or their format is not supported.
    """
    path = pathlib.Path(path)
    if path.suffix == ".safetensors":
        return dialects.from_huggingface(formats.read_safetensors(path))
    for name, read_file in (
        ("model.safetensors", formats.read_safetensors),
        ("model.safetensors.index.json", formats.read_sharded),
    ):
        if (path / name).is_file():
            return dialects.from_huggingface(read_file(path / name))
    if presets.is_preset(path):
        return presets.read_arrays(path)
    if checkpoint := _checkpoint(path):
        return dialects.from_google(tf1.read(checkpoint))
    explain(path)
    raise FileNotFoundError(f"{path} holds no model.safetensors and no {GOOGLE}.index.")


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
