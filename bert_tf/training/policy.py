"""When a run logs, evaluates, saves and ends."""

import sys

from bert_tf.ground import progress
from bert_tf.training.clock import Clock
from bert_tf.training.early_stopping import Best


class Policy:
    """Decides after each update what is due, from plain numbers.

    Args:
        config: `TrainConfig`.
        steps_per_epoch: updates of an epoch.
        metric: name of the score that decides which weights are best.
        now: function() -> seconds; only a run of `train_minutes` calls it.
        numbers: what `numbers` returned in the interrupted run; {} for a new run.

    Attributes:
        best: `Best` evaluation so far.
        clock: `Clock` of the training time.
        of_total: " of 100" in a run of 100 updates, "" in a run of `train_minutes`.
    """

    def __init__(self, config, steps_per_epoch, metric, now, numbers):
        self.config, self.steps_per_epoch = config, steps_per_epoch
        self.best = Best(
            metric,
            patience=config.early_stopping_patience,
            threshold=config.early_stopping_threshold,
            numbers=numbers,
        )
        spent = numbers.get("seconds", 0.0)
        self.clock = Clock(60 * config.train_minutes, now, spent)
        self._total_steps = config.total_steps(steps_per_epoch)
        every = {"epoch": steps_per_epoch, "steps": config.eval_steps}
        self._eval_steps = every.get(config.eval_strategy, sys.maxsize)
        self.of_total = "" if config.train_minutes else f" of {self._total_steps}"

    def numbers(self):
        """Returns {name: number}, what a checkpoint must hold beside the tensors."""
        return self.best.numbers() | {"seconds": self.clock.read()}

    def ended(self, step):
        """Returns whether all updates are made, or the time is up."""
        if self.clock.limit:
            return not self.clock.left()
        return step >= self._total_steps

    def logs(self, step):
        """Returns whether a log line is due; the first shows at once that training runs."""
        return step == 1 or step % self.config.logging_steps == 0

    def evaluates(self, step):
        """Returns whether an evaluation is due, beside the last one."""
        return step % self._eval_steps == 0

    def saves(self, step):
        """Returns whether a checkpoint is due, beside those of evaluations."""
        return bool(self.config.save_steps) and step % self.config.save_steps == 0

    def warmup_end(self, step):
        """Returns the update at which the warm-up ends, estimated in a run by time."""
        if self.clock.limit:
            return self.config.warmup_ratio * self.clock.estimate_steps(step)
        return self.config.warmup_steps(self._total_steps)

    def progress(self, step):
        """Returns a progress bar over the updates that starts at `step`."""
        total = None if self.clock.limit else self._total_steps
        return progress(
            description="training", initial=step, total=total, unit="step", delay=0
        )

    def time_left(self):
        """Returns ", 3.5 minutes left" in a run that ends by time, else ""."""
        if not self.clock.limit:
            return ""
        return f", {self.clock.left() / 60:.1f} minutes left"
