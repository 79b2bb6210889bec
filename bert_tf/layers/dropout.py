"""Dropout whose mask is a function of a seed that travels with the batch.

Keras draws masks from a state inside each layer. Under tf.distribute that state is the
same on every replica, checkpoints leave it out, and recomputed blocks draw other masks
the second time. A seed that comes with the rows has none of these faults: the same
rows give the same masks, wherever and whenever they are computed.
"""

import keras
from keras import ops

from bert_tf.layers.random_masks import dropout_mask


def fold_in(seed, number):
    """Returns another seed for part `number` of what `seed` stands for; None stays None."""
    if seed is None:
        return None
    # The golden ratio's odd multiplier spreads the numbers, so that neighbouring seeds
    # with neighbouring parts never meet (Knuth, TAOCP 3, 6.4).
    spread = (number * 0x9E3779B1 + 0x40000000) % 0x80000000 - 0x40000000
    return seed + ops.convert_to_tensor([spread, 0], dtype="int32")


class Dropout(keras.layers.Layer):
    """Sets a share of the values to 0 in training and scales the rest (Srivastava, 2014).

    Args:
        rate: share of values to drop, in [0, 1).

    Call arguments:
        values: float tensor of any shape.
        seed: int32 [2], or None to draw from the layer's own generator.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.generator = keras.random.SeedGenerator() if rate else None
        self.built = True

    def call(self, values, seed=None, training=None):
        if not training or not self.rate:
            return values
        if seed is None:
            seed = self.generator.next()
        # One factor for both passes: the gradient is a single product, no selection.
        return values * dropout_mask(ops.shape(values), self.rate, seed, values.dtype)
