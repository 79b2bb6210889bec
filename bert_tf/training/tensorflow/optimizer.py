"""AdamW and LAMB, as in the papers.

The state is plain TensorFlow variables. The gradients are already summed over replicas:
Keras's optimizers clip each replica's gradients before the sum, which gives other results.
"""

import contextlib

import tensorflow as tf

from bert_tf.training import arithmetic
from bert_tf.training.tensorflow.distribution import on_this_replica, replica_copies


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2); or LAMB.

    LAMB (You et al., 2020, algorithm 2) also scales the step of each weight, decay
    included, to the norm of the weight, so that batches of thousands can take large steps.
    Keras's Lamb does not scale the decay. As in the authors' code, biases and LayerNorm,
    which do not decay, are not scaled.

    Args:
        variables: {path: tf.Variable}; they and the optimizer must be made in the
            strategy's scope.
        schedule: function(updates made) -> learning rate.
        beta_1, beta_2: decay of the mean and of the mean square of the gradients.
        epsilon: added to the root of the mean square.
        weight_decay: fraction of a weight that is subtracted per unit of learning rate.
        rate_factors: {path: factor of the learning rate}; 1 for paths that are missing.
        scale_to_weight: True for LAMB.
        ema_decay: decay of the exponential moving averages of the weights (Polyak and
            Juditsky, 1992); 0 for no averages. Update n uses (1 + n) / (10 + n) if that
            is smaller, as TensorFlow's ExponentialMovingAverage does.

    Attributes:
        step: int64 variable, updates made.
    """

    def __init__(
        self,
        variables,
        *,
        schedule,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        rate_factors=None,
        scale_to_weight=False,
        ema_decay=0.0,
    ):
        self.schedule = schedule
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.rate_factors = rate_factors or {}
        self.scale_to_weight = scale_to_weight
        self.variables = variables
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.means, self.squares = (
            {
                path: tf.Variable(tf.zeros_like(variable), trainable=False, name=path)
                for path, variable in variables.items()
            }
            for _ in range(2)
        )
        self.ema_decay = ema_decay
        self.averages = {
            path: tf.Variable(variable, trainable=False, name=path)
            for path, variable in variables.items()
            if ema_decay
        }
        # Each replica updates its own copies, with the same gradients.
        parts = (variables, self.means, self.squares, self.averages)
        groups = {path: [part[path] for part in parts if part] for path in variables}
        self._copies = replica_copies([self.step, groups])

    def state(self):
        """Returns {name: variable or dict of variables}, what a checkpoint must hold."""
        parts = {"step": self.step, "means": self.means, "squares": self.squares}
        return parts | ({"averages": self.averages} if self.averages else {})

    @contextlib.contextmanager
    def averaged(self):
        """Replaces the weights with their averages for a while, if there are any."""
        self.exchange_averages()
        try:
            yield
        finally:
            self.exchange_averages()

    def exchange_averages(self):
        """Swaps the weights and their averages, if there are any."""
        for path, average in self.averages.items():
            weight = self.variables[path]
            value = tf.identity(weight)
            weight.assign(tf.identity(average))
            average.assign(value)

    def apply(self, gradients, scale=1.0):
        """Makes one update; must be called in a replica.

        Args:
            gradients: {path: gradient}, summed over the replicas; a variable without a
                gradient does not change.
            scale: factor of the gradients, for clipping.
        """
        step, groups = on_this_replica(self._copies)
        rate = tf.cast(self.schedule(step), tf.float32)
        count, scale = (tf.cast(x, tf.float32) for x in (step + 1, scale))
        settings = tf.constant(
            arithmetic.hyperparameters(self.beta_1, self.beta_2, self.epsilon),
            tf.float32,
        )
        ema_decay = arithmetic.average_decay(self.ema_decay, count)
        for path, gradient in gradients.items():
            decays = not arithmetic.NO_DECAY.search(path)
            _update_weight(
                groups[path],
                gradient,
                scale,
                rate * self.rate_factors.get(path, 1.0),
                tf.constant(self.weight_decay if decays else 0.0, tf.float32),
                count,
                settings,
                ema_decay,
                scale_to_weight=self.scale_to_weight and decays,
            )
        step.assign_add(1)


# XLA makes one pass over a weight, because memory limits the speed. A function of the
# module is compiled once for all weights of a shape, which saves seconds at every start.
@tf.function(jit_compile=True, autograph=False)
def _update_weight(
    variables,
    gradient,
    scale,
    rate,
    decay,
    count,
    settings,
    ema_decay,
    scale_to_weight,
):
    weight, mean, square, *averages = variables
    values = arithmetic.update_weight(
        weight,
        mean,
        square,
        gradient,
        scale=scale,
        rate=rate,
        decay=decay,
        count=count,
        numbers=tf.unstack(settings),
        scale_to_weight=scale_to_weight,
    )
    for variable, value in zip((weight, mean, square), values):
        variable.assign(value)
    for average in averages:
        average.assign(arithmetic.update_average(average, weight, ema_decay))
