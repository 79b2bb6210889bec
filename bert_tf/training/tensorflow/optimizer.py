"""AdamW, LAMB and the schedules of their learning rate, as in the papers.

Plain TensorFlow variables. The gradients that arrive are already summed over replicas:
Keras's optimizers clip before they reduce, which under tf.distribute is another
arithmetic.
"""

import contextlib
import math
import re

import tensorflow as tf

# Biases and LayerNorm's scales are not pulled towards 0 (Devlin et al.'s code).
NO_DECAY = re.compile(r"LayerNorm|bias")


def learning_rate(config, total_steps, clock=None):
    """Returns updates made -> learning rate, as a `TrainConfig` has it.

    Args:
        total_steps: of the whole run.
        clock: `Clock` of a run that ends by time; the rate then follows the time.
    """
    options = {"peak": config.learning_rate, "power": config.lr_decay_power}
    kind = config.lr_scheduler_type
    if not clock:
        warmup = config.warmup_steps(total_steps)
        return learning_rate_schedule(kind, total=total_steps, warmup=warmup, **options)
    warmup = config.warmup_ratio * clock.seconds
    of_time = learning_rate_schedule(
        kind, total=clock.seconds, warmup=warmup, **options
    )
    return lambda updates: of_time(clock.read())


def learning_rate_schedule(kind, *, peak, total, warmup, power=1.0):
    """Returns place in the run -> learning rate, float32: linear warm-up, then `kind`.

    Args:
        kind: "linear", "polynomial" or "cosine" (all end at 0), or "constant".
        peak: learning rate after the warm-up.
        total: length of the run, in updates or, as the place is given, in seconds.
        warmup: how much of it warms up, from 0.
        power: of the polynomial; 1 is linear, as google-research/bert has it.
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

    def rate(place):
        place = tf.cast(place, tf.float32)
        rising = place / (warmup or 1)
        progress = (place - warmup) / ((total - warmup) or 1)
        falling = decay(tf.clip_by_value(progress, 0.0, 1.0))
        return peak * tf.where(place < warmup, rising, falling)

    return rate


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2); or LAMB.

    LAMB (You et al., 2020, algorithm 2) is the same but for the length of the step, decay
    included: it is scaled to the norm of the weight, so that batches of thousands can
    take large steps. Keras's Lamb leaves the decay out of it. As in the authors' code
    biases and LayerNorm, which do not decay, are not scaled either.

    Args:
        variables: {path: tf.Variable}, made in the strategy's scope, as this is.
        schedule: updates made -> learning rate.
        beta_1, beta_2: decay of the mean and of the mean square of the gradients.
        epsilon: added to the root of the mean square.
        weight_decay: share of a weight taken off per unit of learning rate.
        rate_factors: {path: what its learning rate is multiplied with}; 1 if not there.
        scale_to_weight: True for LAMB.
        ema_decay: of the exponential moving averages of the weights (Polyak and
            Juditsky, 1992); 0 for none. The first updates forget faster, by
            (1 + n) / (10 + n), as in TensorFlow's ExponentialMovingAverage.

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
        # Each replica updates its own copies, with the same gradients: no copy is sent.
        local = tf.distribute.get_strategy().experimental_local_results
        parts = (variables, self.means, self.squares, self.averages)
        copies = tf.nest.map_structure(local, [part for part in parts if part])
        self.local_steps = local(self.step)
        self.local_variables = [
            {path: [of[path][replica] for of in copies] for path in variables}
            for replica in range(len(self.local_steps))
        ]

    def state(self):
        """What a checkpoint must hold: {name: variable or dict of variables}."""
        parts = {"step": self.step, "means": self.means, "squares": self.squares}
        return parts | ({"averages": self.averages} if self.averages else {})

    @contextlib.contextmanager
    def averaged(self):
        """Puts the averages in the place of the weights, where there are any."""
        self.exchange_averages()
        try:
            yield
        finally:
            self.exchange_averages()

    def exchange_averages(self):
        """Weights become their averages and the other way round."""
        for path, average in self.averages.items():
            weight = self.variables[path]
            held = tf.identity(weight)
            weight.assign(tf.identity(average))
            average.assign(held)

    def apply(self, gradients, scale=1.0):
        """Makes one update; called in a replica.

        Args:
            gradients: {path: gradient}, summed over the replicas; a variable without
                one stays as it is.
            scale: what to multiply them with, for clipping.
        """
        context = tf.distribute.get_replica_context()
        number = tf.get_static_value(context.replica_id_in_sync_group)
        replica = number % len(self.local_steps)  # A worker holds its own replicas.
        step = self.local_steps[replica]
        rate = tf.cast(self.schedule(step), tf.float32)
        count, scale = (tf.cast(x, tf.float32) for x in (step + 1, scale))
        first, second = self.beta_1, self.beta_2
        # 1 - beta is taken here: float32 would keep four digits of it.
        settings = tf.constant(
            [first, 1.0 - first, second, 1.0 - second, self.epsilon], tf.float32
        )
        forgets = tf.minimum(self.ema_decay, (1.0 + count) / (10.0 + count))
        for path, gradient in gradients.items():
            decays = not NO_DECAY.search(path)
            _update_weight(
                self.local_variables[replica][path],
                gradient,
                scale,
                rate * self.rate_factors.get(path, 1.0),
                tf.constant(self.weight_decay if decays else 0.0, tf.float32),
                count,
                settings,
                forgets,
                scale_to_weight=self.scale_to_weight and decays,
            )
        step.assign_add(1)


# Compiled by XLA into one pass over a weight: it is memory that limits. Weights of one
# shape, of whatever optimizer, share what is compiled: seconds at every start.
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
        of_weight, of_step = tf.norm(weight), tf.norm(step)
        ratio = of_weight / of_step
        rate *= tf.where((of_weight > 0.0) & (of_step > 0.0), ratio, 1.0)
    weight.assign_sub(rate * step)
    for average in averages:
        average.assign_sub((1.0 - ema_decay) * (average - weight))
