"""The published architectures whose encoder is BERT's, by the `model_type` of config.json.

DistilBERT (Sanh et al., 2019, arXiv:1910.01108) has no segments. ELECTRA (Clark et al., 2020,
arXiv:2003.10555) may have narrower embeddings, which a dense layer widens. Neither has a
pooler; but a head of theirs that reads the first token begins with a dense layer, which is
a pooler with another activation. Everywhere else, keys of config.json and names of classes
are those of BERT; this file translates them.
"""

import dataclasses

from bert_tf.ground import one_of, show


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What an architecture has in the place of BERT's parts.

    Args:
        prefix: of transformers' classes.
        has_segments: whether there is an embedding of segments.
        has_pooler: whether the encoder has a pooler of its own, without a head.
        pooler_act: activation of the pooler.
        drops_before_pooler: whether there is dropout before the pooler, too.
        token_act: activation of the head of masked words; None for `hidden_act`.
        token_dropout: key of the dropout before a head for each token.
    """

    prefix: str
    has_segments: bool = True
    has_pooler: bool = False
    pooler_act: str = "tanh"
    drops_before_pooler: bool = False
    token_act: str | None = None
    token_dropout: str = "head_dropout_prob"


ARCHITECTURES = {
    "bert": Architecture("Bert", has_pooler=True),
    "distilbert": Architecture(
        "DistilBert",
        has_segments=False,
        pooler_act="relu",
        token_dropout="hidden_dropout_prob",
    ),
    "electra": Architecture(
        "Electra", pooler_act="gelu", drops_before_pooler=True, token_act="gelu"
    ),
}

_DISTILBERT = {  # {BERT's key: DistilBERT's}.
    "vocab_size": "vocab_size",
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "max_position_embeddings": "max_position_embeddings",
    "initializer_range": "initializer_range",
    "classifier_dropout": "seq_classif_dropout",
    "qa_dropout": "qa_dropout",
}
_DISTILBERT_ALIASES = ("hidden_size", "num_hidden_layers", "num_attention_heads")
_NOT_DISTILBERT = (  # It does not read these; its LayerNorms always add 1e-12.
    *("type_vocab_size", "layer_norm_eps", "embedding_size"),
    *(ours for ours, theirs in _DISTILBERT.items() if ours != theirs),
)
# {field of one architecture: (its model_type, the value in others)}. A BERT's config.json
# may have such a key, too, which no BERT reads.
_OWN = {"embedding_size": ("electra", None), "qa_dropout": ("distilbert", 0.0)}
# What a key that is absent means, where it is not BERT's default.
_DEFAULTS = {
    "distilbert": {
        "num_hidden_layers": 6,
        "classifier_dropout": 0.2,
        "qa_dropout": 0.1,
    },
    "electra": {
        "embedding_size": 128,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    },
}

# Keys that change what a model computes: {key: values that mean what is published}.
_ARITHMETIC = {
    "is_decoder": (None, False),
    "add_cross_attention": (None, False),
    "position_embedding_type": (None, "absolute"),
    "pruned_heads": (None, {}, []),
    "quantization_config": (None, {}),
}
_OF_ELECTRA = {  # How its head of multiple choice reads a sequence.
    "summary_type": (None, "first"),
    "summary_use_proj": (None, True),
    "summary_activation": (None, "gelu"),
}


def check(config):
    """Checks the fields of a `BertConfig` that only some architectures have.

    Raises:
        ValueError: there is no such `model_type`, or a field does not belong to it.
    """
    kind = one_of("model_type", config.model_type, ARCHITECTURES)
    for key, (owner, nothing) in _OWN.items():
        value = getattr(config, key)
        if value != nothing and kind != owner:
            raise ValueError(
                f"{key} is for model_type {owner!r} only; received {show(value)} with "
                f"model_type {kind!r}. Leave it out."
            )
    if kind == "distilbert" and config.layer_norm_eps != 1e-12:
        raise ValueError(
            "layer_norm_eps must be 1e-12 for model_type 'distilbert', whose config.json "
            f"cannot say another; received {show(config.layer_norm_eps)}."
        )


def check_keys(values):
    """Checks keys of a config.json that change what the model computes.

    Raises:
        ValueError: a value means another model than bert_tf computes.
    """
    kind = values.get("model_type")
    if kind is not None and kind not in (*ARCHITECTURES,):  # It may be any JSON.
        names = ", ".join(map(repr, ARCHITECTURES))
        raise ValueError(
            f"model_type must be {names} or absent; received {show(kind)}. Choose a "
            "BERT, DistilBERT or ELECTRA: bert_tf computes only these encoders."
        )
    fixed = _ARITHMETIC | (_OF_ELECTRA if kind == "electra" else {})
    for key, allowed in fixed.items():
        if key in values and values[key] not in allowed:
            raise ValueError(
                f"{key} must be {allowed[1]!r} or absent; received {show(values[key])}. "
                "Choose another model: bert_tf computes only the encoders of BERT, "
                "DistilBERT and ELECTRA as published."
            )


def read(values):
    """Returns the JSON object of a config.json in BERT's keys, with BERT's class names."""
    kind = values.get("model_type")
    if kind not in _DEFAULTS:
        return {key: x for key, x in values.items() if key not in _OWN}
    prefix = ARCHITECTURES[kind].prefix
    if kind == "distilbert":
        names = {ours: ours for ours in _DISTILBERT_ALIASES} | {
            ours: theirs for ours, theirs in _DISTILBERT.items() if theirs in values
        }
        read = {ours: values[name] for ours, name in names.items() if name in values}
        theirs = {*_DISTILBERT.values(), *_NOT_DISTILBERT}
        values = read | {key: x for key, x in values.items() if key not in theirs}
    values = _DEFAULTS[kind] | values
    if kind == "electra" and values["embedding_size"] == values["hidden_size"]:
        values["embedding_size"] = None
    names = values.get("architectures")
    if isinstance(names, list):
        values["architectures"] = [_bert_name(name, prefix) for name in names]
    return values


def write(values, config):
    """Returns the JSON object of a config.json, the inverse of `read`.

    Args:
        values: JSON object in BERT's keys, with those of all architectures.
        config: `BertConfig` that it describes.
    """
    kind, own = config.model_type, {}
    if kind != "electra":
        values.pop("embedding_size", None)
    else:
        own = {"embedding_size": config.embedding_width}
    if kind == "distilbert":
        values = {**values, "classifier_dropout": config.head_dropout_prob}
        own = {theirs: values[ours] for ours, theirs in _DISTILBERT.items()}
        values = {k: x for k, x in values.items() if k not in _NOT_DISTILBERT}
    else:
        values.pop("qa_dropout", None)
    values = {**values, **own}
    names = values.get("architectures")
    if kind != "bert" and isinstance(names, list):
        values["architectures"] = [class_name(name, kind) for name in names]
    return values


def class_name(name, model_type):
    """Returns the class of transformers that is to an architecture what one is to BERT.

    A name that is not of a class of BERT is returned as it is.
    """
    prefix = ARCHITECTURES[model_type].prefix
    if not isinstance(name, str) or not name.startswith("Bert") or prefix == "Bert":
        return name
    # Neither has a head of next sentences.
    return prefix + name.removeprefix("Bert").replace("ForPreTraining", "ForMaskedLM")


def _bert_name(name, prefix):
    """Returns the class of BERT for one of another architecture, where BERT has the same."""
    # ElectraForPreTraining finds the words that a generator has replaced.
    if not isinstance(name, str) or name == "ElectraForPreTraining":
        return name
    return "Bert" + name.removeprefix(prefix) if name.startswith(prefix) else name
