"""What sentence-transformers keeps beside a model: how states become an embedding."""

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
    """Returns the settings that a folder of sentence-transformers holds; {} of others.

    Args:
        path: `pathlib.Path` of the folder.

    Returns:
        dict with `pooling`, "mean", "cls" or the name of what we don't have, which the
        task refuses; `normalize`; and perhaps `max_seq_length`.
    """
    try:
        modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        place = path / modules[1]["path"]
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{path / 'modules.json'} is not the list of modules that "
            "sentence-transformers writes; delete it to ignore it."
        ) from None
    known = [name for _, name in _MODULES]
    found = formats.read_json(place / "config.json")
    modes = [key for key in (*_MODES.values(), *_OTHER_MODES) if found.get(key)]
    names = {key: name for name, key in _MODES.items()}
    pooling = " and ".join(names.get(mode, mode) for mode in modes) or "mean"
    if kinds not in (known, known[:2]):
        pooling = " and ".join(kinds)
    settings = {"pooling": pooling, "normalize": kinds[-1] == "Normalize"}
    length = formats.read_json(path / "sentence_bert_config.json").get("max_seq_length")
    return settings | ({"max_seq_length": length} if length else {})


def write(path, *, pooling, normalize, max_seq_length, hidden_size):
    """Writes modules.json and what belongs to it, beside a model folder's files."""
    modules = _MODULES if normalize else _MODULES[:2]
    files = {
        "sentence_bert_config.json": {
            "max_seq_length": max_seq_length,
            "do_lower_case": False,  # The tokenizer's own configuration says.
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
                "path": place,
                "type": f"sentence_transformers.models.{kind}",
            }
            for number, (place, kind) in enumerate(modules)
        ],
    }
    for place, _ in modules:
        (path / place).mkdir(exist_ok=True)
    for name, values in files.items():
        write_text(path / name, json.dumps(values, indent=2) + "\n")
