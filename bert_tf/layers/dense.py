"""Dense layers with BERT's initial weights."""

import keras

from bert_tf.layers.initial import initial


def dense(units, initializer_range, **options):
    """Returns a `keras.layers.Dense` whose kernel starts as a truncated normal.

    Args:
        units: size of the outputs.
        initializer_range: standard deviation of the initial kernel.
        options: other arguments of `keras.layers.Dense`.
    """
    initializer = initial(initializer_range)
    return keras.layers.Dense(units, kernel_initializer=initializer, **options)
