"""Dense layers with BERT's initial weights."""

import keras

from bert_tf.layers.initial import initial


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
    """A `keras.layers.Dense` that Keras' `quantize` and its integer policies refuse.

    Keras would replace the kernel and the call of this layer alone. But attention and heads
    read kernels themselves, and Keras skips subclasses of its own layers with a warning.

    Raises:
        ValueError: by `quantize`, and if the layer is built with a policy of Keras'
            quantisation, such as "int8_from_float32".
    """

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
