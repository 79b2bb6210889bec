"""The files of sentence-transformers, which say how states become an embedding.

modules.json lists the modules, one after the other, and the folder of each one's
config.json. Since version 5.4, 1_Pooling/config.json names the pooling (`pooling_mode`), of
which older versions have a flag for each; the longest text is model_max_length of
tokenizer_config.json, and no longer max_seq_length of sentence_bert_config.json.
"""

import json
import logging
import pathlib

from bert_tf.checkpoints import formats
from bert_tf.ground import quote, show, write_text
from bert_tf.json_files import json_value, read_json

_log = logging.getLogger(__name__)

_MODULES = (
    ("", "Transformer"),
    ("1_Pooling", "Pooling"),
    ("2_Normalize", "Normalize"),
)
_LAYOUTS = (
    ["Transformer", "Pooling"],
    ["Transformer", "Pooling", "Normalize"],
)
_PACKAGE = "sentence_transformers."
_FLAGS = {  # {flag of older versions: pooling}, in the order of a concatenation.
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# What the module Transformer gives to the pooling, where its file says so.
_OUTPUT = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
}


def read(path, config, tokenizer):
    """Reads the settings that sentence-transformers wrote into a folder.

    Args:
        path: `pathlib.Path` of the folder.
        config: `BertConfig`.
        tokenizer: keys of tokenizer_config.json; lower-casing that only
            sentence-transformers adds is written there.

    Returns:
        dict with `pooling`, `normalize` and `max_seq_length`; {} for a folder without
        modules.json. What bert_tf does not compute is named in `pooling` with its file,
        and the task of embeddings rejects it; other tasks do not read it.

    Raises:
        OSError, ValueError: a file is missing or invalid, or is outside of the folder.
    """
    if not (path / "modules.json").exists():
        return {}
    kinds, folders = _read_modules(path / "modules.json")
    settings = {"normalize": kinds[-1:] == ["Normalize"]}
    if kinds in _LAYOUTS:
        settings["pooling"] = _read_pooling(path / folders[1] / "config.json")
    else:
        settings["pooling"] = f"{', '.join(kinds)} ({path / 'modules.json'})"
    file = path / "sentence_bert_config.json"
    transformer = formats.read_json(file)
    for key, value in _OUTPUT.items():
        if transformer.get(key, value) != value:
            settings["pooling"] = f"{key} {show(transformer[key])} ({file})"
    lowers = json_value(transformer, "do_lower_case", bool, file, False)
    if lowers and tokenizer.get("do_lower_case") is False:
        tokenizer["do_lower_case"] = True
        tokenizer["strip_accents"] = bool(tokenizer.get("strip_accents"))
    longest = tokenizer.get("model_max_length", config.max_position_embeddings)
    longest = min(longest, config.max_position_embeddings)
    longest = json_value(transformer, "max_seq_length", int, file, longest)
    settings["max_seq_length"] = int(longest)
    _report(path / "config_sentence_transformers.json")
    return settings


def find_files(path):
    """Returns the paths of the files in a folder that sentence-transformers wrote.

    Args:
        path: `pathlib.Path` of the folder.
    """
    if not (path / "modules.json").exists():
        return []
    _, folders = _read_modules(path / "modules.json")
    names = ("sentence_bert_config.json", "config_sentence_transformers.json")
    inner = [
        file for name in filter(None, folders) for file in (path / name).rglob("*")
    ]
    files = [path / "modules.json", *(path / name for name in names), *inner]
    return [file for file in files if file.is_file()]


def _read_modules(file):
    """Returns the kinds of the modules that modules.json lists, and their folders."""
    kinds, folders = [], []
    modules = dict(enumerate(read_json(file, list)))
    for number in modules:
        module = json_value(modules, number, dict, f"{file}: module")
        source = f"{file}: module {number}"
        kind = json_value(module, "type", str, source)
        folder = json_value(module, "path", str, source)
        parts = pathlib.PurePosixPath(folder.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or "\0" in folder:
            raise ValueError(
                f"{source}: path {quote(folder)} is outside of the folder."
            )
        # The last part names the class; other packages may have one of the same name.
        ours = kind.startswith(_PACKAGE)
        kinds.append(kind.rpartition(".")[2] if ours else kind)
        folders.append(folder)
    if kinds[:1] == ["Transformer"] and folders[0]:
        raise ValueError(
            f"{file} has the encoder in its folder {quote(folders[0])}; bert_tf reads only "
            "an encoder that lies beside modules.json. Move its files there, and make its "
            "path empty."
        )
    return kinds, folders


def _read_pooling(file):
    """Returns "mean", "cls" or "max", or the name of another pooling with its file."""
    values = read_json(file)
    if "pooling_mode" in values:
        names = values["pooling_mode"]
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ValueError(
                f"{file}: pooling_mode must be a string or a list of strings; received "
                f"{show(names)}."
            )
    else:
        flags = [flag for flag in _FLAGS if json_value(values, flag, bool, file, False)]
        names = [_FLAGS[flag] for flag in flags] or ["mean"]
    if names in (["mean"], ["cls"], ["max"]):
        return names[0]
    return f"{' and '.join(names) or 'none'} ({file})"


def _report(file):
    """Logs what a folder says of prompts and of similarity, which is not applied."""
    values = formats.read_json(file)
    prompts = json_value(values, "prompts", dict, file, {})
    if shown := {name: text for name, text in prompts.items() if text}:
        default = json_value(values, "default_prompt_name", str, file, "")
        _log.warning(
            "%s has prompts, which are not applied: %s%s. Begin each text with the prompt "
            "that it needs.",
            file,
            ", ".join(f"{quote(name)}: {show(text)}" for name, text in shown.items()),
            f" (default: {quote(default)})" if default else "",
        )
    similarity = json_value(values, "similarity_fn_name", str, file, "cosine")
    if similarity != "cosine":
        _log.warning(
            "%s asks for the similarity %s; bert_tf computes cosines.",
            file,
            quote(similarity),
        )


def write(path, *, pooling, normalize, max_seq_length, hidden_size):
    """Writes modules.json and the files it refers to into a model folder.

    All versions of sentence-transformers read them.
    """
    modules = _MODULES if normalize else _MODULES[:2]
    files = {
        "sentence_bert_config.json": {
            "max_seq_length": max_seq_length,
            "do_lower_case": False,  # tokenizer_config.json decides.
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden_size,
            **{flag: name == pooling for flag, name in _FLAGS.items()},
        },
        "config_sentence_transformers.json": {"similarity_fn_name": "cosine"},
        "modules.json": [
            {
                "idx": number,
                "name": str(number),
                "path": folder,
                "type": f"sentence_transformers.models.{kind}",
            }
            for number, (folder, kind) in enumerate(modules)
        ],
    }
    for folder, _ in modules:
        (path / folder).mkdir(exist_ok=True)
    for name, values in files.items():
        write_text(path / name, json.dumps(values, indent=2) + "\n")
