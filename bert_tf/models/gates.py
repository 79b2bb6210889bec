"""Gates in the layers of an encoder, for the derivatives of a loss by them.

Michel et al., 2019, "Are Sixteen Heads Really Better than One?" (arXiv:1905.10650), 2.

Shapes: T tokens of all rows, G examples, N heads, D head size, I units of the feed-forward
network.
"""

import contextlib

from keras import ops

from bert_tf.layers.activations import activate


@contextlib.contextmanager
def gated(backbone, groups, head_gates, unit_gates):
    """Multiplies the heads and units of a backbone by gates while a block computes.

    Args:
        backbone: `BertBackbone`; it predicts, without dropout and attention kernels.
        groups: int32 [T], the number of the example of each token.
        head_gates, unit_gates: for each layer float32 [G, N], and [G, I].
    """
    layers = list(backbone.encoder_layers)
    backbone.encoder_layers = [
        _GatedLayer(layer, *(ops.take(gates, groups, axis=0) for gates in own))
        for layer, *own in zip(layers, head_gates, unit_gates)
    ]
    try:
        yield
    finally:
        backbone.encoder_layers = layers


class _GatedLayer:
    """Computes an `EncoderLayer` whose heads and units are multiplied by gates.

    Args:
        layer: built `EncoderLayer`.
        head_gates, unit_gates: float32 [T, N] and [T, I].
    """

    def __init__(self, layer, head_gates, unit_gates):
        self._layer, self._head_gates, self._unit_gates = layer, head_gates, unit_gates

    def __call__(self, hidden, bias, at=None, **options):
        """Computes all tokens, also where few are needed: each token has its gates."""
        layer, attention = self._layer, self._layer.self_attention
        context, probabilities = attention(hidden, bias, training=False)
        shape = (-1, attention.num_heads, attention.head_size)
        by_heads = ops.reshape(context, shape) * self._head_gates[:, :, None]
        context = ops.reshape(by_heads, (-1, attention.width))
        attended = layer.attention_output(context, hidden, training=False)
        expanded = activate(layer.activation, layer.intermediate(attended))
        states = layer.feed_forward_output(
            expanded * self._unit_gates, attended, training=False
        )
        return (states if at is None else ops.take(states, at, axis=0)), probabilities
