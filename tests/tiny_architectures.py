"""Tiny folders of DistilBERT and ELECTRA as transformers writes them, the same each time.

fixtures/architectures.json has their configurations, the names and shapes of their arrays,
and what transformers computes. The numbers of the arrays are a formula.
"""

import functools
import json
import pathlib

import numpy as np

FILE = pathlib.Path(__file__).parent / "fixtures" / "architectures.json"


@functools.cache
def expected():
    """Returns {architecture: {class without prefix: {"config": …, "shapes": …, …}}}."""
    return json.loads(FILE.read_text())


def values(shapes):
    """Returns {name: float32 array} of {name: shape}."""
    random = np.random.default_rng(5)
    return {
        name: random.normal(is_scale(name), 0.3, shapes[name]).astype(np.float32)
        for name in sorted(shapes)
    }


def is_scale(name):
    return name.endswith("weight") and "norm" in name.lower()


def write(path, kind, name, **changes):
    """Writes the folder of an architecture and a class.

    Args:
        path: folder.
        kind, name: keys of `expected`.
        changes: {key of config.json: value}.
    """
    from tiny_folder import VOCAB  # The fixture is made without Keras.

    from bert_tf.checkpoints import formats

    path, entry = pathlib.Path(path), expected()[kind][name]
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(entry["config"] | changes))
    (path / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    (path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    formats.write_safetensors(path / "model.safetensors", values(entry["shapes"]))
