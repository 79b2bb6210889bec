"""When a run goes wrong: losses that are no number, or that rise instead of falling."""

import math

# A window of the log is a mean over few batches: one may be high by chance.
WINDOWS = 3
MARGIN, LEAST = 1.5, 0.1  # Above the start: that many times, and by that many nats.


def check_finite(loss, step, learning_rate):
    """Raises an ArithmeticError where the loss is inf or NaN."""
    if not math.isfinite(loss):
        raise ArithmeticError(
            f"the loss is {loss} at step {step} (learning rate {learning_rate:.2g}); "
            "lower learning_rate, or raise warmup_ratio."
        )


def warning(lines, config, warmed_up):
    """Returns one line where training makes the loss worse, "" where all is well.

    It does where the last windows after the warm-up are all clearly above the first.

    Args:
        lines: of metrics.jsonl so far.
        config: `TrainConfig`.
        warmed_up: update at which the warm-up ends.
    """
    trained = [line for line in lines if "loss" in line]
    last = [line for line in trained if line["step"] > warmed_up][-WINDOWS:]
    if len(last) < WINDOWS:
        return ""
    start = trained[0]["loss"]
    if min(line["loss"] for line in last) <= max(MARGIN * start, start + LEAST):
        return ""
    return (
        f"the loss is {last[-1]['loss']:.4g} at step {last[-1]['step']}, but was "
        f"{start:.4g} at the start: training diverges. Try "
        f"--learning_rate={config.learning_rate / 3:.1e}; if that is not enough, twice "
        "the batch, "
        f"--gradient_accumulation_steps={2 * config.gradient_accumulation_steps}."
    )
