"""Dense layers with BERT's initial weights."""

import keras

from bert_tf.layers.initial import initial
from bert_tf.layers.rounding import round_inputs, round_weights


def dense(units, initializer_range, **options):
    """Returns a `Dense` whose kernel starts as a truncated normal.

    Args:
        units: size of the outputs.
        initializer_range: standard deviation of the initial kernel.
        options: other arguments of `keras.layers.Dense`.
    """
    initializer = initial(initializer_range)
    return Dense(units, kernel_initializer=initializer, **options)


@keras.saving.register_keras_serializable(package="bert_tf")
class Dense(keras.layers.Dense):
    """A `keras.layers.Dense` that can round, but not by Keras' `quantize`.

    Keras would replace the kernel and the call of this layer alone. But attention and heads
    read kernels themselves, and Keras skips subclasses of its own layers with a warning.

    Attributes:
        rounded: whether inputs and kernel are rounded to eight bits, see `rounding`.

    Raises:
        ValueError: by `quantize`, and if the layer is built with a policy of Keras'
            quantisation, such as "int8_from_float32".
    """

    rounded = False

    @property
    def kernel(self):
        kernel = super().kernel
        return round_weights(kernel) if self.rounded else kernel

    def call(self, inputs, training=None):
        inputs = round_inputs(inputs) if self.rounded else inputs
        return super().call(inputs, training=training)

    def quantize(self, mode=None, **_):
        _refuse(mode)

    def quantized_build(self, kernel_shape, mode, config=None):
        _refuse(mode)


def _refuse(mode):
    raise ValueError(
        f"Keras cannot quantise bert_tf's models (mode {mode!r}), because attention reads "
        "its kernels itself. For eight bits on disk run bert-tf convert-checkpoint "
        "--weights_dtype=int8, for a faster model bert-tf export --format=tflite "
        "--quantize=int8."
    )
