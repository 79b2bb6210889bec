"""Changes what a model folder remembers beside its weights."""

import json
import pathlib

from bert_tf.ground import write_text
from bert_tf.json_files import json_value, read_json

_KEY = "bert_tf"  # Of config.json, where transformers leaves it alone.


def remember(path, **values):
    """Adds settings of bert_tf to the config.json of a model folder, or replaces them.

    Args:
        path: model folder.
        values: {name: plain JSON}.

    Raises:
        FileNotFoundError, ValueError: there is no such file, or it is damaged.
        WriteError: it cannot be written; it is then as before.
    """
    file = pathlib.Path(path, "config.json")
    config = read_json(file)
    settings = json_value(config, _KEY, dict, file, {})
    text = json.dumps(config | {_KEY: settings | values}, indent=2, ensure_ascii=False)
    write_text(file, text + "\n")
