"""The weights of a folder, whichever of the published layouts it has.

Hugging Face's model.safetensors, a keras-nlp preset, or a TensorFlow checkpoint of
names (Google's bert_model.ckpt); anything else is refused with the way out.
"""

import pathlib

from bert_tf.checkpoints import dialects, formats, presets, tf1

__all__ = ["explain", "read_arrays"]

GOOGLE = "bert_model.ckpt"


def read_arrays(path):
    """Reads the weights of a folder, or of one .safetensors file.

    Returns:
        {our path: array}.

    Raises:
        FileNotFoundError: there are none, or only half of a checkpoint.
        ValueError: they are corrupt, or in a format that is not read.
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
    """Raises what to do, where a folder's weights are all of a kind that is not read."""
    files = sorted(file.name for file in pathlib.Path(path).iterdir())
    if any(name.endswith(".safetensors") for name in files):
        return
    pickles = [name for name in files if name.startswith("pytorch_model")]
    if any(name.endswith(".bin") for name in pickles):
        raise ValueError(
            f"{path} has its weights as pytorch_model.bin only, a pickle, which can run "
            "any code when it is read. Where you trust it, convert it in transformers: "
            "model.save_pretrained(folder, safe_serialization=True)."
        )
    if hdf5 := [name for name in files if name.endswith((".h5", ".hdf5", ".keras"))]:
        raise ValueError(
            f"{path} has its weights as {hdf5[0]} only, a Keras file, whose names are "
            "those of the program that wrote it. Pass the folder that it was trained "
            "from (bert_config.json, bert_model.ckpt.*, vocab.txt), or open it where it "
            "was made and save config.json, vocab.txt and model.safetensors."
        )
    # An index alone says so itself.
    if checkpoint := _checkpoint(pathlib.Path(path)):
        tf1.find(checkpoint)


def _checkpoint(path):
    """The common beginning of a checkpoint's files in a folder, or None."""
    found = [
        file.with_suffix("")
        for file in sorted(path.glob("*.index"))
        if ".ckpt" in file.name
    ]
    if path / GOOGLE in found:
        return path / GOOGLE
    if len(found) > 1:
        raise ValueError(
            f"{path} holds {len(found)} checkpoints ({found[0].name}, {found[1].name}, "
            f"…); leave one, or call one {GOOGLE}."
        )
    return found[0] if found else None
