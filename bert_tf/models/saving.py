"""What `save_pretrained` writes: a model folder from a Keras model in memory.

Keras' own files (`model.save`) need a configuration instead; `frozen` and `freeze` keep in
it which variables do not train.
"""

import dataclasses
import os
import pathlib
import shutil

import numpy as np

from bert_tf.checkpoints import (
    cross_encoder,
    encoder_decoder,
    formats,
    precision,
    sentence_transformers,
    weights,
)
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints.vocabulary import read_vocab
from bert_tf.ground import quote, quote_all, replacing_folder
from bert_tf.models import lora
from bert_tf.models.labels import describe_labels

PROBLEM_TYPES = (  # What transformers calls what a classifier learns.
    "single_label_classification",
    "multi_label_classification",
    "regression",
)
# Keys of config.json that describe a head.
_HEAD_KEYS = (
    *("architectures", "id2label", "label2id", "problem_type"),
    *cross_encoder.KEYS,
)
# What a saved model consists of; a folder with anything else is not overwritten.
_FILES = {
    *("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"),
    *("modules.json", "sentence_bert_config.json"),
    *("config_sentence_transformers.json", encoder_decoder.TOKENIZER, precision.FILE),
}


def without_head(folder, settings):
    """Returns a `ModelFolder` that remembers nothing of its head but some settings."""
    extra = {k: x for k, x in folder.config.extra.items() if k not in _HEAD_KEYS}
    config = dataclasses.replace(folder.config, extra=extra)
    return dataclasses.replace(folder, config=config, settings=settings, decoder=None)


def save(path, model, folder, architecture, settings):
    """Writes a model folder in one step; a saved model that is there is replaced.

    Args:
        path: folder to write.
        model: built Keras model; adapters are merged.
        folder: `ModelFolder`; `config.extra` has the labels.
        architecture: name of the transformers class that has the same head.
        settings: what bert_tf must remember to predict, plain JSON.

    Raises:
        ValueError: the folder holds other files; weights are NaN or infinite.
    """
    path = pathlib.Path(path).expanduser().resolve()
    _check_path(path)
    if lora.has_adapters(model):
        plain = type(model).from_config(model.get_config())
        model = lora.merge_adapters(model, plain)
    arrays = {
        name: np.asarray(array, np.float32)
        for name, array in weights.read_model(model).items()
    }
    if infinite := weights.find_not_finite(model, arrays):
        raise ValueError(
            f"{weights.first_few(infinite)} has values that are NaN or infinite: the "
            "training has diverged. Nothing was written; train again with a lower "
            "learning rate."
        )
    folder = dataclasses.replace(folder, settings=settings)
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    with replacing_folder(path) as beside:
        folders.write_arrays(beside, arrays, folder, architecture)
        if "pooling" in settings:
            hidden_size = folder.config.hidden_size
            sentence_transformers.write(beside, settings, hidden_size)
        if path.exists():
            path.replace(old)
    shutil.rmtree(old, ignore_errors=True)


def folder_of(backbone, tokenizer=None, argument="tokenizer"):
    """Returns the `ModelFolder` for a backbone: its own, or one with another tokenizer.

    Args:
        backbone: `BertBackbone`, or `BertDecoder`.
        tokenizer: `BertTokenizer`, or None for that of `backbone.folder`.
        argument: name of the tokenizer in errors.

    Raises:
        ValueError: there is no tokenizer, or it has more tokens than the model.
    """
    folder = backbone.folder
    if tokenizer is None:
        if folder is None:
            raise ValueError(
                "the model does not know its vocabulary, because from_pretrained did "
                f"not make it: pass {argument}=bert_tf.BertTokenizer.from_pretrained(…)."
            )
        return folder
    if tokenizer.vocab_size > backbone.config.vocab_size:
        raise ValueError(
            f"the {argument} has {tokenizer.vocab_size} tokens, but the model only "
            f"{backbone.config.vocab_size}; pass the tokenizer of the model."
        )
    config = backbone.config if folder is None else folder.config
    return folders.ModelFolder(config, tokenizer.vocab, tokenizer_options(tokenizer))


def tokenizer_options(tokenizer):
    """Returns the keys of tokenizer_config.json for a `BertTokenizer`."""
    own = {"clean_input": True} if tokenizer.clean_input else {}
    return own | {
        "do_lower_case": tokenizer.lower_case,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.tokenize_chinese_chars,
        "split_special_tokens": not tokenizer.keep_special_tokens,
        "model_max_length": tokenizer.model_max_length,
    }


def save_vocabulary(path, folder):
    """Keeps the vocabulary of a `ModelFolder`, or of None, in a .keras file."""
    if folder:
        folders.write_tokenizer(pathlib.Path(path), folder)


def load_vocabulary(path, config):
    """Returns the `ModelFolder` whose vocabulary `save_vocabulary` kept, or None."""
    path = pathlib.Path(path)
    if not (path / "vocab.txt").is_file():
        return None
    tokenizer = formats.read_json(path / "tokenizer_config.json")
    return folders.ModelFolder(config, read_vocab(path / "vocab.txt"), tokenizer)


def with_labels(folder, num_labels, labels=None, problem_type=None):
    """Returns a `ModelFolder` whose configuration names the labels of a head.

    Args:
        folder: `ModelFolder`.
        num_labels: number of labels of the head.
        labels: their names; None for those of the folder if it has as many, or else
            LABEL_0, LABEL_1, …
        problem_type: one of `PROBLEM_TYPES`, or None for what the folder says.

    Raises:
        TypeError, ValueError: labels are not as many different strings.
    """
    extra = dict(folder.config.extra)
    if labels is not None:
        labels = _check_labels(labels, num_labels)
    elif len(extra.get("id2label") or ()) != num_labels:
        labels = [f"LABEL_{number}" for number in range(num_labels)]
    if labels:
        extra |= describe_labels(labels)
    if problem_type is not None:
        if problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type must be one of {', '.join(PROBLEM_TYPES)}; received "
                f"{problem_type!r}."
            )
        extra["problem_type"] = problem_type
    return dataclasses.replace(
        folder, config=dataclasses.replace(folder.config, extra=extra)
    )


def frozen(model):
    """Returns the paths of a model's weights that do not train."""
    adapted = lora.adapted_kernels(model)
    return [
        weight.path
        for weight in model.weights
        if not weight.trainable and weight.path not in adapted
    ]


def freeze(model, paths):
    """Lets the weights of these paths not train; returns the model."""
    for weight in model.weights:
        if weight.path in paths:
            weight.trainable = False
    return model


def _check_path(path):
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; pass the name of a folder.")
    files = {file.name for file in path.iterdir()} if path.is_dir() else set()
    if other := sorted(filter(_is_other, files)):
        raise ValueError(
            f"{path} holds other files than those of a saved model "
            f"({quote_all(other, 4)}); choose another folder."
        )


def _is_other(name):
    return name not in _FILES and not sentence_transformers.MODULE.fullmatch(name)


def _check_labels(labels, num_labels):
    if isinstance(labels, str):
        raise TypeError(f"labels must be a list of names; received {quote(labels)}.")
    labels = list(labels)
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            raise TypeError(f"labels[{number}] must be a string; received {label!r}.")
    if len(labels) != num_labels or len(set(labels)) != num_labels:
        raise ValueError(
            f"the model has {num_labels} labels, so labels must be as many different "
            f"names; received {quote_all(labels)}."
        )
    return list(map(str, labels))
