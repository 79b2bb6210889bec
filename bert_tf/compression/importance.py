"""How much each attention head and feed-forward unit matters for the loss of a task.

Michel et al., 2019, "Are Sixteen Heads Really Better than One?" (arXiv:1905.10650), 4.1: a
gate, always 1, multiplies the output of a head. The derivative of an example's loss by the
gate is the sum of gradient × activation over the head's values and the example's tokens. It
estimates how the loss would change without the head. Units of the feed-forward networks have
gates after the activation, as in Molchanov et al., 2017 (arXiv:1611.06440).

Shapes: R rows, S tokens a row, T = R·S, G gates' examples, N heads, D head size, I units,
L layers.
"""

import contextlib

import numpy as np

from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
activations = lazy("bert_tf.layers.activations")


def importance(model, task, rows, batches):
    """Ranks the heads and units of a model by what the loss would lose without them.

    The score of a head or unit is the sum over examples of |Σ gradient × activation|, divided
    by the l2 norm of the scores of its layer, so that layers compare. The sum in bars goes
    over the values of the head (a unit has one) and the tokens of the example. The gradient
    is that of the losses of the task, weighted as in training, and without dropout. An
    example is what the model reads: a window of a long text and a choice of a question each
    count as one.

    Args:
        model: built Keras model of the task, with a `backbone`.
        task: `Task`.
        rows: batches of packed rows, as `Task.training_rows` streams them.
        batches: how many of them to take.

    Returns:
        The scores of the heads and of the units, two lists of float64 arrays [N] and [I],
        one for each layer. A layer of which nothing matters has zeros.
    """
    shapes = model.backbone.config.layer_shapes
    totals = [[np.zeros(size) for size in sizes] for sizes in zip(*shapes)]
    differentiate = _make_differentiate(model, task, shapes)
    stream = iter(rows)
    for _ in progress(range(batches), "ranking", leave=False, unit="batch"):
        for sums, gradients in zip(totals, differentiate(next(stream))):
            for total, gradient in zip(sums, gradients):
                total += gradient.numpy()
    heads, units = ([_normalise(total) for total in sums] for sums in totals)
    return heads, units


def _normalise(scores):
    norm = np.linalg.norm(scores)
    return scores / norm if norm else scores


def _make_differentiate(model, task, shapes):
    """Returns function(rows) → for heads and for units a list of [N] or [I], one a layer.

    These are sums over the examples of the absolute derivatives of the loss by the gates.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def differentiate(rows):
        groups, count = _number_examples(rows["sequence_ids"])
        gates = [[tf.ones([count, size]) for size in sizes] for sizes in zip(*shapes)]
        # Weights need no gradients.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(gates)
            with _gated(model.backbone, groups, gates):
                outputs = task.named(model(rows, training=False))
            weights, losses = task.weights(rows), task.losses(rows, outputs)
            loss = tf.add_n(
                [tf.reduce_sum(weights[term] * losses[term]) for term in losses]
            )
        gradients = tape.gradient(
            loss, gates, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return tf.nest.map_structure(
            lambda gradient: tf.reduce_sum(tf.abs(gradient), axis=0), gradients
        )

    return differentiate


def _number_examples(sequence_ids):
    """Returns the number of the example of each token, int32 [T], and how many there are.

    The padding of a row counts as an example; nothing depends on it.
    """
    most = tf.reduce_max(sequence_ids) + 1
    rows = tf.range(tf.shape(sequence_ids)[0])[:, None]
    return tf.reshape(rows * most + sequence_ids, [-1]), tf.size(rows) * most


@contextlib.contextmanager
def _gated(backbone, groups, gates):
    """Puts gates into the layers of a backbone while a graph is traced."""
    layers = list(backbone.encoder_layers)
    backbone.encoder_layers = [
        _GatedLayer(layer, groups, *own) for layer, *own in zip(layers, *gates)
    ]
    try:
        yield
    finally:
        backbone.encoder_layers = layers


class _GatedLayer:
    """Computes an `EncoderLayer`, with a gate for each head and unit of each example.

    Args:
        layer: built `EncoderLayer`.
        groups: int32 [T], the example of each token.
        head_gates, unit_gates: float32 [G, N] and [G, I].
    """

    def __init__(self, layer, groups, head_gates, unit_gates):
        self._layer = layer
        self._head_gates = tf.gather(head_gates, groups)
        self._unit_gates = tf.gather(unit_gates, groups)

    def __call__(self, hidden, bias, at=None, **options):
        """Computes all tokens, also where only a few are needed: all have gates."""
        layer = self._layer
        own = layer.self_attention
        context, probabilities = own(hidden, bias, training=False)
        by_heads = tf.reshape(context, [-1, own.num_heads, own.head_size])
        gated = tf.reshape(by_heads * self._head_gates[:, :, None], [-1, own.width])
        attended = layer.attention_output(gated, hidden, training=False)
        expanded = activations.activate(layer.activation, layer.intermediate(attended))
        gated = expanded * self._unit_gates
        states = layer.feed_forward_output(gated, attended, training=False)
        return (states if at is None else tf.gather(states, at)), probabilities
