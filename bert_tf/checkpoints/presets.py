"""keras-nlp's presets: a folder that `save_to_preset` wrote, in BERT's own words.

config.json names the class and its arguments, model.weights.h5 holds the encoder,
tokenizer.json and assets/ the vocabulary, task.json and task.weights.h5 a head.
"""

import logging
import pathlib

from bert_tf.checkpoints import dialects, formats
from bert_tf.config import BertConfig
from bert_tf.tokenization.vocabulary import read_vocab

_log = logging.getLogger(__name__)

_ARGUMENTS = {  # keras-nlp's argument: the key of bert_config.json.
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
_CLASSIFIERS = ("BertTextClassifier", "BertClassifier")  # Now, and until 2024.


def is_preset(path):
    """Says whether a folder's config.json is one of keras-nlp's."""
    return "class_name" in formats.read_json(pathlib.Path(path) / "config.json")


def read(path):
    """Reads all of a preset but its weights.

    Returns:
        `BertConfig` (with GELU by tanh, which keras-nlp computes whatever the model was
        trained with), the vocabulary, and the tokenizer's settings in the words of
        tokenizer_config.json.

    Raises:
        FileNotFoundError, ValueError: names the file and what is wrong with it.
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
    settings = formats.read_json(path / "tokenizer.json").get("config", {})
    tokenizer = {
        "do_lower_case": bool(settings.get("lowercase", False)),
        "strip_accents": bool(settings.get("strip_accents", False)),
    }
    if tokenizer["do_lower_case"] and not tokenizer["strip_accents"]:
        _log.warning(
            "%s keeps accents where BERT takes them off, so words with them may be "
            "unknown to its vocabulary; that is how keras-nlp reads it.",
            path,
        )
    return config, read_vocab(_vocabulary(path)), tokenizer


def read_arrays(path):
    """Returns {our path: array} of a preset.

    A head of masked words is left out: keras-nlp's has another GELU and another
    LayerNorm epsilon than its encoder, which no BERT folder can say.
    """
    path = pathlib.Path(path)
    return dialects.from_keras(
        formats.read_preset(path, _arguments(path), _num_classes(path))
    )


def _arguments(path):
    """The arguments of keras-nlp's BertBackbone that config.json gives."""
    described = formats.read_json(path / "config.json")
    if described["class_name"] != "BertBackbone":
        raise ValueError(
            f"{path / 'config.json'} is a keras preset of {described['class_name']!r}; "
            "only BertBackbone is BERT."
        )
    arguments = described.get("config", {})
    needed = [name for name in _ARGUMENTS if name not in arguments]
    if missing := sorted(
        {*needed} - {"dropout", "max_sequence_length", "num_segments"}
    ):
        raise ValueError(f"{path / 'config.json'} does not say {', '.join(missing)}.")
    return {name: arguments[name] for name in _ARGUMENTS if name in arguments}


def _num_classes(path):
    """The labels of a fine-tuned classifier; 0 where the preset has no such head."""
    task = formats.read_json(path / "task.json")
    if not (path / "task.weights.h5").is_file():
        return 0
    if task.get("class_name") not in _CLASSIFIERS:
        return 0
    return int(task.get("config", {}).get("num_classes", 0))


def _vocabulary(path):
    # keras-nlp wrote it straight into assets/ before it had several assets.
    for place in ("assets/tokenizer/vocabulary.txt", "assets/vocabulary.txt"):
        if (path / place).is_file():
            return path / place
    raise FileNotFoundError(
        f"{path} holds no assets/tokenizer/vocabulary.txt; save the tokenizer into the "
        "preset, too: tokenizer.save_to_preset(folder)."
    )
