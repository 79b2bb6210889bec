"""Log lines about the updates: losses, speed and learning rate, and whether all is well."""

import logging
import time

import numpy as np

from bert_tf.training import divergence
from bert_tf.training.engine import COUNTS

_log = logging.getLogger(__name__)


class Recorder:
    """Sums up the updates since the last log line, the window, into the next line.

    Args:
        engine, log, policy: `Engine`, `Log` and `Policy`.
        matmul_share: as in `loop.train`.
    """

    def __init__(self, engine, log, policy, matmul_share=None):
        self._engine, self._log, self._policy = engine, log, policy
        self._matmul_share = matmul_share
        self._warned = False
        self.restart()

    def restart(self):
        """Begins a new window, so that no time but that of updates is counted."""
        self._window, self._start = [], time.perf_counter()

    def add(self, metrics):
        """Takes the metrics of an update; they are read only when a line is written."""
        self._window.append(metrics)

    def write(self, step):
        """Writes a line, warns once if training diverges, and begins a new window.

        Returns:
            Loss and speed, for a progress bar.

        Raises:
            ArithmeticError: the loss is not finite, or float16 cannot represent the
                gradients.
        """
        values = self._summarize()
        values["learning_rate"] = self._engine.learning_rate()
        rate, fp16 = values["learning_rate"], self._policy.config.fp16
        divergence.check_loss(values["loss"], step, rate, fp16)
        values["epoch"] = step / self._policy.steps_per_epoch
        speed = f"{values['examples_per_second']:.0f} examples/s"
        if self._matmul_share:
            share = self._matmul_share(values["tokens_per_second"])
            values["matmul_share"] = share
            speed = f"{values['tokens_per_second']:,.0f} tokens/s, {share:.0%} of matmul peak"
        values |= self._engine.figures()
        self._log.write(step, values)
        self._engine.check(step)
        warmup_end = self._policy.warmup_end(step)
        warning = divergence.warning(self._log.lines, self._policy.config, warmup_end)
        if warning and not self._warned:
            _log.warning("%s", warning)
            self._warned = True
        summary = f"loss {values['loss']:.4f}, {speed}{self._policy.time_left()}"
        self.restart()
        return summary

    def check_weights(self, step):
        """Raises an ArithmeticError if a weight is not finite, as no later line would tell.

        The loss of an update is computed before it changes the weights.
        """
        if not self._engine.is_finite():
            says = "the weights are infinite or NaN after the update"
            rate = self._engine.learning_rate()
            raise ArithmeticError(divergence.explain(says, step, rate))

    def _summarize(self):
        """Returns the means over the window; of counts, the numbers per second."""
        columns = {
            name: [float(metrics[name]) for metrics in self._window]
            for name in self._window[0]
        }
        # Only now, because reading a metric waits for its update.
        seconds = time.perf_counter() - self._start
        rates = {f"{name}_per_second": sum(columns[name]) / seconds for name in COUNTS}
        return {
            name: float(np.mean(column))
            for name, column in columns.items()
            if name not in COUNTS
        } | rates
