"""How much each attention head and feed-forward unit matters for the loss of a task.

Michel et al., 2019, "Are Sixteen Heads Really Better than One?" (arXiv:1905.10650), 4.1: a
gate, always 1, multiplies the output of a head. The derivative of an example's loss by the
gate is the sum of gradient × activation over the head's values and the example's tokens. It
estimates how the loss would change without the head. Units of the feed-forward networks have
gates after the activation, as in Molchanov et al., 2017 (arXiv:1611.06440).

Shapes: R rows, S tokens a row, T = R·S, N heads, I units.
"""

import numpy as np

from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
models = lazy("bert_tf.models.gates")


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
            with models.gated(model.backbone, groups, *gates):
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
