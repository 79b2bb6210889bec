"""Names of a BERT's arrays in three dialects: Google, Hugging Face and keras-nlp.

Our variable paths are the names in google-research/bert's checkpoints, except for two
fine-tuned heads. Hugging Face writes dots instead of slashes, calls several things
`weight`, and stores dense kernels transposed ([out, in]); `other_names` has its names of
DistilBERT and ELECTRA. keras-nlp has names of its own and splits the arrays of attention by
heads.
"""

import re

import numpy as np

from bert_tf.checkpoints import other_names

# (Hugging Face's template, ours); in both directions the first match applies.
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

# Constants that old versions of transformers saved with the weights.
_BUFFERS = ("bert.embeddings.position_ids", "bert.embeddings.token_type_ids")

# Scope of a decoder, which is a BERT with a head, beside an encoder.
_DECODER = "decoder."

# Heads of Google's run_classifier.py and run_squad.py, with transposed kernels.
_GOOGLE_HEADS = {
    "output_weights": "classifier/kernel",
    "output_bias": "classifier/bias",
    "cls/squad/output_weights": "qa_outputs/kernel",
    "cls/squad/output_bias": "qa_outputs/bias",
}

# (keras-nlp's scope, ours); all that occur in a path are replaced.
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
    """Renames {Google's name: array} to {our path: array}; only two heads differ."""
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
    """Renames {keras-nlp's path: array} to {our path: array} and joins the heads."""
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

    Reads a whole model, an encoder alone (names without `bert.`), or an encoder and a
    decoder, and the names of 2018 (`LayerNorm.gamma`). Kernels become transposed views.
    Unknown names are kept, so that `weights.Report` can list them as unexpected.

    Raises:
        ValueError: an array occurs under two names, or the decoder of masked words
            differs from the word table, to which BERT ties it.
    """
    decoder = _strip(arrays, _DECODER)
    if decoder:
        rest = {name: x for name, x in arrays.items() if not name.startswith(_DECODER)}
        return from_huggingface(rest) | {
            _in_decoder(path): array
            for path, array in from_huggingface(decoder).items()
        }
    renamed = {}
    for name, array in arrays.items():
        modern = _modernize(name)
        if modern in renamed:
            raise ValueError(f"the checkpoint holds {modern} twice, also as {name}.")
        renamed[modern] = array
    _remove_tied(renamed)
    return {
        path: _transpose_kernel(path, array)
        for name, array in renamed.items()
        if name not in _BUFFERS
        for path in [_to_path(name)]
    }


def to_huggingface(arrays, model_type="bert", architecture=""):
    """Renames {our path: array} to {Hugging Face's name: array} of a whole model.

    Args:
        arrays: {our path: array}.
        model_type, architecture: as of `other_names.from_bert`.

    Raises:
        ValueError: Hugging Face's BERT has no weight for a path.
    """
    decoder = _strip(arrays, "decoder/")
    if decoder:
        encoder = {path: x for path, x in arrays.items() if path.startswith("bert/")}
        alone = {_alone(path): array for path, array in decoder.items()}
        return {
            f"encoder.{name.removeprefix('bert.')}": array
            for name, array in to_huggingface(encoder).items()
        } | {_DECODER + name: array for name, array in to_huggingface(alone).items()}
    named = {
        _to_name(path): _transpose_kernel(path, array) for path, array in arrays.items()
    }
    return other_names.from_bert(named, model_type, architecture)


def _modernize(name):
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
    name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    # The encoder of a model with a decoder; an encoder alone has no such names.
    name = re.sub(r"^encoder\.(?=(embeddings|encoder|pooler)\.)", "", name)
    name = re.sub(
        r"^(?=(embeddings|embeddings_project|encoder|pooler)\.)", "bert.", name
    )
    return other_names.to_bert(name)


def _strip(arrays, prefix):
    """Returns the arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _in_decoder(path):
    """Returns our path of a decoder's weight from that of a BERT alone."""
    return "decoder/" + path.removeprefix("bert/").removeprefix("encoder/")


def _alone(path):
    """Returns the path in a BERT alone from one within the decoder's scope."""
    if path.startswith("cls/"):
        return path
    return "bert/" + ("encoder/" if path.startswith("layer_") else "") + path


def _remove_tied(arrays):
    """Removes the decoder's copies of the word table and of the output bias, in place."""
    for copy, original in (
        ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        ("cls.predictions.decoder.bias", "cls.predictions.bias"),
    ):
        if copy not in arrays:
            continue
        array = arrays.pop(copy)
        if not np.array_equal(array, arrays.setdefault(original, array)):
            raise ValueError(
                f"{copy} differs from {original}; in BERT they are the same array. A "
                "model with an untied decoder cannot be loaded."
            )


def _to_path(name):
    for theirs, ours in _RULES:
        if match := _match(theirs, name):
            scope = re.sub(r"\blayer\.(\d+)", r"layer_\1", "".join(match.groups()))
            return ours.format(scope.replace(".", "/"))
    return name


def _to_name(path):
    for theirs, ours in _RULES:
        if match := _match(ours, path):
            scope = re.sub(r"\blayer_(\d+)", r"layer.\1", "".join(match.groups()))
            return theirs.format(scope.replace("/", "."))
    raise ValueError(
        f"{path} has no name in Hugging Face's BERT; this layout can store only BERT's "
        "own layers, and heads that are dense layers."
    )


def _match(template, text):
    return re.fullmatch(re.escape(template).replace(r"\{\}", "(.+)"), text)


def _transpose_kernel(path, array):
    return array.T if path.endswith("/kernel") else array
