"""The training loop: update, log, evaluate, save; resume exactly, stop politely."""

import contextlib
import dataclasses
import math
import pathlib
import shutil
import signal
import sys
import threading
import time

import numpy as np
import tensorflow as tf
import tqdm

from bert_tf.training.distribution import replica_rows
from bert_tf.training.journal import Log
from bert_tf.training.optimizers import AdamW, learning_rate_schedule
from bert_tf.training.step import make_update


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train; names and meanings are those of Hugging Face's TrainingArguments."""

    num_train_epochs: float = 3.0  # Passes over the training data.
    max_steps: int = 0  # Updates; 0 means by epochs.
    per_device_train_batch_size: int = 32  # Examples of a micro-batch on a device.
    per_device_eval_batch_size: int = 128  # Examples at once in evaluation.
    gradient_accumulation_steps: int = 1  # Micro-batches an update, to save memory.
    learning_rate: float = 5e-5  # Peak; 2e-5 to 5e-5 suit BERT, more the small ones.
    lr_scheduler_type: str = "linear"  # After the warm-up: linear, cosine, constant.
    warmup_ratio: float = 0.1  # Share of steps; Adam's variance needs it.
    weight_decay: float = 0.01  # As published; not on biases and LayerNorm.
    adam_beta1: float = 0.9  # Decay of the mean gradient.
    adam_beta2: float = 0.999  # Decay of the mean squared gradient.
    adam_epsilon: float = 1e-8  # Added to its root.
    max_grad_norm: float = 1.0  # Of the reduced gradient; 0 turns it off.
    bf16: bool = False  # Compute in bfloat16, keep weights in float32.
    seed: int = 1  # Of new weights, order and dropout.
    eval_strategy: str = "epoch"  # Evaluate each epoch, every eval_steps, or "no".
    eval_steps: int = 500  # Updates between evaluations where eval_strategy is steps.
    save_steps: int = 500  # Updates between checkpoints, beside one an evaluation.
    logging_steps: int = 10  # Updates between lines of metrics.jsonl.
    load_best_model_at_end: bool = (
        True  # Keep the best evaluated weights, not the last.
    )
    distribution: str = "auto"  # one_device, mirrored, or auto (mirrored if many GPUs).

    def __post_init__(self):
        for name in ("per_device_train_batch_size", "per_device_eval_batch_size"):
            at_least(self, name, 1)
        for name in ("gradient_accumulation_steps", "eval_steps", "logging_steps"):
            at_least(self, name, 1)
        for name in (
            "max_steps",
            "save_steps",
            "seed",
            "weight_decay",
            "max_grad_norm",
        ):
            at_least(self, name, 0)
        _one_of(self, "eval_strategy", ("epoch", "steps", "no"))
        _one_of(self, "lr_scheduler_type", ("linear", "cosine", "constant"))
        if not self.learning_rate > 0:
            raise ValueError(
                f"learning_rate must be > 0; received {self.learning_rate}."
            )
        if not (self.max_steps or self.num_train_epochs > 0):
            raise ValueError(
                f"num_train_epochs must be > 0; received {self.num_train_epochs}."
            )
        if not 0 <= self.warmup_ratio <= 1:
            raise ValueError(
                f"warmup_ratio must be in [0, 1]; received {self.warmup_ratio}."
            )

    def total_steps(self, steps_per_epoch):
        return self.max_steps or math.ceil(self.num_train_epochs * steps_per_epoch)


class Stopped(Exception):
    """Training was asked to stop and has saved its state."""


def train(
    model, task, rows, *, config, steps_per_epoch, evaluate, strategy, output_dir
):
    """Trains, or goes on where the same call in the same folder was interrupted.

    Args:
        model: made in the strategy's scope; holds the best weights afterwards (the
            last ones without evaluation).
        task: has `losses`, `weights` and `metric`.
        rows: function(start_step) -> `tf.data.Dataset` of micro-batches.
        config: `TrainConfig`.
        steps_per_epoch: updates.
        evaluate: function() -> {name: value}, or None for no evaluation.
        strategy: `tf.distribute.Strategy`.
        output_dir: gets `checkpoints/`, `metrics.jsonl` and `tensorboard/`.

    Returns:
        The lines of metrics.jsonl, dicts with `step` and what was measured; and the
        scores of the weights that the model now holds, {} without evaluation.

    Raises:
        Stopped: on SIGTERM or SIGINT, after the state is saved.
        ArithmeticError: the loss is not finite.
    """
    output_dir = pathlib.Path(output_dir)
    total_steps = config.total_steps(steps_per_epoch)
    variables = {
        variable.path: variable.value for variable in model.trainable_variables
    }
    with strategy.scope():
        optimizer = AdamW(
            variables,
            schedule=learning_rate_schedule(
                config.lr_scheduler_type,
                peak=config.learning_rate,
                total_steps=total_steps,
                warmup_ratio=config.warmup_ratio,
            ),
            beta_1=config.adam_beta1,
            beta_2=config.adam_beta2,
            epsilon=config.adam_epsilon,
            weight_decay=config.weight_decay,
        )
        best = {
            "step": tf.Variable(-1, dtype=tf.int64, trainable=False),
            "value": tf.Variable(-math.inf, dtype=tf.float64, trainable=False),
        }
    # By path: a list would be restored by place, whatever the places mean by then.
    checkpoint = tf.train.Checkpoint(
        model=variables, optimizer=optimizer.state(), best=best
    )
    manager = tf.train.CheckpointManager(
        checkpoint, output_dir / "checkpoints", max_to_keep=1
    )
    best_weights = tf.train.Checkpoint(model=variables)
    best_path = str(output_dir / "checkpoints" / "best")
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    step = int(optimizer.step.numpy())
    log = Log(output_dir, step)

    update = make_update(
        model,
        task,
        optimizer,
        strategy,
        micro_batches=config.gradient_accumulation_steps,
        max_grad_norm=config.max_grad_norm,
    )
    iterator = replica_rows(strategy, lambda: rows(step))
    every = {"epoch": steps_per_epoch, "steps": config.eval_steps, "no": total_steps}
    eval_steps = every[config.eval_strategy]

    with _stop_signals() as stopped, _progress_bar(step, total_steps) as bar:
        window, begun = [], time.perf_counter()
        while step < total_steps:
            window.append(update(iterator))
            step += 1
            bar.update()
            last = step == total_steps
            evaluates = evaluate and (last or step % eval_steps == 0)
            saves = config.save_steps and step % config.save_steps == 0
            saves = evaluates or saves or last or bool(stopped)
            # The first step shows at once that it runs. What is saved has been logged
            # and is finite: a run that goes on from there writes the same lines.
            if step % config.logging_steps == 0 or saves or step == 1:
                values = _average(window)
                elapsed = time.perf_counter() - begun
                values["examples_per_second"] = values.pop("examples") / elapsed
                values["learning_rate"] = float(optimizer.schedule(step - 1))
                values["epoch"] = step / steps_per_epoch
                log.write(step, values)
                _check_finite(values["loss"], step, values["learning_rate"])
                bar.set_postfix_str(
                    f"loss {values['loss']:.4f}, "
                    f"{values['examples_per_second']:.0f} examples/s",
                    refresh=False,  # When it is due: a log file is not a terminal.
                )
                window, begun = [], time.perf_counter()
            if evaluates:
                bar.set_description("evaluating", refresh=False)
                scores = evaluate()
                log.write(step, {f"eval_{name}": scores[name] for name in scores})
                if scores[task.metric] > best["value"].numpy():
                    best["step"].assign(step)
                    best["value"].assign(scores[task.metric])
                    best_weights.write(best_path)
                bar.set_description("training", refresh=False)
            if saves:
                log.board.flush()
                manager.save(checkpoint_number=step)
                begun = time.perf_counter()
                if stopped and not last:
                    raise Stopped(
                        f"stopped by {stopped[0]} at step {step} of {total_steps}, "
                        "state saved; the same command goes on from there."
                    )
    held_step = total_steps
    if config.load_best_model_at_end and best["step"].numpy() >= 0:
        held_step = int(best["step"].numpy())
        best_weights.read(best_path).assert_consumed()
    log.board.close()
    return log.lines, {
        name: value
        for line in log.lines
        if line["step"] == held_step
        for name, value in line.items()
        if name.startswith("eval_")
    }


def forget_state(output_dir):
    """Removes the training state of a run that has ended."""
    shutil.rmtree(pathlib.Path(output_dir) / "checkpoints", ignore_errors=True)


def _average(window):
    """Means over the steps of a window; `examples` is their sum."""
    values = {name: [float(metrics[name]) for metrics in window] for name in window[0]}
    means = {name: float(np.mean(of_steps)) for name, of_steps in values.items()}
    return means | {"examples": sum(values["examples"])}


def _check_finite(loss, step, learning_rate):
    if not math.isfinite(loss):
        raise ArithmeticError(
            f"the loss is {loss} at step {step} (learning rate {learning_rate:.2g}); "
            "lower learning_rate, or raise warmup_ratio."
        )


def _progress_bar(step, total_steps):
    return tqdm.tqdm(
        desc="training",
        initial=step,
        total=total_steps,
        unit="step",
        # A file gets a line now and then, a terminal a bar that moves.
        mininterval=0.5 if sys.stderr.isatty() else 15,
        dynamic_ncols=True,
    )


@contextlib.contextmanager
def _stop_signals():
    """Gives a list that holds a signal's name once it has come."""
    received = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # Only the main thread may listen to signals.
        return

    def receive(number, _):
        received.append(signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_least(config, name, least):
    """Raises a ValueError where a field of a dataclass is below `least`."""
    value = getattr(config, name)
    if value < least:
        raise ValueError(f"{name} must be at least {least}; received {value}.")


def _one_of(config, name, allowed):
    value = getattr(config, name)
    if value not in allowed:
        raise ValueError(
            f"{name} must be one of {', '.join(allowed)}; received {value!r}."
        )
