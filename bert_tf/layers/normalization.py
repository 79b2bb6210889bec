"""LayerNorm with its gradient written out.

Shapes: T tokens, H hidden size.
"""

import keras
from keras import ops


def layer_norm(values, gamma, beta, epsilon):
    """Moves each token's values to mean 0 and variance 1, then scales and shifts them.

    The gradient is the closed form: what automatic differentiation makes of mean and
    variance passes over the values about twice as often, and memory is what limits.

    Args:
        values: float32 [T, H].
        gamma, beta: float32 [H], scale and shift.
        epsilon: added to the variance.

    Returns:
        float32 [T, H].
    """

    @ops.custom_gradient
    def apply(values, gamma, beta):
        centred = values - ops.mean(values, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        inverse = ops.rsqrt(variance + epsilon)
        normed = centred * inverse

        def gradient(*upstream):
            (upstream,) = upstream
            inner = upstream * gamma
            mean = ops.mean(inner, axis=-1, keepdims=True)
            along = ops.mean(inner * normed, axis=-1, keepdims=True)
            return (
                (inner - mean - normed * along) * inverse,
                ops.sum(upstream * normed, axis=0),
                ops.sum(upstream, axis=0),
            )

        return normed * gamma + beta, gradient

    return apply(values, gamma, beta)


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis (Ba et al., 2016), in float32.

    Args:
        hidden_size: H.
        epsilon: added to the variance.

    Call arguments:
        values: float [T, H].

    Returns:
        float [T, H], of the policy's compute type.
    """

    def __init__(self, hidden_size, *, epsilon, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.hidden_size = hidden_size
        self.epsilon = epsilon

    def build(self, _):
        shape = (self.hidden_size,)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, values):
        values, gamma, beta = (
            ops.cast(tensor, "float32") for tensor in (values, self.gamma, self.beta)
        )
        normed = layer_norm(values, gamma, beta, self.epsilon)
        return ops.cast(normed, self.compute_dtype)
