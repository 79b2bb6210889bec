"""Cross-encoders of sentence-transformers: which activation makes a score of the output.

Versions before 4 name it in config.json as `sbert_ce_default_activation_function`, version 4
under `sentence_transformers`, and since 5.4 it is in config_sentence_transformers.json,
beside a modules.json with the encoder alone.
"""

import dataclasses

from bert_tf.checkpoints import formats, sentence_transformers
from bert_tf.ground import show
from bert_tf.json_files import json_value

ACTIVATIONS = {
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
    "identity": "torch.nn.modules.linear.Identity",
}
KEYS = ("sentence_transformers", "sbert_ce_default_activation_function")
# What the only module computes, where its file says so.
_OUTPUT = {
    "transformer_task": "sequence-classification",
    "module_output_name": "scores",
}


def read(path, config, tokenizer):
    """Reads the settings that sentence-transformers' CrossEncoder wrote into a folder.

    Args:
        path: `pathlib.Path` of the folder.
        config: `BertConfig`.
        tokenizer: keys of tokenizer_config.json.

    Returns:
        dict with `activation` and `max_seq_length`; {} for another folder. What bert_tf
        does not compute is named in `activation` with its file, and the task of reranking
        rejects it; other tasks do not read it.

    Raises:
        OSError, ValueError: a file is invalid.
    """
    name, file = _find_activation(path, config.extra)
    if name is None:
        return {}
    known = {theirs: ours for ours, theirs in ACTIVATIONS.items()}
    activation = known.get(name, f"{name} ({file})")
    most = config.max_position_embeddings
    file = path / "tokenizer_config.json"
    longest = json_value(tokenizer, "model_max_length", float, file, most)
    return {"activation": activation, "max_seq_length": int(min(longest, most))}


def complete(folder):
    """Returns a `ModelFolder` whose files every version of CrossEncoder reads alike.

    Args:
        folder: `ModelFolder`; changed only if its settings have an `activation`.
    """
    name = ACTIVATIONS.get(str(folder.settings.get("activation")))
    if name is None:
        return folder
    own = {"sentence_transformers": {"activation_fn": name}, KEYS[1]: name}
    config = dataclasses.replace(folder.config, extra=folder.config.extra | own)
    tokenizer = dict(folder.tokenizer)
    if "max_seq_length" in folder.settings:  # Pairs are cut at the same token.
        tokenizer["model_max_length"] = folder.settings["max_seq_length"]
    return dataclasses.replace(folder, config=config, tokenizer=tokenizer)


def _find_activation(path, extra):
    """Returns the name of the activation and the file that has it, or None and None."""
    file = path / "config.json"
    if (path / "modules.json").exists() and _read_own(path)[0] == "CrossEncoder":
        modules = sentence_transformers.list_modules(path / "modules.json")
        kinds = [kind.rpartition(".")[2] for kind, _, _ in modules]
        if kinds != ["Transformer"]:
            return ", ".join(kinds), path / "modules.json"
        transformer = path / "sentence_bert_config.json"
        values = formats.read_json(transformer)
        if other := sentence_transformers.find_other_output(values, _OUTPUT):
            return other, transformer
        _, name, prompt, own = _read_own(path)
        if prompt:
            return f"default_prompt_name {show(prompt)}", own
        return name or ACTIVATIONS["sigmoid"], own  # CrossEncoder's default.
    values = json_value(extra, KEYS[0], dict, file, {})
    name = json_value(values, "activation_fn", str, f"{file}: {KEYS[0]}", "")
    name = name or json_value(extra, KEYS[1], str, file, "")
    return (name, file) if name else (None, None)


def _read_own(path):
    """Returns the kind of model, its activation and prompt, and the file that says so."""
    file = path / "config_sentence_transformers.json"
    values = formats.read_json(file)
    keys = ("model_type", "activation_fn", "default_prompt_name")
    return *(json_value(values, key, str, file, "") for key in keys), file
