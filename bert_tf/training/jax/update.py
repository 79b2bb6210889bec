"""One update, compiled: micro-batches, sum, reduce, divide once, clip, apply.

Rows come as [devices, micro-batches, …]. Each device differentiates its own packed rows,
so that flat indices into R·S stay its own, and the gradients meet once. As under
TensorFlow, losses are divided by the sum of their weights over all micro-batches and
devices, which depends on the rows alone.
"""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from bert_tf.training import arithmetic
from bert_tf.training.jax.compilations import counts
from bert_tf.training.jax.distribution import AXIS
from bert_tf.training.selection import learning_rate_factors


def make_update(model, task, config, devices, *, total_steps):
    """Returns a compiled function that updates.

    Args:
        model: built Keras model; its trainable variables train.
        task: has `weights(rows) -> {term: weights}` and `losses(rows, outputs) ->
            {term: losses}`, both float [items], and `named(outputs)`.
        config: `TrainConfig`.
        devices: `Devices`.
        total_steps: updates of the whole run, which the learning rate follows.

    Returns:
        function(tensors, frozen, rows, seconds, stop) -> (tensors, metrics), where
        `tensors` and `frozen` are those of `State`, and the memory of the old tensors is
        given away; `rows` is {name: array [devices, micro-batches, …]}; `seconds` is the
        training time so far, float32; `stop`, float32 [devices, 1], is summed into the
        metrics. These are those of TensorFlow's `make_update`.
    """
    sum_gradients = _make_sum(model, task, config.adversarial_epsilon)
    spread = jax.shard_map(
        sum_gradients,
        mesh=devices.mesh,
        in_specs=(*[PartitionSpec()] * 2, *[PartitionSpec(AXIS)] * 2),
        out_specs=PartitionSpec(),
        # Unchecked: until their one sum, gradients are each device's own.
        check_vma=False,
    )
    apply = _make_optimizer(model, config, total_steps)

    def update(tensors, frozen, rows, seconds, stop):
        gradients, metrics = spread(tensors["weights"], frozen, rows, stop)
        norm, scale = arithmetic.norm(gradients.values()), 1.0
        if config.max_grad_norm:
            scale = arithmetic.clip_scale(norm, config.max_grad_norm)
        tensors = apply(tensors, gradients, scale, seconds)
        return tensors, metrics | {"grad_norm": norm}

    return jax.jit(
        counts.counted("update", update),
        donate_argnums=0,
        out_shardings=devices.everywhere,
    )


def _make_sum(model, task, adversarial_epsilon):
    """Returns function(weights, frozen, rows and stop of a device) -> gradients, metrics.

    Both are summed over micro-batches and devices. A weight that no term reaches has no
    gradient.
    """
    paths = [weight.path for weight in model.trainable_variables]

    def compute_loss(trained, inputs, others, frozen, rows, totals):
        weights = others | trained
        values = [weights[path] for path in paths]
        batch = rows | inputs
        outputs, _ = model.stateless_call(values, frozen, batch, training=True)
        losses = task.losses(rows, task.named(outputs))
        terms = arithmetic.weighted_terms(losses, task.weights(rows), totals)
        return sum(terms.values()), terms

    compute_gradients = jax.value_and_grad(compute_loss, (0, 1), has_aux=True)

    def differentiate(trained, others, frozen, rows, totals):
        """Returns the gradients and losses of a micro-batch, by path and by term."""
        rest, none = (others, frozen, rows, totals), {}
        if adversarial_epsilon:
            shape = (*rows["input_ids"].shape, model.backbone.config.embedding_width)
            none = {"word_perturbation": jnp.zeros(shape)}
        (loss, terms), (gradients, slopes) = compute_gradients(trained, none, *rest)
        metrics = terms | {"loss": loss}
        if adversarial_epsilon:
            change = arithmetic.perturb(
                slopes["word_perturbation"], rows, adversarial_epsilon
            )
            changed = {"word_perturbation": change}
            (loss, _), (more, _) = compute_gradients(trained, changed, *rest)
            gradients = jax.tree.map(jnp.add, gradients, more)
            metrics |= {"adversarial_loss": loss}
        return gradients, metrics

    def sum_gradients(weights, frozen, rows, stop):
        rows = jax.tree.map(lambda array: array[0], rows)  # [micro-batches, …]
        sums = jax.lax.map(
            lambda rows: {
                term: jnp.sum(weight) for term, weight in task.weights(rows).items()
            },
            rows,
        )
        totals = jax.lax.psum(jax.tree.map(jnp.sum, sums), AXIS)
        first = jax.tree.map(lambda array: array[0], rows)
        reached = _find_reached(
            lambda weights: compute_loss(weights, {}, {}, frozen, first, totals)[0],
            weights,
        )
        trained = {path: weights[path] for path in reached}
        others = {path: weights[path] for path in weights.keys() - reached}

        def add_micro_batch(gradients, rows):
            more, metrics = differentiate(trained, others, frozen, rows, totals)
            return jax.tree.map(jnp.add, gradients, more), metrics

        zeros = jax.tree.map(jnp.zeros_like, trained)
        # In sequence, because together they would need all of their memory at once.
        gradients, terms = jax.lax.scan(add_micro_batch, zeros, rows)
        metrics = jax.tree.map(jnp.sum, terms) | {
            "examples": jnp.count_nonzero(rows["weight"]).astype(jnp.float32),
            "tokens": jnp.count_nonzero(rows["sequence_ids"]).astype(jnp.float32),
            "stop": jnp.sum(stop),
        }
        return jax.lax.psum((gradients, metrics), AXIS)

    return sum_gradients


def _find_reached(function, weights):
    """Returns the paths of the weights that the result of a function depends on.

    The gradient of the others is 0, but they must not decay either: TensorFlow knows no
    gradient of theirs, and leaves them alone.
    """
    graph = jax.make_jaxpr(function)(weights).jaxpr
    needed = {id(variable) for variable in graph.outvars}
    for equation in reversed(graph.eqns):
        if any(id(variable) in needed for variable in equation.outvars):
            needed |= {id(variable) for variable in equation.invars}
    paths = sorted(weights)  # The order in which JAX takes the entries of a dict.
    return {p for p, variable in zip(paths, graph.invars) if id(variable) in needed}


def _make_optimizer(model, config, total_steps):
    """Returns function(tensors, gradients, scale, seconds) -> tensors after the update."""
    factors = learning_rate_factors(
        [weight.path for weight in model.weights], config.layerwise_lr_decay
    )
    numbers = arithmetic.hyperparameters(
        config.adam_beta1, config.adam_beta2, config.adam_epsilon
    )

    def apply(tensors, gradients, scale, seconds):
        step = tensors["step"]
        rate = arithmetic.learning_rate(config, total_steps, lambda: seconds)(step)
        count = (step + 1).astype(jnp.float32)
        new = {
            part: dict(group) for part, group in tensors.items() if part != "step"
        } | {"step": step + 1}
        parts = ("weights", "means", "squares")
        for path, gradient in gradients.items():
            decays = not arithmetic.NO_DECAY.search(path)
            values = arithmetic.update_weight(
                *(tensors[part][path] for part in parts),
                gradient,
                scale=scale,
                rate=rate * factors[path],
                decay=config.weight_decay if decays else 0.0,
                count=count,
                numbers=[jnp.float32(number) for number in numbers],
                scale_to_weight=config.optim == "lamb" and decays,
            )
            for part, value in zip(parts, values):
                new[part][path] = value
            if config.ema_decay:
                new["averages"][path] = arithmetic.update_average(
                    tensors["averages"][path],
                    values[0],
                    arithmetic.average_decay(config.ema_decay, count),
                )
        return new

    return apply
