"""Training that goes wrong: numbers that are not finite, losses that rise instead of falling."""

import contextlib
import math

# A log line is a mean over few batches, and a single one may be high by chance.
LINES = 3
# Training diverges above FACTOR times the first loss, and RISE nats above it.
FACTOR, RISE = 1.5, 0.1


class NotFinite(Exception):
    """The model computes infinity or NaN; the message says where."""


def check_loss(loss, step, learning_rate, fp16=False):
    """Raises an ArithmeticError if the loss is infinite or NaN.

    Args:
        loss: mean over the last updates, each before its change of the weights.
        step: number of the last update.
        learning_rate: of this update.
        fp16: whether the model computes in float16.
    """
    if math.isfinite(loss):
        return
    if step > 1:
        raise ArithmeticError(explain(f"the loss is {loss}", step, learning_rate))
    advice = " Try --bf16, or neither, since float16 ends at 65,504." if fp16 else ""
    raise ArithmeticError(
        f"the loss is {loss} at step 1, before the first change of a weight, so the "
        "learning rate is not the reason: the weights of the model, or numbers in the "
        f"data, are infinite, NaN or too large to compute with.{advice}"
    )


def explain(says, step, learning_rate):
    """Returns the message of training that has diverged."""
    return (
        f"{says} at step {step} (learning rate {learning_rate:.2g}): training has "
        "diverged, and the run is not finished. Lower learning_rate or raise "
        "warmup_ratio, with another output_dir or with --overwrite_output_dir."
    )


@contextlib.contextmanager
def located(step, learning_rate):
    """Turns `NotFinite` into an ArithmeticError that names the step."""
    try:
        yield
    except NotFinite as error:
        raise ArithmeticError(explain(str(error), step, learning_rate)) from error


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
