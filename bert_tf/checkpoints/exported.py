"""What a TFLite or ONNX folder says of its model: bert_tf.json, and vocabularies beside it.

A program without TensorFlow then knows the task, the labels, the settings and the
tokenizer.
"""

import json
import pathlib

from bert_tf.checkpoints import contents, vocabulary
from bert_tf.config import BertConfig
from bert_tf.ground import write_text
from bert_tf.json_files import json_value, read_json

FILE = "bert_tf.json"
_DECODER = "decoder"
_VERSION = 1


def write(path, folder):
    """Writes bert_tf.json into an export, in which the vocabularies are already.

    Args:
        path: `pathlib.Path` of the folder.
        folder: `ModelFolder`.
    """
    values = {"version": _VERSION} | _describe(folder)
    if folder.decoder:
        values[_DECODER] = _describe(folder.decoder)
    text = json.dumps(values, indent=2, ensure_ascii=False)
    write_text(path / FILE, text + "\n")


def _describe(folder):
    return {
        "config": folder.config.to_dict(),
        "settings": folder.settings,
        "tokenizer": folder.tokenizer,
    }


def is_export(path):
    """Returns whether a folder is a TFLite or ONNX export of bert_tf."""
    return pathlib.Path(path, FILE).is_file()


def read(path):
    """Returns the `ModelFolder` of an export.

    Raises:
        FileNotFoundError: the folder holds no such file.
        ValueError: the file is damaged, or newer than this version of bert_tf.
    """
    path = pathlib.Path(path)
    file = path / FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"{path} holds no {FILE}, which bert-tf export writes beside TFLite and ONNX "
            "files; export the model again."
        )
    values = read_json(file)
    version = json_value(values, "version", int, file)
    if version != _VERSION:
        raise ValueError(
            f"{file} has version {version}; this version of bert_tf reads {_VERSION}. "
            "Install the version that wrote it, or export the model again."
        )
    folder = _restore(values, file, path)
    if _DECODER in values:
        decoder = json_value(values, _DECODER, dict, file)
        folder.decoder = _restore(decoder, file, path / _DECODER)
    return folder


def _restore(values, file, place):
    config, settings, tokenizer = (
        json_value(values, name, dict, file)
        for name in ("config", "settings", "tokenizer")
    )
    try:
        config = BertConfig.from_dict(config)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    vocab = vocabulary.read_vocab(place / "vocab.txt")
    return contents.ModelFolder(config, vocab, tokenizer, settings)
