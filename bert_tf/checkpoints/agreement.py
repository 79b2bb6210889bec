"""Checks of config.json before a model is built: against the weights, and of its labels.

A wrong size would else be found only when a model of that size has been built.
"""

import re

from bert_tf.checkpoints import layouts, precision
from bert_tf.config import INT8, find_config
from bert_tf.ground import count, show
from bert_tf.json_files import json_value, read_json

_TABLES = {  # {key of config.json: the table that has so many rows}.
    "vocab_size": "embeddings/word_embeddings",
    "max_position_embeddings": "embeddings/position_embeddings",
    "type_vocab_size": "embeddings/token_type_embeddings",
}
_QUERY, _WIDE = "attention/self/query/kernel", "intermediate/dense/kernel"


def check_sizes(path, config, scope="bert/", layers="encoder/"):
    """Compares the sizes of a configuration with the shapes of the weights in a folder.

    Args:
        path: `pathlib.Path` of the folder; without weights nothing is checked.
        config: `BertConfig`.
        scope: of the weights.
        layers: scope of the layers within it.

    Raises:
        ValueError: one line with the key, its value, and the weights' size.
    """
    found = layouts.find_architecture(path)
    if found not in (None, config.model_type):
        raise ValueError(
            f"{path}: model_type is {config.model_type!r} in the configuration, but the "
            f"weights have the names of {found!r}. Check that config.json belongs to "
            "these weights."
        )
    shapes = {
        name.removeprefix(scope).removeprefix(layers): shape
        for name, shape in layouts.read_shapes(path).items()
        if name.startswith(scope)
    }
    sizes = {}
    for key, name in _TABLES.items():
        if len(shapes.get(name, ())) == 2:
            sizes[key], width = shapes[name]
            sizes["embedding_size" if config.embedding_size else "hidden_size"] = width
    if config.is_plain and len(shapes.get(f"layer_0/{_WIDE}", ())) == 2:
        sizes["intermediate_size"] = shapes[f"layer_0/{_WIDE}"][1]
    found = {match[1] for name in shapes if (match := re.match(r"layer_(\d+)/", name))}
    if found:
        sizes["num_hidden_layers"] = len(found)
    for key, size in sizes.items():
        if size != getattr(config, key):
            raise ValueError(
                f"{path}: {key} is {getattr(config, key):,} in the configuration, but "
                f"{size:,} in the weights. Check that config.json belongs to these weights."
            )
    if not config.is_plain:
        _check_layers(path, config, shapes)


def _check_layers(path, config, shapes):
    """Compares the sizes of each layer with the shapes of its weights."""
    for number, (heads, wide) in enumerate(config.layer_shapes):
        sizes = {
            "layer_num_attention_heads": (_QUERY, heads * config.attention_head_size),
            "layer_intermediate_size": (_WIDE, wide),
        }
        for key, (name, size) in sizes.items():
            shape = shapes.get(f"layer_{number}/{name}", ())
            if len(shape) == 2 and shape[1] != size:
                raise ValueError(
                    f"{path}: {key}[{number}] is {getattr(config, key)[number]:,} in the "
                    f"configuration, so that {name} has {size:,} columns, but "
                    f"{shape[1]:,} in the weights. Check that config.json belongs to "
                    "these weights."
                )


def check_precision(path):
    """Checks that config.json and the weight file of a folder are of the same precision.

    Args:
        path: `pathlib.Path` of the folder.

    Raises:
        ValueError: only one of them is of eight bits, or there are weights of both kinds.
    """
    config = find_config(path)
    declared = read_json(config).get("quantization_config") == INT8
    stored = (path / precision.FILE).is_file()
    if declared and not stored:
        raise ValueError(
            f"{config} says that the weights have eight bits, but {path} holds no "
            f"{precision.FILE}. Copy both files from the same folder again."
        )
    if stored and not declared:
        raise ValueError(
            f"{path} holds {precision.FILE}, but {config.name} has no "
            f"quantization_config {INT8}. Copy both files from the same folder again."
        )
    for name in ("model.safetensors", layouts.INDEX):
        if stored and (path / name).exists():
            raise ValueError(
                f"{path} holds both {precision.FILE} and {name}; remove the one that "
                f"does not belong to {config.name}."
            )


def check_labels(path, extra):
    """Checks the types of what config.json says about labels and about the head.

    Raises:
        ValueError: one line with the key and the value.
    """
    names = json_value(extra, "id2label", dict, path, {})
    for number, name in names.items():
        if not re.fullmatch(r"\d{1,9}", number) or not isinstance(name, str):
            raise ValueError(
                f"{path}: id2label must give a string for each number; received "
                f"{show(number)}: {show(name)}."
            )
    numbers = [int(number) for number in names]
    if len(set(numbers)) < len(numbers):
        raise ValueError(
            f"{path}: id2label has {count(len(numbers), 'entry')}, of which two have the "
            "same number."
        )
    json_value(extra, "label2id", dict, path, {})
    json_value(extra, "problem_type", str, path, "")
    for number, name in enumerate(json_value(extra, "architectures", list, path, [])):
        key = f"architectures[{number}]"
        json_value({key: name}, key, str, path)


def check_settings(path, settings):
    """Checks the types of the settings that every task has; tasks check their own.

    Raises:
        ValueError: one line with the key and the value.
    """
    source = f"{path}: bert_tf"
    json_value(settings, "task", str, source, "")
    json_value(settings, "max_seq_length", int, source, 0)
    for role, column in json_value(settings, "columns", dict, source, {}).items():
        names = column if isinstance(column, list) else [column]
        if not all(isinstance(name, str | int | None) for name in names):
            raise ValueError(
                f"{source}: columns must give a column's name for {show(role)}; received "
                f"{show(column)}."
            )
