"""Gradients of a loss that compares all examples of several micro-batches.

The memory is that of one micro-batch (Gao et al., 2021, "Scaling Deep Contrastive Learning
Batch Size under Memory Limited Setup"): all outputs are computed without a gradient; then the
gradient of the loss to them; then, micro-batch by micro-batch, that of the weights.
"""

import tensorflow as tf

from bert_tf.training import arithmetic

# Features of a record that losses read.
_READ = ("label", "weight", "teacher_scores")


def make_differentiate(model, task, variables):
    """Returns function(batches, totals, factor) -> gradients and losses of all micro-batches.

    The dropout masks of both computations are the same, because `dropout_seed` of the rows
    determines them.

    Args:
        model: function(rows, training) -> outputs.
        task: as in `update.make_update`; its losses read the output
            `task.couples_examples` only.
        variables: {path: variable}.

    Returns:
        the function; its arguments and results are those of `update`'s own for a
        micro-batch.
    """

    name = task.couples_examples

    @tf.function(reduce_retracing=True, autograph=False)
    def compute(rows):
        return task.named(model(rows, training=True))[name]

    @tf.function(reduce_retracing=True, autograph=False)
    def differentiate(rows, gradient):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(variables.values()))
            outputs = task.named(model(rows, training=True))[name]
            product = tf.reduce_sum(outputs * tf.stop_gradient(gradient))
        return {
            path: tf.convert_to_tensor(x)
            for path, x in tape.gradient(product, variables).items()
            if x is not None
        }

    def differentiate_all(batches, totals, factor):
        parts = []
        for rows in batches:
            with tf.control_dependencies(parts[-1:]):
                parts.append(compute(tf.nest.map_structure(tf.identity, rows)))
        read = [key for key in _READ if key in batches[0]]
        whole = {key: tf.concat([rows[key] for rows in batches], 0) for key in read}
        outputs = tf.concat(parts, axis=0)
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            losses = task.losses(whole, {name: outputs})
            weights = task.weights(whole)
            terms = arithmetic.weighted_terms(losses, weights, totals)
            loss = tf.add_n(list(terms.values()))
            scaled = loss * factor
        sizes = [tf.shape(part)[0] for part in parts]
        shares = tf.split(tape.gradient(scaled, outputs), sizes)
        gradients = differentiate(batches[0], shares[0])
        for rows, share in zip(batches[1:], shares[1:]):
            # In sequence, because together they would need all of their memory at once.
            with tf.control_dependencies(list(gradients.values())):
                rows = tf.nest.map_structure(tf.identity, rows)
                more = differentiate(rows, share)
            gradients = {path: gradients[path] + more[path] for path in gradients}
        return gradients, terms | {"loss": loss}

    return differentiate_all
