"""The files of sentence-transformers, which say how states become an embedding."""

import json

from bert_tf.checkpoints import formats
from bert_tf.ground import write_text

_MODULES = (
    ("", "Transformer"),
    ("1_Pooling", "Pooling"),
    ("2_Normalize", "Normalize"),
)
_MODES = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
_OTHER_MODES = (
    "pooling_mode_max_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
)


def read(path):
    """Reads the settings that sentence-transformers wrote into a folder.

    Args:
        path: `pathlib.Path` of the folder.

    Returns:
        dict with `pooling` ("mean", "cls", or the name of another mode, which the task
        rejects), `normalize`, and `max_seq_length` if it is given; {} for a folder
        without modules.json.
    """
    try:
        modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        pooling_folder = path / modules[1]["path"]
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{path / 'modules.json'} is not a list of modules as sentence-transformers "
            "writes it; if you do not need it, delete it."
        ) from None
    supported = [name for _, name in _MODULES]
    values = formats.read_json(pooling_folder / "config.json")
    modes = [key for key in (*_MODES.values(), *_OTHER_MODES) if values.get(key)]
    names = {key: name for name, key in _MODES.items()}
    pooling = " and ".join(names.get(mode, mode) for mode in modes) or "mean"
    if kinds not in (supported, supported[:2]):
        pooling = " and ".join(kinds)
    settings = {"pooling": pooling, "normalize": kinds[-1] == "Normalize"}
    length = formats.read_json(path / "sentence_bert_config.json").get("max_seq_length")
    return settings | ({"max_seq_length": length} if length else {})


def write(path, *, pooling, normalize, max_seq_length, hidden_size):
    """Writes modules.json and the files it refers to into a model folder."""
    modules = _MODULES if normalize else _MODULES[:2]
    files = {
        "sentence_bert_config.json": {
            "max_seq_length": max_seq_length,
            "do_lower_case": False,  # tokenizer_config.json decides.
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden_size,
            **{key: name == pooling for name, key in _MODES.items()},
            **dict.fromkeys(_OTHER_MODES, False),
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
