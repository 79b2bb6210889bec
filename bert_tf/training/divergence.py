"""Training that goes wrong: losses that are not finite, or that rise instead of falling."""

import math

# A log line is a mean over few batches, and a single one may be high by chance.
LINES = 3
# Training diverges above FACTOR times the first loss, and RISE nats above it.
FACTOR, RISE = 1.5, 0.1


def check_finite(loss, step, learning_rate):
    """Raises an ArithmeticError if the loss is infinite or NaN."""
    if not math.isfinite(loss):
        raise ArithmeticError(
            f"the loss is {loss} at step {step} (learning rate {learning_rate:.2g}); "
            "lower learning_rate, or raise warmup_ratio."
        )


def warning(lines, config, warmup_end):
    """Returns one line of advice if training diverges, else "".

    Training diverges if the last losses after the warm-up are all clearly above the first
    loss of the run.

    Args:
        lines: of metrics.jsonl so far.
        config: `TrainConfig`.
        warmup_end: update at which the warm-up ends.
    """
    trained = [line for line in lines if "loss" in line]
    last = [line for line in trained if line["step"] > warmup_end][-LINES:]
    if len(last) < LINES:
        return ""
    start = trained[0]["loss"]
    if min(line["loss"] for line in last) <= max(FACTOR * start, start + RISE):
        return ""
    return (
        f"the loss is {last[-1]['loss']:.4g} at step {last[-1]['step']}, but was "
        f"{start:.4g} at the start: training diverges. Try "
        f"--learning_rate={config.learning_rate / 3:.1e}; if that is not enough, double "
        "the batch with "
        f"--gradient_accumulation_steps={2 * config.gradient_accumulation_steps}."
    )
