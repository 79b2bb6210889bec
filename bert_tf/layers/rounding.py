"""Rounding to eight bits in training, so that a model learns to bear it.

Jacob et al., 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference". Kernels and tables get the values that they have in a
file of `bert-tf export --quantize=int8`. The inputs of dense layers are rounded for each
token, as LiteRT does while it computes. Gradients pass as if nothing was rounded (Bengio et
al., 2013, "Estimating or propagating gradients through stochastic neurons").

Shapes: T tokens, I inputs, O outputs.
"""

from keras import ops

_LARGEST = 127  # Of eight bits with a sign, without -128.
_STEPS = 255  # Between the least and the largest of eight bits.


def round_weights(weights):
    """Returns a kernel with 255 steps between the extremes of each output.

    Args:
        weights: float [I, O].

    Returns:
        float [I, O].

    Example:
        >>> import numpy as np
        >>> from bert_tf.layers.rounding import round_weights
        >>> kernel = np.array([[1.27, 0.0], [0.114, -2.54]], "float32")
        >>> np.asarray(round_weights(kernel)).round(4).tolist()
        [[1.27, 0.0], [0.11, -2.54]]
    """
    return round_by(weights, weight_scale(weights, axis=0))


def weight_scale(weights, axis=None):
    """Returns the step of weights: a 127th of the largest, over an axis or over all.

    Args:
        weights: float [I, O].
    """
    largest = ops.max(ops.abs(weights), axis=axis, keepdims=True)
    return ops.where(largest > 0, largest / _LARGEST, 1.0)


def round_inputs(values):
    """Returns the inputs of a dense layer in 256 steps between the extremes of each token.

    0 is always among these steps.

    Args:
        values: float [T, I].

    Returns:
        float [T, I].
    """
    most = ops.maximum(ops.max(values, axis=-1, keepdims=True), 0.0)
    least = ops.minimum(ops.min(values, axis=-1, keepdims=True), 0.0)
    return round_by(values, ops.where(most > least, (most - least) / _STEPS, 1.0))


def round_by(values, scale):
    """Returns values as the nearest multiples of a scale; the gradient is that of `values`."""
    scale = ops.stop_gradient(scale)
    return values + ops.stop_gradient(ops.round(values / scale) * scale - values)
