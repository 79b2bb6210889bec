"""A folder with an encoder and a decoder: what differs from that of a BERT alone.

It is what EncoderDecoderModel of transformers writes: config.json holds two configurations,
and one file the weights of both. The tokenizer of the sources lies beside them, that of the
targets in the folder decoder/.
"""

import re

import numpy as np

from bert_tf.config import BertConfig, find_config, read_config
from bert_tf.ground import show
from bert_tf.json_files import json_value, read_json

ARCHITECTURE = "EncoderDecoderModel"
MODEL_TYPE = "encoder-decoder"
TOKENIZER = "decoder"  # The folder of the decoder's tokenizer.

_TABLE = "decoder/embeddings/word_embeddings"
# What makes a BERT a decoder; `BertConfig` has only keys that both have.
_DECODER_KEYS = {"is_decoder": True, "add_cross_attention": True}
# {key of config.json: the token of the decoder's vocabulary that it must name}.
_TOKENS = {
    "decoder_start_token_id": "[CLS]",
    "eos_token_id": "[SEP]",
    "pad_token_id": "[PAD]",
}


def read_configs(path):
    """Reads the configuration of a folder.

    Returns:
        `BertConfig` of the encoder, or of a BERT alone, and that of the decoder, or None.
        Keys of the whole that bert_tf needs stand in `extra` of the first.

    Raises:
        OSError, ValueError: as of `read_config`; or encoder and decoder are not two BERTs
            of the same hidden size.
    """
    file = find_config(path)
    values = read_json(file)
    if values.get("model_type") != MODEL_TYPE:
        return read_config(file), None
    encoder, decoder = (
        _read_part(values, name, file) for name in ("encoder", "decoder")
    )
    if decoder.hidden_size != encoder.hidden_size:
        raise ValueError(
            f"{file}: the encoder has hidden_size {encoder.hidden_size}, the decoder "
            f"{decoder.hidden_size}; bert_tf has no projection between them "
            "(enc_to_dec_proj). Choose two models of the same hidden_size."
        )
    for key in ("architectures", "bert_tf", *_TOKENS):
        encoder.extra.pop(key, None)
        if values.get(key) is not None:
            encoder.extra[key] = values[key]
    return encoder, decoder


def _read_part(values, name, file):
    """Returns the `BertConfig` of the encoder or the decoder."""
    part = dict(json_value(values, name, dict, file))
    kind = part.get("model_type", "bert")
    if kind != "bert":
        raise ValueError(
            f"{file}: the {name} is a {show(kind)} model; bert_tf reads only folders "
            "whose encoder and decoder are both BERTs."
        )
    if name == "decoder":
        for key, needed in _DECODER_KEYS.items():
            if part.pop(key, None) is not needed:
                raise ValueError(
                    f"{file}: decoder: {key} must be true, because a decoder without it "
                    "does not attend to the source from left to right."
                )
    try:
        return BertConfig.from_dict(part)
    except ValueError as error:
        raise ValueError(f"{file}: {name}: {error}") from None


def check_tokens(path, extra, vocab):
    """Removes the ids of special tokens from `extra`, and checks that they are BERT's.

    Raises:
        ValueError: generation would begin or end with another token than [CLS] and [SEP].
    """
    for key, token in _TOKENS.items():
        received = extra.pop(key, None)
        if received is not None and received != vocab.index(token):
            raise ValueError(
                f"{path}: {key} is {show(received)}, but {token} has id "
                f"{vocab.index(token)} in the decoder's vocabulary. bert_tf begins "
                "texts with [CLS], ends them with [SEP], and pads with [PAD]."
            )


def config_values(encoder, decoder, vocab):
    """Returns the JSON object for config.json.

    Args:
        encoder, decoder: JSON objects of the two configurations; `architectures` and
            `bert_tf` of the first are those of the whole.
        vocab: tokens of the decoder.
    """
    encoder = dict(encoder)
    whole = {
        key: encoder.pop(key) for key in ("architectures", "bert_tf") if key in encoder
    }
    return {
        "model_type": MODEL_TYPE,
        "is_encoder_decoder": True,
        "dtype": encoder["dtype"],
        **{key: vocab.index(token) for key, token in _TOKENS.items()},
        **whole,
        "encoder": encoder,
        "decoder": decoder | _DECODER_KEYS,
    }


def spread(layers, wanted):
    """Returns which of a number of layers to take: the first, the last, and evenly between.

    So Shleifer and Rush (2020, "Pre-trained Summarization Distillation") shrink a decoder.

    Args:
        layers: how many there are.
        wanted: how many to take, at most as many.
    """
    steps = max(wanted - 1, 1)
    return [number * (layers - 1) // steps for number in range(wanted)]


def is_shared(paths):
    """Returns whether there is a decoder without embeddings and layers of its own.

    Args:
        paths: our paths of a model's weights.
    """
    return _TABLE not in paths and any(path.startswith("decoder/") for path in paths)


def copies(arrays):
    """Returns {path of the decoder: path of the encoder} of what the two share.

    Args:
        arrays: {our path: array} of a model with a decoder.
    """
    encoder, decoder = (
        1 + max(int(match[1]) for path in arrays if (match := re.match(pattern, path)))
        for pattern in (r"bert/encoder/layer_(\d+)/", r"decoder/layer_(\d+)/")
    )
    chosen = spread(encoder, decoder)
    shared = {}
    for path in arrays:
        if path.startswith("bert/embeddings/"):
            shared[path.replace("bert/", "decoder/", 1)] = path
        elif match := re.match(r"bert/encoder/layer_(\d+)/(.+)", path):
            for number, layer in enumerate(chosen):
                if layer == int(match[1]):
                    shared[f"decoder/layer_{number}/{match[2]}"] = path
    return shared


def with_copies(arrays):
    """Returns the arrays with those of the decoder that are the encoder's."""
    return arrays | {path: arrays[same] for path, same in copies(arrays).items()}


def check_copies(path, arrays):
    """Checks that encoder and decoder of a shared model still have the same weights.

    Raises:
        ValueError: one of the copies was trained apart.
    """
    for copy, original in copies(arrays).items():
        if copy in arrays and not np.array_equal(arrays[copy], arrays[original]):
            raise ValueError(
                f"{path}: {copy} differs from {original}, but config.json says that "
                "encoder and decoder share their weights. Write shared: false under "
                "decoder, bert_tf in config.json to read two sets of weights."
            )
