"""The best evaluation so far, and when to stop waiting for a better one."""

import math


class Best:
    """Remembers the best score, and counts evaluations without a gain.

    Args:
        metric: name of the score, for messages; higher is better.
        patience: evaluations without a gain that end training; 0 never ends it.
        threshold: a gain exceeds the best score by more than this.
        numbers: what `numbers` returned in the interrupted run; {} for a new run.

    Attributes:
        step, score: of the best evaluation; -1 and -inf before the first.
        waited: evaluations since the last gain.
    """

    def __init__(self, metric, *, patience=0, threshold=0.0, numbers=None):
        self.metric, self.patience, self.threshold = metric, patience, threshold
        numbers = numbers or {}
        self.step = numbers.get("best_step", -1)
        self.score = numbers.get("best_score", -math.inf)
        self.waited = numbers.get("evaluations_without_gain", 0)

    def numbers(self):
        """Returns what a checkpoint must hold, so that a resumed run keeps the count."""
        best = {"best_step": self.step, "best_score": self.score}
        waited = {"evaluations_without_gain": self.waited}
        return waited if self.step < 0 else best | waited

    def forget(self):
        """Forgets the best evaluation, whose weights are lost; the next one is the best."""
        self.step, self.score, self.waited = -1, -math.inf, 0

    def update(self, step, score):
        """Takes an evaluation, and returns whether it is the best so far."""
        # Small rises need not be a gain, but the best weights are kept all the same.
        gained = score - self.score > self.threshold
        self.waited = 0 if gained else self.waited + 1
        if not score > self.score:
            return False
        self.step, self.score = step, score
        return True

    def why_stop(self):
        """Returns the reason to end training now, "" if there is none."""
        if not self.patience or self.waited < self.patience:
            return ""
        by = f" by more than {self.threshold:g}" if self.threshold else ""
        return (
            f"{self.metric} did not rise{by} in {self.waited} evaluations; best "
            f"{self.score:.4f} at step {self.step}"
        )
