"""Tiny folders in the layouts of published embedders, and their vectors, worked by hand.

sentence-transformers 5.7 computes the same vectors for the same folders, to 1e-6.
"""

import functools
import json

import numpy as np
import tiny_folder

from bert_tf.checkpoints import formats
from bert_tf.models.backbone import BertBackbone

PACKAGE = "sentence_transformers.models."
PROMPTS = {"query": "film . ", "passage": "it is "}
HIDDEN = tiny_folder.CONFIG.hidden_size
# {published model: (modules after the encoder, poolings, settings of prompts)}.
LAYOUTS = {
    "bge": (["Pooling", "Normalize"], ["cls"], {}),
    "e5": (
        ["Pooling", "Normalize"],
        ["mean"],
        {"prompts": PROMPTS, "default_prompt_name": "passage"},
    ),
    "gte": (["Pooling"], ["mean"], {"prompts": {"query": ""}}),
    "minilm": (["Pooling", "Normalize"], ["mean"], {}),
    "labse": (["Pooling", "Dense", "Normalize"], ["cls"], {}),
    "distiluse": (["Pooling", "Dense"], ["mean"], {}),
    "joined": (["Pooling", "Normalize", "Dense", "Dense"], ["mean", "cls", "max"], {}),
}
_FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens"}


def write(path, name):
    """Writes the folder of one of `LAYOUTS`, the same each time."""
    kinds, poolings, prompts = LAYOUTS[name]
    tiny_folder.write(path)
    pooling = {"word_embedding_dimension": HIDDEN}
    if len(poolings) == 1:
        pooling |= {f"pooling_mode_{flag}": x in poolings for x, flag in _FLAGS.items()}
    else:
        pooling["pooling_mode"] = poolings
    _put(path, "1_Pooling/config.json", pooling)
    _put(path, "sentence_bert_config.json", {"max_seq_length": 16})
    _put(path, "config_sentence_transformers.json", prompts)
    folders = [f"{number}_{kind}" for number, kind in enumerate(kinds, 1)]
    entries = [("", "Transformer"), *zip(folders, kinds)]
    modules = [
        {"idx": n, "name": str(n), "path": folder, "type": PACKAGE + kind}
        for n, (folder, kind) in enumerate(entries)
    ]
    _put(path, "modules.json", modules)
    width = HIDDEN * len(poolings)
    for number, folder in enumerate(folders):
        if kinds[number] == "Dense":
            write_dense(path / folder, width, 5 + 2 * number, bias=number < 3)
            width = 5 + 2 * number


def write_dense(path, width, outputs, *, bias=True):
    """Writes a Dense module; tanh with a bias, the identity without one."""
    random = np.random.default_rng(outputs)
    arrays = {"linear.weight": random.normal(0, 0.4, [outputs, width])}
    if bias:
        arrays["linear.bias"] = random.normal(0, 0.4, [outputs])
    activation = "activation.Tanh" if bias else "linear.Identity"
    values = {
        "in_features": width,
        "out_features": outputs,
        "bias": bias,
        "activation_function": f"torch.nn.modules.{activation}",
    }
    _put(path, "config.json", values)
    arrays = {key: x.astype(np.float32) for key, x in arrays.items()}
    formats.write_safetensors(path / "model.safetensors", arrays)


def vectors(path, name, texts):
    """Returns the vectors of texts, [texts, D], by NumPy from the states of the encoder."""
    kinds, poolings, _ = LAYOUTS[name]
    backbone = _backbone(str(path))
    pools = {
        "mean": lambda x: x.mean(0),
        "cls": lambda x: x[0],
        "max": lambda x: x.max(0),
    }
    rows = []
    for text in texts:
        words = [2, *map(tiny_folder.VOCAB.index, text.split())][:15] + [3]
        states = backbone({"input_ids": np.array([words])})["sequence_output"][0]
        vector = np.concatenate([pools[pool](states.numpy()) for pool in poolings])
        for number, kind in enumerate(kinds, 1):
            if kind == "Normalize":
                vector = vector / np.linalg.norm(vector)
            if kind == "Dense":
                file = path / f"{number}_Dense" / "model.safetensors"
                arrays = formats.read_safetensors(file)
                vector = arrays["linear.weight"] @ vector
                if "linear.bias" in arrays:
                    vector = np.tanh(vector + arrays["linear.bias"])
        rows.append(vector)
    return np.array(rows)


@functools.cache
def _backbone(path):
    return BertBackbone.from_pretrained(path)


def _put(path, name, values):
    (path / name).parent.mkdir(exist_ok=True, parents=True)
    (path / name).write_text(json.dumps(values))
