"""The best evaluation so far, and when to stop waiting for a better one."""

import math

import tensorflow as tf


class Best:
    """Remembers the best score; counts evaluations without a gain (as Hugging Face's).

    Args:
        metric: name of the score, more is better; for people.
        patience: evaluations without a gain that end training; 0 never ends it.
        threshold: a gain is what exceeds the best score by more than this.

    Attributes:
        step, value: int64 and float64 variables, of the best evaluation; -1 and -inf
            before the first.
        waited: int64 variable, evaluations since the last gain.
    """

    def __init__(self, metric, *, patience=0, threshold=0.0):
        self.metric, self.patience, self.threshold = metric, patience, threshold
        self.step = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self.value = tf.Variable(-math.inf, dtype=tf.float64, trainable=False)
        self.waited = tf.Variable(0, dtype=tf.int64, trainable=False)

    def state(self):
        """What a checkpoint must hold, so that a resumed run keeps the count."""
        return {"step": self.step, "value": self.value, "waited": self.waited}

    def update(self, step, value):
        """Takes an evaluation; returns whether it is the best so far."""
        best = float(self.value.numpy())
        # Small steps up may still be no gain: the best weights are kept all the same.
        gained = value - best > self.threshold
        self.waited.assign(0 if gained else self.waited + 1)
        if not value > best:
            return False
        self.step.assign(step)
        self.value.assign(value)
        return True

    def why_stop(self):
        """Returns the reason to end training now, "" where there is none."""
        waited = int(self.waited.numpy())
        if not self.patience or waited < self.patience:
            return ""
        by = f" by more than {self.threshold:g}" if self.threshold else ""
        return (
            f"{self.metric} did not rise{by} in {waited} evaluations; best "
            f"{self.value.numpy():.4f} at step {self.step.numpy()}"
        )
