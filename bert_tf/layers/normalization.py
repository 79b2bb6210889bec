"""LayerNorm with an explicit gradient.

Shapes: T tokens, H hidden size.
"""

import keras
from keras import ops


def layer_norm(values, gamma, beta, epsilon):
    """Normalises each token's values to mean 0 and variance 1, then scales and shifts.

    The gradient is written in closed form. Automatic differentiation of mean and variance
    would read the values about twice as often, and memory bandwidth is the limit.

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
            scaled = upstream * gamma
            mean = ops.mean(scaled, axis=-1, keepdims=True)
            projection = ops.mean(scaled * normed, axis=-1, keepdims=True)
            return (
                (scaled - mean - normed * projection) * inverse,
                ops.sum(upstream * normed, axis=0),
                ops.sum(upstream, axis=0),
            )

        return normed * gamma + beta, gradient

    return apply(values, gamma, beta)


@keras.saving.register_keras_serializable(package="bert_tf")
class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis (Ba et al., 2016), in float32.

    Args:
        hidden_size: H.
        epsilon: added to the variance.

    Call arguments:
        values: float [T, H].

    Returns:
        float [T, H], in the compute dtype of the policy.
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

    def get_config(self):
        own = {"hidden_size": self.hidden_size, "epsilon": self.epsilon}
        return super().get_config() | own
