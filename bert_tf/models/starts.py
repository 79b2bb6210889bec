"""The weights that training starts from: an encoder's, and a decoder's from an encoder's.

Rothe et al., 2020, "Leveraging Pre-trained Checkpoints for Sequence Generation Tasks":
a decoder starts from BERT's embeddings and layers; its attention to the source is new.
"""

import dataclasses
import logging
import re

import numpy as np

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts, weights

_log = logging.getLogger(__name__)

_TABLE = "decoder/embeddings/word_embeddings"
_BIAS = "cls/predictions/output_bias"
_LAYER = re.compile(r"bert/encoder/layer_(\d+)/(.*)")


def load_encoder(model, path):
    """Loads the weights of a model folder; heads that it lacks keep their initial values."""
    folders.load_weights(path, model, new_heads=True)


def read_folder(name):
    """Returns the `ModelFolder` of a folder or a published name."""
    return folders.read(folders.resolve(name))


def make_decoder(start, *, vocab=None, tokenizer=None, layers=0, shared=False):
    """Returns the `ModelFolder` of a decoder with the sizes of an encoder.

    Args:
        start: `ModelFolder` of the encoder.
        vocab, tokenizer: of the decoder; None for those of the encoder.
        layers: their number; 0 for as many as the encoder has.
        shared: whether it has the embeddings and layers of the encoder.

    Raises:
        ValueError: the encoder has fewer layers.
    """
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


def load_decoder(model, name, vocab):
    """Loads the weights that a decoder starts from.

    Tokens that both vocabularies have get the encoder's embeddings. Others get random
    ones, distributed as those. Of more layers than the decoder has, some are left out at
    equal distances.

    Args:
        model: `Bert2Bert`.
        name: folder or published name of the encoder.
        vocab: tokens of the decoder.
    """
    path = folders.resolve(name)
    old_vocab, arrays = folders.read(path).vocab, layouts.read_arrays(path)
    own = weights.read_model(model)
    layers = model.decoder.config.num_hidden_layers
    old_layers = {int(m[1]) for m in map(_LAYER.match, arrays) if m}
    chosen = np.linspace(0, len(old_layers) - 1, layers).round().astype(int).tolist()
    found = {}
    for old_name, array in arrays.items():
        if old_name.startswith("bert/embeddings/"):
            found["decoder/" + old_name.removeprefix("bert/")] = array
        elif old_name.startswith("cls/predictions/"):
            found[old_name] = array
        elif (place := _LAYER.match(old_name)) and int(place[1]) in chosen:
            number = chosen.index(int(place[1]))
            found[f"decoder/layer_{number}/{place[2]}"] = array
    places = {token: place for place, token in enumerate(old_vocab)}
    known = [(n, places[token]) for n, token in enumerate(vocab) if token in places]
    ours, theirs = np.array(known).T
    random, table = own[_TABLE], found[_TABLE]
    found[_TABLE] = random / random.std() * table.std(axis=0) + table.mean(axis=0)
    found[_TABLE][ours] = table[theirs]
    if _BIAS in found:
        found[_BIAS], bias = own[_BIAS].copy(), found[_BIAS]
        found[_BIAS][ours] = bias[theirs]
    report = weights.assign(model, found)
    _log.info(
        "the decoder starts from %s: %d arrays, and the embeddings of %d of %d tokens.",
        name,
        len(report.loaded),
        len(known),
        len(vocab),
    )
