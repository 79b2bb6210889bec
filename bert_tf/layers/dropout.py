"""Dropout whose mask is a function of a seed that comes with the batch.

Keras draws masks from a state inside each layer. That state is the same on every replica
of tf.distribute, is missing from checkpoints, and gives another mask when a layer is
computed a second time. A seed in the batch has none of these faults: equal batches get
equal masks, at any time and on any device.
"""

import keras
from keras import ops

from bert_tf.layers.random_masks import dropout_mask


def fold_in(seed, number):
    """Derives the seed of one part of the model, such as a layer, from a seed.

    Args:
        seed: int32 [2] or None.
        number: int that identifies the part.

    Returns:
        int32 [2]; None if `seed` is None.
    """
    if seed is None:
        return None
    # Multiplying by an odd number near 2^32 / golden ratio keeps the results of
    # neighbouring seeds and numbers apart (Knuth, TAOCP 3, 6.4).
    spread = (number * 0x9E3779B1 + 0x40000000) % 0x80000000 - 0x40000000
    return seed + ops.convert_to_tensor([spread, 0], dtype="int32")


@keras.saving.register_keras_serializable(package="bert_tf")
class Dropout(keras.layers.Layer):
    """Sets random values to 0 in training and scales the others (Srivastava, 2014).

    Args:
        rate: fraction of values to drop, in [0, 1).

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
        rate, seed = self.active(seed, training)
        if not rate:
            return values
        # A product, unlike a selection, has a gradient of one multiplication.
        return values * dropout_mask(ops.shape(values), rate, seed, values.dtype)

    def active(self, seed=None, training=None):
        """Returns the fraction to drop in a call, 0 outside training, and its seed."""
        if not training or not self.rate:
            return 0.0, seed
        return self.rate, self.generator.next() if seed is None else seed

    def get_config(self):
        return super().get_config() | {"rate": self.rate}

    # Keras' files leave out the states of generators: training would go on with masks
    # that it has drawn before.

    def save_own_variables(self, store):
        if self.generator:
            store["generator"] = self.generator.state

    def load_own_variables(self, store):
        if self.generator and "generator" in store:
            self.generator.state.assign(store["generator"])
