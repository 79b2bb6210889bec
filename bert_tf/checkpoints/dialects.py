"""The names of a published BERT's arrays: Google's (ours), Hugging Face's, keras-nlp's.

Our variable paths are the names in google-research/bert's checkpoints, but for two heads
of fine-tuning. Hugging Face writes dots for slashes, `weight` for several things, and
keeps a dense kernel transposed ([out, in]). keras-nlp has names of its own, and splits
the attention's arrays by heads.
"""

import re

import numpy as np

# Hugging Face's template and ours; the first that fits counts, in both directions.
_RULES = (
    ("bert.embeddings.{}_embeddings.weight", "bert/embeddings/{}_embeddings"),
    ("{}.LayerNorm.weight", "{}/LayerNorm/gamma"),
    ("{}.LayerNorm.bias", "{}/LayerNorm/beta"),
    ("cls.predictions.bias", "cls/predictions/output_bias"),
    ("cls.seq_relationship.weight", "cls/seq_relationship/output_weights"),
    ("cls.seq_relationship.bias", "cls/seq_relationship/output_bias"),
    ("{}.weight", "{}/kernel"),
    ("{}.bias", "{}/bias"),
)

# Counters that old versions saved beside the weights.
_BUFFERS = ("bert.embeddings.position_ids", "bert.embeddings.token_type_ids")

# What Google's run_classifier.py and run_squad.py put on the encoder: a kernel lies
# transposed.
_GOOGLE_HEADS = {
    "output_weights": "classifier/kernel",
    "output_bias": "classifier/bias",
    "cls/squad/output_weights": "qa_outputs/kernel",
    "cls/squad/output_bias": "qa_outputs/bias",
}

# keras-nlp's scopes and ours; a path is replaced by all that occur in it.
_KERAS = (
    ("token_embedding/embeddings", "bert/embeddings/word_embeddings"),
    ("position_embedding/embeddings", "bert/embeddings/position_embeddings"),
    ("segment_embedding/embeddings", "bert/embeddings/token_type_embeddings"),
    ("embeddings_layer_norm/", "bert/embeddings/LayerNorm/"),
    ("transformer_layer_", "bert/encoder/layer_"),
    ("/self_attention_layer/attention_output/", "/attention/output/dense/"),
    ("/self_attention_layer/", "/attention/self/"),
    ("/self_attention_layer_norm/", "/attention/output/LayerNorm/"),
    ("/feedforward_intermediate_dense/", "/intermediate/dense/"),
    ("/feedforward_output_dense/", "/output/dense/"),
    ("/feedforward_layer_norm/", "/output/LayerNorm/"),
    ("pooled_dense/", "bert/pooler/dense/"),
    ("logits/", "classifier/"),
)


def from_google(arrays):
    """Renames {Google's name: array} to {our path: array}: two heads, the rest is ours."""
    return {
        _GOOGLE_HEADS.get(name, name): array.T if name in _GOOGLE_HEADS else array
        for name, array in arrays.items()
    }


def to_google(arrays):
    """Renames {our path: array} to {Google's name: array}."""
    names = {path: name for name, path in _GOOGLE_HEADS.items()}
    return {
        names.get(path, path): array.T if path in names else array
        for path, array in arrays.items()
    }


def from_keras(arrays):
    """Renames {keras-nlp's path: array} to {our path: array}, and joins the heads."""
    renamed = {}
    for path, array in arrays.items():
        for theirs, ours in _KERAS:
            path = path.replace(theirs, ours)
        if "/attention/self/" in path:  # [H, N, D], and a bias [N, D].
            array = array.reshape(*array.shape[:-2], -1)
        elif path.endswith("/attention/output/dense/kernel"):  # [N, D, H]
            array = array.reshape(-1, array.shape[-1])
        renamed[path] = array
    return renamed


def from_huggingface(arrays):
    """Renames {Hugging Face's name: array} to {our path: array}.

    Takes a whole model or a bare encoder (no leading `bert.`), and the names of 2018
    (`LayerNorm.gamma`). Kernels are transposed views. A name without a rule is kept, for
    the report of what is unexpected.

    Raises:
        ValueError: one array under two names, or a masked-word decoder that is not the
            word table (it is tied in BERT, and here).
    """
    modern = {}
    for name, array in arrays.items():
        current = _modern(name)
        if current in modern:
            raise ValueError(f"the checkpoint holds {current} twice, also as {name}.")
        modern[current] = array
    _untie(modern)
    return {
        path: _transpose_kernel(path, array)
        for name, array in modern.items()
        if name not in _BUFFERS
        for path in [_to_path(name)]
    }


def to_huggingface(arrays):
    """Renames {our path: array} to {Hugging Face's name: array}, as a whole model.

    Raises:
        ValueError: a path that plain BERT does not have.
    """
    return {
        _to_name(path): _transpose_kernel(path, array) for path, array in arrays.items()
    }


def _modern(name):
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
    name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    return re.sub(r"^(?=(embeddings|encoder|pooler)\.)", "bert.", name)


def _untie(arrays):
    """Removes the decoder's copies of the word table and of the output bias."""
    for copy, original in (
        ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        ("cls.predictions.decoder.bias", "cls.predictions.bias"),
    ):
        if copy not in arrays:
            continue
        array = arrays.pop(copy)
        if not np.array_equal(array, arrays.setdefault(original, array)):
            raise ValueError(
                f"{copy} differs from {original}; in BERT they are one array. An untied "
                "decoder cannot be loaded."
            )


def _to_path(name):
    for theirs, ours in _RULES:
        if found := _match(theirs, name):
            scope = re.sub(r"\blayer\.(\d+)", r"layer_\1", "".join(found.groups()))
            return ours.format(scope.replace(".", "/"))
    return name


def _to_name(path):
    for theirs, ours in _RULES:
        if found := _match(ours, path):
            scope = re.sub(r"\blayer_(\d+)", r"layer.\1", "".join(found.groups()))
            return theirs.format(scope.replace("/", "."))
    raise ValueError(
        f"{path} has no name in Hugging Face's BERT; only its own layers and heads of "
        "dense layers can be saved in that layout."
    )


def _match(template, text):
    return re.fullmatch(re.escape(template).replace(r"\{\}", "(.+)"), text)


def _transpose_kernel(path, array):
    return array.T if path.endswith("/kernel") else array
