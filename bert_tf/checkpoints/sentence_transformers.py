"""The files of sentence-transformers, which say how states become an embedding.

modules.json lists the modules, one after the other, and the folder of each one's
config.json: the encoder, the pooling, then Dense and Normalize in any order. Since version
5.4, 1_Pooling/config.json names the pooling (`pooling_mode`), of which older versions have a
flag for each; the longest text is model_max_length of tokenizer_config.json, and no longer
max_seq_length of sentence_bert_config.json.
"""

import json
import logging
import pathlib
import re

from bert_tf.checkpoints import dense_modules, formats, prompts
from bert_tf.ground import quote, show, write_text
from bert_tf.json_files import json_value, read_json

_log = logging.getLogger(__name__)

# Name of the folder of a module.
MODULE = re.compile(r"[1-9]_(Pooling|Dense|Normalize)")
_PACKAGE = "sentence_transformers."
_FLAGS = {  # {flag of older versions: pooling}, in the order of a concatenation.
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_COMPUTED = {"cls", "max", "mean"}
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
        dict with `pooling` (names with commas between are concatenated), `normalize` and
        `max_seq_length`; where they are not the default, `dense` (see
        `dense_modules.check`), `prompts`, `default_prompt_name` and `include_prompt`. {} for
        a folder without modules.json. What bert_tf does not compute is named in `pooling`
        with its file, and the task of embeddings rejects it; other tasks do not read it.

    Raises:
        OSError, ValueError: a file is missing or invalid, or is outside of the folder.
    """
    if not (path / "modules.json").exists():
        return {}
    modules = _read_modules(path / "modules.json")
    settings = {"normalize": modules[-1:] != [] and modules[-1][0] == "Normalize"}
    settings |= _read_vectors(path, modules, config.hidden_size)
    file = path / "sentence_bert_config.json"
    transformer = formats.read_json(file)
    if other := find_other_output(transformer, _OUTPUT):
        settings["pooling"] = f"{other} ({file})"
    lowers = json_value(transformer, "do_lower_case", bool, file, False)
    if lowers and tokenizer.get("do_lower_case") is False:
        tokenizer["do_lower_case"] = True
        tokenizer["strip_accents"] = bool(tokenizer.get("strip_accents"))
    longest = tokenizer.get("model_max_length", config.max_position_embeddings)
    longest = min(longest, config.max_position_embeddings)
    longest = json_value(transformer, "max_seq_length", int, file, longest)
    settings["max_seq_length"] = int(longest)
    _report_similarity(path / prompts.FILE)
    return settings | prompts.read(path)


def _read_vectors(path, modules, hidden_size):
    """Returns the settings of what comes after the encoder."""
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {
        "Dense",
        "Normalize",
    }:
        return {"pooling": f"{', '.join(kinds)} ({path / 'modules.json'})"}
    file = path / modules[1][1] / "config.json"
    pooling, settings = _read_pooling(file), {}
    width, dense, normalizes = hidden_size * len(pooling.split(",")), [], False
    for kind, folder in modules[2:]:
        if kind == "Dense":
            entry = dense_modules.read(path / folder, width)
            if isinstance(entry, str):
                return {"pooling": entry}
            dense.append(entry | {"normalize": normalizes})
            width = entry["out_features"]
        normalizes = kind == "Normalize"
    if dense:
        settings["dense"] = dense_modules.check(dense, path / "modules.json")
    if not json_value(read_json(file), "include_prompt", bool, file, True):
        settings["include_prompt"] = False
    return settings | {"pooling": pooling}


def find_files(path):
    """Returns the paths of the files in a folder that sentence-transformers wrote.

    Args:
        path: `pathlib.Path` of the folder.
    """
    if not (path / "modules.json").exists():
        return []
    folders = [folder for _, folder in _read_modules(path / "modules.json")]
    names = ("sentence_bert_config.json", prompts.FILE)
    inner = [
        file for name in filter(None, folders) for file in (path / name).rglob("*")
    ]
    files = [path / "modules.json", *(path / name for name in names), *inner]
    return [file for file in files if file.is_file()]


def find_other_output(transformer, expected):
    """Returns what the module Transformer gives instead of the expected; "" if nothing.

    Args:
        transformer: dict of sentence_bert_config.json.
        expected: {key: value}; a key that is absent is as expected.
    """
    others = [
        f"{key} {show(transformer[key])}"
        for key, value in expected.items()
        if transformer.get(key, value) != value
    ]
    return others[-1] if others else ""


def list_modules(file):
    """Yields the kind, the JSON object and the place of each module in modules.json."""
    modules = dict(enumerate(read_json(file, list)))
    for number in modules:
        module = json_value(modules, number, dict, f"{file}: module")
        source = f"{file}: module {number}"
        kind = json_value(module, "type", str, source)
        # The last part names the class; other packages may have one of the same name.
        ours = kind.startswith(_PACKAGE)
        yield kind.rpartition(".")[2] if ours else kind, module, source


def _read_modules(file):
    """Returns [(kind, folder)] of the modules that modules.json lists."""
    read = []
    for kind, module, source in list_modules(file):
        folder = json_value(module, "path", str, source)
        parts = pathlib.PurePosixPath(folder.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts:
            raise ValueError(
                f"{source}: path {quote(folder)} is outside of the folder."
            )
        if not folder.isprintable():
            raise ValueError(
                f"{source}: path {quote(folder)} has characters that do not print; "
                "bert_tf reads no such folder. Rename it."
            )
        read.append((kind, folder))
    if read and read[0][0] == "Transformer" and read[0][1]:
        raise ValueError(
            f"{file} has the encoder in its folder {quote(read[0][1])}; bert_tf reads only "
            "an encoder that lies beside modules.json. Move its files there, and make its "
            "path empty."
        )
    return read


def _read_pooling(file):
    """Returns the pooling, such as "mean" or "cls,mean", or another's name with its file."""
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
    if names and not set(names) - _COMPUTED and len(set(names)) == len(names):
        return ",".join(names)
    return f"{' and '.join(names) or 'none'} ({file})"


def _report_similarity(file):
    """Logs a similarity that a folder asks for and that is not computed."""
    similarity = json_value(
        formats.read_json(file), "similarity_fn_name", str, file, "cosine"
    )
    if similarity != "cosine":
        _log.warning(
            "%s asks for the similarity %s; bert_tf computes cosines.",
            file,
            quote(similarity),
        )


def write(path, settings, hidden_size):
    """Writes modules.json and the files it refers to into a model folder.

    All versions of sentence-transformers read them; poolings in another order than that of
    the old flags need version 5.4. The weights of Dense modules are not written, see
    `dense_modules.write_arrays`.

    Args:
        path: `pathlib.Path` of the folder.
        settings: dict as `read` returns it.
        hidden_size: of the encoder.
    """
    poolings = settings["pooling"].split(",")
    pooling = {"word_embedding_dimension": hidden_size}
    if poolings == [name for name in _FLAGS.values() if name in poolings]:
        pooling |= {flag: name in poolings for flag, name in _FLAGS.items()}
    else:
        pooling["pooling_mode"] = poolings
    if not settings.get("include_prompt", True):
        pooling["include_prompt"] = False
    similarity = {"similarity_fn_name": "cosine"}
    names = ("prompts", "default_prompt_name")
    modules = _list_modules(settings)
    files = {
        "sentence_bert_config.json": {
            "max_seq_length": settings["max_seq_length"],
            "do_lower_case": False,  # tokenizer_config.json decides.
        },
        "1_Pooling/config.json": pooling,
        prompts.FILE: {name: settings[name] for name in names if name in settings}
        | similarity,
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
    width = hidden_size * len(poolings)
    for entry in settings.get("dense", ()):
        dense_modules.write_config(path, entry, width)
        width = entry["out_features"]
    for name, values in files.items():
        write_text(path / name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _list_modules(settings):
    """Returns [(folder, kind)] of the modules that settings need."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]

    def normalize():
        modules.append((f"{len(modules)}_Normalize", "Normalize"))

    for entry in settings.get("dense", ()):
        if entry["normalize"]:
            normalize()
        modules.append((entry["name"], "Dense"))
    if settings["normalize"]:
        normalize()
    return modules
