"""The weights that the training of an encoder and a decoder starts from.

Rothe et al., 2020, "Leveraging Pre-trained Checkpoints for Sequence Generation Tasks": a
decoder has BERT's embeddings and layers ("bert2bert"), shares those of its encoder
("bertshare"), or is random ("bert2rnd"). Its attention to the source is new in any case.
"""

import dataclasses
import logging

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts, weights
from bert_tf.checkpoints.encoder_decoder import spread
from bert_tf.ground import one_of

DECODERS = ("bert2bert", "bertshare", "bert2rnd")

_log = logging.getLogger(__name__)

_TABLE = "decoder/embeddings/word_embeddings"
_BIAS = "decoder/cls/predictions/output_bias"
_HEAD = "cls/predictions/"


def read_folder(name):
    """Returns the `ModelFolder` of a folder or a published name."""
    return folders.read(folders.resolve(name))


def load_encoder(model, path):
    """Loads the weights of a folder; heads that it does not have keep initial values."""
    folders.load_weights(path, model, new_heads=True)


def make_decoder(start, *, vocab=None, tokenizer=None, layers=0, shared=False):
    """Returns the `ModelFolder` of a new decoder with the sizes of a BERT.

    Args:
        start: `ModelFolder` of the BERT.
        vocab, tokenizer: of the decoder; None for those of the BERT.
        layers: their number; 0 for as many as the BERT has.
        shared: whether it has the embeddings and layers of the encoder.

    Raises:
        ValueError: the BERT has fewer layers, is pruned, a DistilBERT or an ELECTRA, or is an encoder with a decoder.
    """
    if start.decoder:
        raise ValueError(
            "a decoder starts from a BERT, but the folder holds an encoder and a decoder "
            "already; choose another decoder_model."
        )
    check_plain(start.config)
    most = start.config.num_hidden_layers
    if layers > most:
        raise ValueError(
            f"decoder_layers must be at most {most}, the layers of the model that the "
            f"decoder starts from; received {layers}."
        )
    config = dataclasses.replace(
        start.config, num_hidden_layers=layers or most, extra={}
    )
    if vocab is None:
        vocab, tokenizer = start.vocab, start.tokenizer
    else:
        config = dataclasses.replace(config, vocab_size=len(vocab))
    return folders.ModelFolder(config, vocab, tokenizer, {"shared": shared})


def check_plain(config):
    """Raises a ValueError if no plain BERT shall be an encoder with a decoder, or a decoder."""
    if config.model_type != "bert":
        raise ValueError(
            "an encoder with a decoder, and a decoder, must start from a BERT; received a "
            f"model of model_type {config.model_type!r}. Choose a BERT."
        )
    if not config.is_plain:
        raise ValueError(
            "an encoder with a decoder must not be pruned, because the layout of "
            "EncoderDecoderModel has one size for all layers; received "
            f"layer_num_attention_heads {list(config.layer_num_attention_heads)}. Choose "
            "the model before its pruning."
        )


def load(model, name, vocab, *, decoder="bert2bert", decoder_model=""):
    """Loads the weights that training starts from.

    Args:
        model: `Bert2Bert`.
        name: folder or published name of a BERT, or of an encoder and a decoder: then
            all weights are loaded, and the other arguments do not count. None for an
            encoder of random weights; the decoder then has a start if it is named.
        vocab: tokens of the decoder.
        decoder: one of `DECODERS`.
        decoder_model: folder or published name of the BERT whose layers the decoder
            starts from; empty for that of the encoder.

    Raises:
        ValueError: the weights do not fit the model.
    """
    one_of("decoder", decoder, DECODERS)
    path = folders.resolve(name) if name else None
    if path and folders.read(path).decoder:
        folders.load_weights(path, model)
        return
    if path:
        folders.load_weights(path, model.backbone)
    start = decoder_model or name
    if start and decoder != "bert2rnd":
        load_decoder(model, start, vocab)
    else:
        _log.info("the decoder starts from random weights.")


def load_decoder(model, name, vocab):
    """Loads the weights that a decoder starts from.

    Tokens that both vocabularies have get BERT's embeddings. Others get random ones,
    distributed as those. The head is that of masked words, if the BERT has one.

    Args:
        model: `Bert2Bert`.
        name: folder or published name of the BERT.
        vocab: tokens of the decoder.
    """
    path = folders.resolve(name)
    old, arrays = folders.read(path), layouts.read_arrays(path)
    chosen = spread(
        old.config.num_hidden_layers, model.decoder.config.num_hidden_layers
    )
    found = _rename(weights.select_layers(arrays, chosen))
    own = weights.read_model(model)
    places = {token: place for place, token in enumerate(old.vocab)}
    # {id in the decoder: id in BERT}
    known = {n: places[token] for n, token in enumerate(vocab) if token in places}
    if vocab != old.vocab:
        table, random = found[_TABLE], own[_TABLE]
        random = random / random.std() * table.std(axis=0) + table.mean(axis=0)
        found[_TABLE] = _with_rows(random, table, known)
        if _BIAS in found:
            found[_BIAS] = _with_rows(own[_BIAS], found[_BIAS], known)
    found = {path: array for path, array in found.items() if path in own}
    report = weights.compare(model, found)
    if report.misshaped:
        raise ValueError(f"the weights of {name} do not fit the decoder: {report}")
    weights.assign(model, found)
    _log.info(
        "the decoder starts from %s: %s layers %s, the embeddings of %s of %s tokens, %s; "
        "its attention to the source is new.",
        name,
        "the encoder's" if model.shared else "its",
        ", ".join(map(str, chosen)),
        f"{len(known):,}",
        f"{len(vocab):,}",
        "the head of masked words" if _BIAS in found else "a new head",
    )


def _rename(arrays):
    """Returns {path in the decoder: array} of a BERT's embeddings, layers and head."""
    prefixes = {
        "bert/embeddings/": "decoder/embeddings/",
        "bert/encoder/": "decoder/",
        _HEAD: f"decoder/{_HEAD}",
    }
    return {
        new + path.removeprefix(old): array
        for path, array in arrays.items()
        for old, new in prefixes.items()
        if path.startswith(old)
    }


def _with_rows(array, old, known):
    """Returns a copy of an array that has rows {number: number in `old`} of another."""
    array = array.copy()
    array[list(known)] = old[list(known.values())]
    return array
