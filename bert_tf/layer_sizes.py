"""What config.json says of a BERT whose layers differ in size, as pruning leaves them.

Plain BERT's keys cannot say it. So such a file has a `model_type` of its own, which readers
of plain BERTs refuse, and keys with an entry for each layer. The `model_type` is the same
if the head is one that transformers does not have: it would compute another one from the
same weights.
"""

from bert_tf.ground import show

MODEL_TYPE = "bert_tf"
# {key with an entry for each layer: the key that bounds the entries}.
KEYS = {
    "layer_num_attention_heads": "num_attention_heads",
    "layer_intermediate_size": "intermediate_size",
}
OWN_HEADS = ("EmbeddingClassifier",)  # Among the `architectures`.
HEAD_SIZE = "attention_head_size"  # For other readers; here it follows from two keys.
ENCODER_TYPE = "encoder_type"  # The model_type of the encoder, where it is not BERT's.


def check(config):
    """Checks the entries for each layer of a `BertConfig`.

    Returns:
        {key: tuple of the entries}; {} for a plain BERT.

    Raises:
        ValueError: the entries are not one for each layer, or one is out of its range.
    """
    values = {key: getattr(config, key) for key in KEYS}
    if all(entries is None for entries in values.values()):
        return {}
    layers = config.num_hidden_layers
    for key, entries in values.items():
        if not isinstance(entries, list | tuple) or len(entries) != layers:
            raise ValueError(
                f"{key} must be a list with a number for each of the {layers} layers "
                f"(num_hidden_layers); received {show(entries)}."
            )
        bound = KEYS[key]
        most = getattr(config, bound)
        for number, entry in enumerate(entries):
            if type(entry) is not int or not 1 <= entry <= most:
                raise ValueError(
                    f"{key}[{number}] must be a whole number from 1 to {most:,}, the "
                    f"{bound}; received {show(entry)}."
                )
    return {key: tuple(entries) for key, entries in values.items()}


def has_own_head(values):
    """Returns whether `architectures` of a JSON object names a head of `OWN_HEADS`."""
    names = values.get("architectures")
    return isinstance(names, list) and any(name in OWN_HEADS for name in names)


def read(values):
    """Returns the JSON object of a config.json without what `write` adds for other readers.

    Raises:
        ValueError: `model_type` and the keys for each layer do not fit each other.
    """
    given = [key for key in KEYS if values.get(key) is not None]
    kind = values.get("model_type")
    if kind != MODEL_TYPE:
        if given:
            raise ValueError(
                f"{given[0]} needs model_type {MODEL_TYPE!r}; received {show(kind)}. "
                "Correct model_type, or remove the key."
            )
        return values
    missing = [key for key in KEYS if key not in given]
    if missing and (given or not has_own_head(values)):
        raise ValueError(
            f"model_type {MODEL_TYPE!r} needs {missing[0]}, a number for each layer. Copy "
            "the whole config.json again."
        )
    added = ("model_type", HEAD_SIZE, ENCODER_TYPE)
    values = {"model_type": values.get(ENCODER_TYPE)} | {
        key: value for key, value in values.items() if key not in added
    }
    return values


def check_head_size(values, config):
    """Checks `attention_head_size` in a JSON object, if there is any, against a `BertConfig`."""
    size, received = config.attention_head_size, values.get(HEAD_SIZE)
    if received not in (None, size):
        raise ValueError(
            f"{HEAD_SIZE} must be {size}, hidden_size / num_attention_heads "
            f"({config.hidden_size} / {config.num_attention_heads}, those before pruning); "
            f"received {show(received)}."
        )


def write(values, config):
    """Returns the JSON object of a config.json from {field: value} of a `BertConfig`."""
    extra, kind = values.pop("extra"), values.pop("model_type")
    plain = {key: value for key, value in values.items() if key not in KEYS}
    sizes = {}
    if not config.is_plain:
        sizes = {HEAD_SIZE: config.attention_head_size}
        sizes |= {key: list(values[key]) for key in KEYS}
    if not (sizes or has_own_head(extra)):
        return {"model_type": kind, **plain, **extra}
    if kind == "bert":  # As before there were others.
        del plain["embedding_size"], plain["qa_dropout"]
    else:
        sizes[ENCODER_TYPE] = kind
    return {"model_type": MODEL_TYPE, **plain, **extra, **sizes}
