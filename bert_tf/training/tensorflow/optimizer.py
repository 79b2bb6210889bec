"""AdamW, LAMB and the schedules of their learning rate, as in the papers.

The state is plain TensorFlow variables. The gradients are already summed over replicas:
Keras's optimizers clip each replica's gradients before the sum, which gives other results.
"""

import contextlib
import math
import re

import tensorflow as tf

from bert_tf.training.tensorflow.distribution import on_this_replica, replica_copies

# Biases and LayerNorm do not decay towards 0 (as in the code of Devlin et al.).
NO_DECAY = re.compile(r"LayerNorm|bias")


def learning_rate(config, total_steps, seconds):
    """Returns function(updates made) -> learning rate, float32.

    Args:
        config: `TrainConfig`.
        total_steps: updates of the whole run.
        seconds: function() -> training time so far, float32, which the learning rate of a
            run of `train_minutes` follows.
    """
    options = {"peak": config.learning_rate, "power": config.lr_decay_power}
    kind = config.lr_scheduler_type
    if not config.train_minutes:
        warmup = config.warmup_steps(total_steps)
        return learning_rate_schedule(kind, total=total_steps, warmup=warmup, **options)
    total = 60 * config.train_minutes
    warmup = config.warmup_ratio * total
    rate = learning_rate_schedule(kind, total=total, warmup=warmup, **options)
    return lambda updates: rate(seconds())


def learning_rate_schedule(kind, *, peak, total, warmup, power=1.0):
    """Returns function(position in the run) -> learning rate, float32.

    It rises linearly from 0 during the warm-up; then it follows `kind`.

    Args:
        kind: "linear", "polynomial" or "cosine" (all end at 0), or "constant".
        peak: learning rate after the warm-up.
        total: length of the run, in the unit of the position: updates or seconds.
        warmup: length of the warm-up.
        power: of the polynomial; 1 is linear, as in google-research/bert.
    """
    decays = {
        "linear": lambda progress: 1.0 - progress,
        "polynomial": lambda progress: (1.0 - progress) ** power,
        "cosine": lambda progress: 0.5 * (1.0 + tf.cos(math.pi * progress)),
        "constant": tf.ones_like,
    }
    if kind not in decays:
        raise ValueError(
            f"lr_scheduler_type must be one of {', '.join(decays)}; received {kind!r}."
        )
    decay = decays[kind]

    def rate(position):
        position = tf.cast(position, tf.float32)
        rising = position / (warmup or 1)
        progress = (position - warmup) / ((total - warmup) or 1)
        falling = decay(tf.clip_by_value(progress, 0.0, 1.0))
        return peak * tf.where(position < warmup, rising, falling)

    return rate


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
        first, second = self.beta_1, self.beta_2
        # In float32, 1 - beta would have only four exact digits.
        settings = tf.constant(
            [first, 1.0 - first, second, 1.0 - second, self.epsilon], tf.float32
        )
        ema_decay = tf.minimum(self.ema_decay, (1.0 + count) / (10.0 + count))
        for path, gradient in gradients.items():
            decays = not NO_DECAY.search(path)
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
    beta_1, rest_1, beta_2, rest_2, epsilon = tf.unstack(settings)
    mean_correction = 1.0 - beta_1**count
    square_correction = 1.0 - beta_2**count
    gradient = scale * tf.cast(gradient, weight.dtype)
    mean.assign(beta_1 * mean + rest_1 * gradient)
    square.assign(beta_2 * square + rest_2 * gradient**2)
    root = tf.sqrt(square / square_correction) + epsilon
    step = mean / mean_correction / root + decay * weight
    if scale_to_weight:
        weight_norm, step_norm = tf.norm(weight), tf.norm(step)
        ratio = weight_norm / step_norm
        rate *= tf.where((weight_norm > 0.0) & (step_norm > 0.0), ratio, 1.0)
    weight.assign_sub(rate * step)
    for average in averages:
        average.assign_sub((1.0 - ema_decay) * (average - weight))
