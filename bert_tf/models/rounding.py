"""Lets a model train for weights of eight bits; see `layers.rounding`."""

from bert_tf.layers.dense import Dense
from bert_tf.layers.embeddings import Embeddings


def round_to_eight_bits(model):
    """Lets the encoder of a built model round its weights and inputs from now on.

    Its variables keep all their bits, since small updates must add up. An exported file
    does not round heads of a few labels either.

    Args:
        model: Keras model with a `backbone`, or a backbone.
    """
    for layer in getattr(model, "backbone", model)._flatten_layers():
        if isinstance(layer, (Dense, Embeddings)):
            layer.rounded = True
