"""The prompts of a folder of sentence-transformers: texts that stand before a text.

config_sentence_transformers.json has them by name, such as {"query": "query: "}, and the
name of the one that is the default.
"""

from bert_tf.checkpoints import formats
from bert_tf.ground import quote_all, show
from bert_tf.json_files import json_value

FILE = "config_sentence_transformers.json"


def read(path):
    """Returns `prompts` and `default_prompt_name` of a folder; {} if all prompts are empty.

    Args:
        path: `pathlib.Path` of the folder.

    Raises:
        OSError, ValueError: the file is invalid; a prompt is no string; there is no such
            default.
    """
    file = path / FILE
    values = formats.read_json(file)
    texts = json_value(values, "prompts", dict, file, {})
    texts = {
        name: json_value(texts, name, str, f"{file}: prompts", "") for name in texts
    }
    default = json_value(values, "default_prompt_name", str, file, "")
    if default and default not in texts:
        raise ValueError(
            f"{file}: default_prompt_name is {show(default)}, but prompts has "
            f"{quote_all(texts)}."
        )
    if not any(texts.values()):
        return {}
    return {"prompts": texts} | ({"default_prompt_name": default} if default else {})
