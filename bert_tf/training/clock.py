"""Training time, for a run that ends after a number of minutes."""


class Clock:
    """Counts the time of updates, evaluations and checkpoints.

    It starts after the first update, because compilation would use up the warm-up of a
    short run. A resumed run continues with the time that is left.

    Args:
        limit: seconds to train; 0 for a run that ends by updates, whose clock stands still.
        now: function() -> seconds.
        spent: seconds that earlier parts of the run took.

    Attributes:
        seconds: training time at the last `read`.
    """

    def __init__(self, limit, now, spent=0.0):
        self.limit, self.seconds = limit, spent
        self._now, self._start = now, None

    def start(self):
        """Starts to count, if there is a limit and the clock does not count yet."""
        if self.limit and self._start is None:
            self._start = self._now() - self.seconds

    def read(self):
        """Returns the training time in seconds."""
        if self._start is not None:
            self.seconds = self._now() - self._start
        return self.seconds

    def left(self):
        """Returns the seconds that are left, at least 0."""
        return max(0.0, self.limit - self.read())

    def estimate_steps(self, step):
        """Returns about how many updates the whole run makes, estimated after `step`."""
        return round(step * self.limit / max(1e-3, min(self.read(), self.limit)))
