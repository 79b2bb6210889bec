"""AdamW and the schedules of its learning rate, as in the papers.

Plain TensorFlow variables and one fused kernel a variable. The gradients that arrive are
already summed over replicas and clipped: Keras's optimizers clip before they reduce,
which under tf.distribute is another arithmetic.
"""

import math
import re

import tensorflow as tf

# Biases and LayerNorm's scales are not pulled towards 0 (Devlin et al.'s code).
NO_DECAY = re.compile(r"LayerNorm|bias")


def learning_rate_schedule(kind, *, peak, total_steps, warmup_ratio):
    """Returns step -> learning rate, float32: linear warm-up from 0, then `kind`.

    Args:
        kind: "linear" or "cosine" (both end at 0), or "constant".
        peak: learning rate after the warm-up.
        total_steps: updates of the whole run.
        warmup_ratio: share of them that warms up, in [0, 1].
    """
    decays = {
        "linear": lambda progress: 1.0 - progress,
        "cosine": lambda progress: 0.5 * (1.0 + tf.cos(math.pi * progress)),
        "constant": tf.ones_like,
    }
    if kind not in decays:
        raise ValueError(
            f"lr_scheduler_type must be one of {', '.join(decays)}; received {kind!r}."
        )
    decay = decays[kind]
    warmup_steps = math.ceil(total_steps * warmup_ratio)

    def rate(step):
        step = tf.cast(step, tf.float32)
        rising = step / max(1, warmup_steps)
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        falling = decay(tf.clip_by_value(progress, 0.0, 1.0))
        return peak * tf.where(step < warmup_steps, rising, falling)

    return rate


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).

    Args:
        variables: {path: tf.Variable}, made in the strategy's scope, as this is.
        schedule: step -> learning rate.
        beta_1, beta_2: decay of the mean and of the mean square of the gradients.
        epsilon: added to the root of the mean square.
        weight_decay: share of a weight taken off per unit of learning rate.

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
    ):
        self.schedule = schedule
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.variables = variables
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.means, self.squares = (
            {
                path: tf.Variable(tf.zeros_like(variable), trainable=False, name=path)
                for path, variable in variables.items()
            }
            for _ in range(2)
        )

    def state(self):
        """What a checkpoint must hold: {name: variable or dict of variables}."""
        return {"step": self.step, "means": self.means, "squares": self.squares}

    def apply(self, gradients):
        """Makes one update; called in a replica, with {path: summed gradient}."""
        tf.distribute.get_replica_context().merge_call(self._update, args=(gradients,))

    def _update(self, strategy, gradients):
        rate = self.schedule(self.step)
        count = tf.cast(self.step + 1, tf.float32)
        power_1, power_2 = self.beta_1**count, self.beta_2**count
        for path, gradient in gradients.items():
            decay = 0.0 if NO_DECAY.search(path) else self.weight_decay

            def update(variable, mean, square, gradient, decay=decay):
                if decay:
                    variable.assign_sub(rate * decay * variable)
                # The kernel adds epsilon to the uncorrected root; so scaled, it is
                # the paper's.
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle,
                    m=mean.handle,
                    v=square.handle,
                    beta1_power=power_1,
                    beta2_power=power_2,
                    lr=rate,
                    beta1=self.beta_1,
                    beta2=self.beta_2,
                    epsilon=self.epsilon * tf.sqrt(1.0 - power_2),
                    grad=gradient,
                )

            strategy.extended.update(
                self.variables[path],
                update,
                args=(self.means[path], self.squares[path], gradient),
            )
        strategy.extended.update(self.step, lambda step: step.assign_add(1))
