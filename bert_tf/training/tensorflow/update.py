"""One update: micro-batches, sum, reduce, divide once, clip, apply.

All arithmetic over replicas is here. Losses come unreduced, with weights, by term: BERT
has two denominators (masked tokens, sentence pairs), and the mean over replicas of means
is not the mean. Weights depend only on the rows, so their sum over all micro-batches and
replicas is known before the first forward pass.
"""

import tensorflow as tf

from bert_tf.training import arithmetic
from bert_tf.training.tensorflow import cached_update


def make_update(
    model,
    task,
    optimizer,
    strategy,
    *,
    micro_batches,
    max_grad_norm,
    loss_scale=None,
    adversarial_epsilon=0.0,
    stop=None,
):
    """Returns a compiled function that takes its rows from an iterator and updates.

    Args:
        model: function(rows, training) -> outputs.
        task: has `weights(rows) -> {term: weights}` and `losses(rows, outputs) ->
            {term: losses}`, both float [items], in any number; perhaps
            `couples_examples`, see `cached_update`.
        optimizer: has `variables`, {path: variable}, and `apply({path: gradient}, scale)`.
        strategy: `tf.distribute.Strategy` in whose scope model and optimizer were made.
        micro_batches: number of gradients that each replica sums before the update.
        max_grad_norm: the summed gradient is scaled down to this norm; 0 for no limit.
        loss_scale: `LossScale` for float16. An update whose gradients overflow is skipped,
            and its `grad_norm` is 0.
        adversarial_epsilon: the gradient of the loss after `arithmetic.perturb` of this
            norm is added, if it is not 0; then the model has a `backbone`.
        stop: float32 variable of this worker, which each replica adds to the metrics.

    Returns:
        function(iterator) -> dict of float32 scalars: `loss`, the loss of each term by
        its name, `adversarial_loss` if there is one, `grad_norm` before clipping, the
        numbers of `examples` and `tokens` without padding, and `stop` if there is one.
    """
    variables = optimizer.variables
    if micro_batches > 1 and getattr(task, "couples_examples", ""):
        differentiate_all = cached_update.make_differentiate(model, task, variables)
    else:
        differentiate_all = _in_sequence(
            _make_differentiate(model, task, variables, adversarial_epsilon)
        )

    def update_replica(batches):
        context = tf.distribute.get_replica_context()

        def total(values):
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        weights = [task.weights(rows) for rows in batches]
        totals = {
            term: total(tf.add_n([tf.reduce_sum(weight[term]) for weight in weights]))
            for term in weights[0]
        }
        factor = loss_scale.read() if loss_scale else 1.0
        gradients, metrics = differentiate_all(batches, totals, factor)
        paths = list(gradients)
        summed = total([gradients[path] for path in paths])
        norm, scale = tf.linalg.global_norm(summed) / factor, 1.0 / factor
        if max_grad_norm:
            scale *= arithmetic.clip_scale(norm, max_grad_norm)

        def apply():
            optimizer.apply(dict(zip(paths, summed)), scale)

        if loss_scale:
            norm = tf.where(loss_scale.guard(norm, apply), norm, 0.0)
        else:
            apply()
        counts = {
            name: tf.cast(tf.add_n([count(rows) for rows in batches]), tf.float32)
            for name, count in _COUNTERS.items()
        }
        if stop is not None:
            counts["stop"] = tf.identity(stop)
        return total(metrics | counts) | {"grad_norm": norm}

    @tf.function(autograph=False)
    def update(iterator):
        batches = [next(iterator) for _ in range(micro_batches)]
        metrics = strategy.run(update_replica, args=(batches,))
        return tf.nest.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], metrics
        )

    return update


def _in_sequence(differentiate):
    """Returns function(batches, totals, factor) -> sums of `differentiate` of each."""

    def differentiate_all(batches, totals, factor):
        gradients, metrics = differentiate(batches[0], totals, factor)
        for rows in batches[1:]:
            # In sequence, because together they would need all of their memory at once.
            with tf.control_dependencies(list(gradients.values())):
                rows = tf.nest.map_structure(tf.identity, rows)
                more, terms = differentiate(rows, totals, factor)
            gradients = {path: gradients[path] + more[path] for path in gradients}
            metrics = {term: metrics[term] + terms[term] for term in metrics}
        return gradients, metrics

    return differentiate_all


def _make_differentiate(model, task, variables, adversarial_epsilon):
    """Returns function(rows, totals, factor) -> gradients and losses of a micro-batch.

    The losses of each term are divided by its entry of `totals`; the gradients are those
    of the loss times `factor`. Both results are dicts, by path and by term.
    """

    def differentiate(rows, totals, factor, **inputs):
        # Without watching, nothing is recorded for variables that do not train.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*variables.values(), *inputs.values()])
            outputs = task.named(model(rows | inputs, training=True))
            weights = task.weights(rows)
            losses = task.losses(rows, outputs)
            terms = arithmetic.weighted_terms(losses, weights, totals)
            loss = tf.add_n(list(terms.values()))
            scaled = loss * factor
        gradients = tape.gradient(scaled, variables | inputs)
        # Dense, because the norm of slices that repeat a row is not the norm of the
        # gradient. A variable that no term reaches does not change.
        dense = {
            path: tf.convert_to_tensor(gradient)
            for path, gradient in gradients.items()
            if gradient is not None
        }
        return dense, terms | {"loss": loss}

    def differentiate_twice(rows, totals, factor):
        width = model.backbone.config.embedding_width
        none = tf.zeros([*tf.unstack(tf.shape(rows["input_ids"])), width])
        gradients, terms = differentiate(rows, totals, factor, word_perturbation=none)
        change = arithmetic.perturb(
            gradients.pop("word_perturbation"), rows, adversarial_epsilon
        )
        # In sequence, because together they would need all of their memory at once.
        with tf.control_dependencies(list(gradients.values())):
            rows = tf.nest.map_structure(tf.identity, rows)
            perturbed = rows | {"word_perturbation": change}
            more, others = differentiate(perturbed, totals, factor)
        gradients = {path: gradients[path] + more[path] for path in gradients}
        return gradients, terms | {"adversarial_loss": others["loss"]}

    return tf.function(
        differentiate_twice if adversarial_epsilon else differentiate,
        reduce_retracing=True,
        autograph=False,
    )


def _count_examples(rows):
    # Rows of fixed shape have empty slots, with weight 0.
    if "weight" in rows:
        return tf.math.count_nonzero(rows["weight"], dtype=tf.int32)
    # A question with choices is one example, though each choice has a first token.
    return tf.shape(rows.get("label", rows["first_token"]))[0]


def _count_tokens(rows):
    return tf.math.count_nonzero(rows["sequence_ids"], dtype=tf.int32)


_COUNTERS = {"examples": _count_examples, "tokens": _count_tokens}
