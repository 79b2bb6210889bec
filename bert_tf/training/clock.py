"""Training for so many minutes, whatever the machine gets done in them."""

import time

import tensorflow as tf


class Clock:
    """Time spent on updates, evaluations and checkpoints; made in the strategy's scope.

    It starts when the first update is done: to compile it is not training, and would
    swallow the warm-up of a short run. A resumed run goes on with the time it has left.

    Args:
        seconds: how long to train.
        now: function() -> seconds.

    Attributes:
        elapsed: float32 variable, seconds when `tick` was last called.
    """

    def __init__(self, seconds, now=time.monotonic):
        self.seconds = seconds
        self.elapsed = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._now, self._begun = now, None
        # Each replica keeps a copy of its own, as it does of the weights.
        self._copies = tf.distribute.get_strategy().experimental_local_results(
            self.elapsed
        )

    def state(self):
        """What a checkpoint must hold."""
        return {"elapsed": self.elapsed}

    def start(self):
        """Begins to count; what the checkpoint held is spent already."""
        if self._begun is None:
            self._begun = self._now() - float(self.elapsed.numpy())

    def tick(self):
        """Writes down the time, for the learning rate of the next update."""
        self.elapsed.assign(self._spent())

    def left(self):
        """Seconds left, never below 0."""
        return max(0.0, self.seconds - self._spent())

    def steps(self, step):
        """Returns about how many updates the whole run will have, seen from `step`."""
        return round(step * self.seconds / max(1e-3, min(self._spent(), self.seconds)))

    def read(self):
        """Returns `elapsed`, float32; in a replica, that replica's copy."""
        context = tf.distribute.get_replica_context()
        number = tf.get_static_value(context.replica_id_in_sync_group)
        return tf.identity(self._copies[number % len(self._copies)])

    def _spent(self):
        if self._begun is None:
            return float(self.elapsed.numpy())
        return self._now() - self._begun
