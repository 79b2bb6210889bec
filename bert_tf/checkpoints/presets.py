"""Reading keras-nlp's presets, folders written by `save_to_preset`.

config.json has the class and its arguments, model.weights.h5 the encoder, tokenizer.json
and assets/ the vocabulary, task.json and task.weights.h5 a head.
"""

import logging
import pathlib

from bert_tf.checkpoints import dialects, formats
from bert_tf.checkpoints.vocabulary import read_vocab
from bert_tf.config import BertConfig
from bert_tf.ground import show
from bert_tf.json_files import json_value

_log = logging.getLogger(__name__)

_ARGUMENTS = {  # {argument in keras-nlp: key of bert_config.json}.
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
_MOST_CLASSES = 100_000
_CLASSIFIERS = ("BertTextClassifier", "BertClassifier")  # The second until 2024.


def is_preset(path):
    """Returns whether a folder is a keras-nlp preset."""
    return "class_name" in formats.read_json(pathlib.Path(path) / "config.json")


def read(path):
    """Reads a preset without its weights.

    Returns:
        `BertConfig` (with gelu_new, which keras-nlp computes for every model), the
        vocabulary, and the tokenizer's settings under the keys of tokenizer_config.json.

    Raises:
        FileNotFoundError, ValueError: a file is missing or invalid.
    """
    path = pathlib.Path(path)
    arguments = _arguments(path)
    values = {_ARGUMENTS[name]: value for name, value in arguments.items()}
    values["attention_probs_dropout_prob"] = arguments.get("dropout", 0.1)
    labels = range(_num_classes(path))
    extra = {
        "id2label": {str(number): f"LABEL_{number}" for number in labels},
        "label2id": {f"LABEL_{number}": number for number in labels},
    }
    try:
        config = BertConfig(
            **values, hidden_act="gelu_new", extra=extra if labels else {}
        )
    except ValueError as error:
        raise ValueError(f"{path / 'config.json'}: {error}") from None
    formats.check_preset_sizes(path / "model.weights.h5", _count_weights(config))
    file = path / "tokenizer.json"
    settings = json_value(formats.read_json(file), "config", dict, file, {})
    tokenizer = {
        "do_lower_case": json_value(settings, "lowercase", bool, file, False),
        "strip_accents": json_value(settings, "strip_accents", bool, file, False),
    }
    if tokenizer["do_lower_case"] and not tokenizer["strip_accents"]:
        _log.warning(
            "%s keeps accents, which BERT's tokenizer removes from lower-cased text. Words "
            "with accents may become [UNK], as they do in keras-nlp.",
            path,
        )
    return config, read_vocab(_vocabulary(path)), tokenizer


def read_arrays(path):
    """Returns {our path: array} of a preset.

    A head for masked words is ignored: in keras-nlp its GELU and LayerNorm epsilon differ
    from the encoder's, which config.json cannot express.
    """
    path = pathlib.Path(path)
    return dialects.from_keras(
        formats.read_preset(path, _arguments(path), _num_classes(path))
    )


def _arguments(path):
    """Returns the arguments of keras-nlp's BertBackbone in config.json."""
    file = path / "config.json"
    preset = formats.read_json(file)
    if preset["class_name"] != "BertBackbone":
        raise ValueError(
            f"{file} is a keras preset of {show(preset['class_name'])}; only BertBackbone "
            "is supported."
        )
    arguments = json_value(preset, "config", dict, file, {})
    optional = {"dropout", "max_sequence_length", "num_segments"}
    if missing := sorted(_ARGUMENTS.keys() - optional - arguments.keys()):
        raise ValueError(f"{file} does not give {', '.join(missing)}.")
    return {name: arguments[name] for name in _ARGUMENTS if name in arguments}


def _num_classes(path):
    """Returns the number of classes of a classifier; 0 if the preset is none."""
    file = path / "task.json"
    task = formats.read_json(file)
    if not (path / "task.weights.h5").is_file():
        return 0
    if task.get("class_name") not in _CLASSIFIERS:
        return 0
    config = json_value(task, "config", dict, file, {})
    classes = json_value(config, "num_classes", int, file, 0)
    if not 0 <= classes <= _MOST_CLASSES:
        raise ValueError(
            f"{file}: num_classes must be from 0 to {_MOST_CLASSES:,}; received "
            f"{show(classes)}."
        )
    return classes


def _count_weights(config):
    """Returns the number of weights of an encoder with a pooler."""
    hidden, wide = config.hidden_size, config.intermediate_size
    rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size
    layer = 4 * hidden * (hidden + 1) + 2 * hidden * wide + wide + hidden + 4 * hidden
    pooler = hidden * (hidden + 1)
    return rows * hidden + 2 * hidden + config.num_hidden_layers * layer + pooler


def _vocabulary(path):
    # The second is where old versions of keras-nlp wrote it.
    for file in ("assets/tokenizer/vocabulary.txt", "assets/vocabulary.txt"):
        if (path / file).is_file():
            return path / file
    raise FileNotFoundError(
        f"{path} holds no assets/tokenizer/vocabulary.txt; save the tokenizer into the "
        "preset too, with tokenizer.save_to_preset(folder)."
    )
