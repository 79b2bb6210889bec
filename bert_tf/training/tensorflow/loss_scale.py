"""Dynamic loss scaling for float16 (Micikevicius et al., 2018, section 3.2).

Gradients below 6e-8 are 0 in float16. So the loss is multiplied by a scale before the
gradients are computed, and they are divided by it afterwards; if they overflow, the update
is skipped and the scale halved. Keras's LossScaleOptimizer checks the gradients of each
replica before their sum and lets the first replica decide, so that an inf of another one
reaches the weights. Here the sum over replicas is checked, so that all replicas agree.
"""

import tensorflow as tf

from bert_tf.training.tensorflow.distribution import on_this_replica, replica_copies

START = 2.0**15
GROWTH_STEPS = 2000  # Finite updates in a row after which the scale doubles.


class LossScale:
    """The factor of the loss; must be made in the strategy's scope.

    Attributes:
        value: float32 variable. It falls below 1 only if the unscaled gradients are not
            finite: see `check`.
        good_steps: int64 variable, updates since the scale last changed.
        skipped: int64 variable, updates skipped so far.
    """

    def __init__(self, start=START, growth_steps=GROWTH_STEPS):
        self.growth_steps = growth_steps
        self.value = tf.Variable(start, dtype=tf.float32, trainable=False)
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._copies = replica_copies([self.value, self.good_steps, self.skipped])

    def state(self):
        """Returns {name: variable}, what a checkpoint must hold."""
        return {
            "value": self.value,
            "good_steps": self.good_steps,
            "skipped": self.skipped,
        }

    def read(self):
        """Returns the scale, float32; must be called in a replica."""
        return tf.identity(on_this_replica(self._copies)[0])

    def guard(self, norm, apply):
        """Calls `apply` if the gradients are finite, and adapts the scale.

        Args:
            norm: global norm of the gradients after their sum over replicas; not finite
                if one of them is not, and the same on every replica.
            apply: function() that makes the update.

        Returns:
            bool tensor, whether the update was made.
        """
        value, good_steps, skipped = on_this_replica(self._copies)
        finite = tf.math.is_finite(norm)

        def update():
            apply()
            grown = good_steps + 1 >= self.growth_steps
            value.assign(tf.where(grown, 2.0 * value, value))
            good_steps.assign(
                tf.where(grown, tf.zeros_like(good_steps), good_steps + 1)
            )
            return True

        def overflow():
            value.assign(0.5 * value)
            good_steps.assign(0)
            skipped.assign_add(1)
            return False

        return tf.cond(finite, update, overflow)

    def check(self, step):
        """Raises an ArithmeticError if even the unscaled gradients overflow."""
        if self.value.numpy() < 1.0:
            raise ArithmeticError(
                f"fp16: the gradients are not finite at step {step}, though the loss "
                f"scale is down to 1 ({self.skipped.numpy()} updates were skipped); "
                "use --bf16 or float32, or lower learning_rate."
            )

    def figures(self):
        """Returns {name: float}, the values for a line of metrics.jsonl."""
        return {
            "loss_scale": float(self.value.numpy()),
            "skipped_updates": float(self.skipped.numpy()),
        }
