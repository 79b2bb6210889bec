"""The activations of BERT, by the names of config.json."""

import math

import keras
from keras import ops


def gelu(x):
    """Returns the exact Gaussian error linear unit (Hendrycks and Gimpel, 2016).

    The formula uses erf, which TensorFlow, TFLite and ONNX converters all recognise;
    `keras.activations.gelu` uses erfc, which some of them do not.
    """
    return 0.5 * x * (1.0 + ops.erf(x * 0.5**0.5))


@ops.custom_gradient
def gelu_in_training(x):
    """Returns `gelu`, and keeps only `x` for its gradient instead of four tensors.

    The gradient consists of the operations of TensorFlow's own, so that it has the same
    bits.
    """

    def gradient(*upstream):
        (upstream,) = upstream
        scaled = x * 0.5**0.5
        of_factor = upstream * (1.0 + ops.erf(scaled)) * 0.5
        of_erf = upstream * (0.5 * x) * (2 / math.pi**0.5)
        of_erf = of_erf * ops.exp(-ops.square(scaled))
        return of_factor + of_erf * 0.5**0.5

    return gelu(x), gradient


ACTIVATIONS = {
    "gelu": gelu,
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
}


def activate(name, x, training=None):
    """Returns an activation of `ACTIVATIONS` by its name.

    In a graph that predicts, GELU consists of plain operations, which TensorFlow fuses with
    the product before it.
    """
    if training and name == "gelu":
        return gelu_in_training(x)
    return ACTIVATIONS[name](x)
