"""Dynamic loss scaling for float16 (Micikevicius et al., 2018, section 3.2).

Float16 ends at 6e-8: small gradients would be 0. So the loss is multiplied before the
gradients are taken, and they are divided afterwards; where they overflow, the update is
left out and the scale halved. Keras's LossScaleOptimizer looks at each replica's own
gradients and lets the first replica decide, which lets the others' inf into the weights;
here the gradients are judged after their sum over replicas, so all replicas agree.
"""

import tensorflow as tf

START = 2.0**15
GROWTH_STEPS = 2000  # Good updates in a row before the scale is doubled.


class LossScale:
    """The factor of the loss; made in the strategy's scope.

    Attributes:
        value: float32 variable. It falls below 1 only where gradients without any
            scaling are not finite: see `check`.
        good_steps: int64 variable, updates since the scale last changed.
        skipped: int64 variable, updates left out so far.
    """

    def __init__(self, start=START, growth_steps=GROWTH_STEPS):
        self.growth_steps = growth_steps
        self.value = tf.Variable(start, dtype=tf.float32, trainable=False)
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Each replica keeps its own copies, from the same flag: no copy is sent.
        local = tf.distribute.get_strategy().experimental_local_results
        self._copies = list(zip(*map(local, self.state().values())))

    def state(self):
        """What a checkpoint must hold."""
        return {
            "value": self.value,
            "good_steps": self.good_steps,
            "skipped": self.skipped,
        }

    def read(self):
        """Returns the scale, float32; called in a replica."""
        return tf.identity(self._here()[0])

    def guard(self, norm, apply):
        """Calls `apply` where the gradients are finite, and adapts the scale.

        Args:
            norm: of the gradients summed over replicas: inf or NaN where one of them
                is, and the same on every replica.
            apply: function(); makes the update.

        Returns:
            bool, whether it was called.
        """
        value, good_steps, skipped = self._here()
        finite = tf.math.is_finite(norm)

        def good():
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

        return tf.cond(finite, good, overflow)

    def check(self, step):
        """Raises an ArithmeticError where even the unscaled gradients overflow."""
        if self.value.numpy() < 1.0:
            raise ArithmeticError(
                f"fp16: the gradients are not finite at step {step}, though the loss "
                f"scale is down to 1 ({self.skipped.numpy()} updates were left out); "
                "use --bf16 or float32, or lower learning_rate."
            )

    def figures(self):
        """What a line of metrics.jsonl says."""
        return {
            "loss_scale": float(self.value.numpy()),
            "skipped_updates": float(self.skipped.numpy()),
        }

    def _here(self):
        context = tf.distribute.get_replica_context()
        number = tf.get_static_value(context.replica_id_in_sync_group)
        return self._copies[number % len(self._copies)]
