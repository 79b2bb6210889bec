"""The training loop: update, log, evaluate, save; resume exactly, stop politely."""

import contextlib
import logging
import pathlib
import signal
import sys
import threading
import time

import numpy as np
import tensorflow as tf

from bert_tf.ground import progress
from bert_tf.training import divergence
from bert_tf.training.clock import Clock
from bert_tf.training.config import TrainConfig
from bert_tf.training.early_stopping import Best
from bert_tf.training.journal import Log
from bert_tf.training.selection import learning_rate_factors
from bert_tf.training.tensorflow.distribution import replica_rows
from bert_tf.training.tensorflow.loss_scale import LossScale
from bert_tf.training.tensorflow.optimizer import AdamW, learning_rate
from bert_tf.training.tensorflow.state import Checkpoints, forget_state
from bert_tf.training.tensorflow.update import COUNTS, make_update
from bert_tf.training.tensorflow.workers import StopFlag, Workers

__all__ = ["Stopped", "TrainConfig", "forget_state", "train"]

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """Training was asked to stop and has saved its state."""


def train(
    model,
    task,
    rows,
    *,
    config,
    steps_per_epoch,
    evaluate,
    strategy,
    output_dir,
    matmul_share=None,
):
    """Trains, or goes on where the same call in the same folder was interrupted.

    Args:
        model: made in the strategy's scope; what is trainable in it trains. It holds
            the best weights afterwards (the last ones without evaluation, and on workers
            other than the first).
        task: has `losses`, `weights` and `metric`.
        rows: function(start_step, (workers, number of this one)) -> endless
            `tf.data.Dataset` of this worker's share of the micro-batches.
        config: `TrainConfig`.
        steps_per_epoch: updates.
        evaluate: function() -> {name: value}, or None for no evaluation.
        strategy: `tf.distribute.Strategy`.
        output_dir: gets `checkpoints/`, `metrics.jsonl` and `tensorboard/`, of the first
            worker; a folder that all share.
        matmul_share: function(tokens a second) -> share of the machine's matmul peak
            that is used, to be logged; or None.

    Returns:
        The lines of metrics.jsonl, dicts with `step` and what was measured; and the
        scores of the weights that the model now holds, {} without evaluation.

    Raises:
        Stopped: on SIGTERM or SIGINT, after the state is saved.
        ArithmeticError: the loss is not finite.
        ValueError: no checkpoint of the interrupted run is whole.
    """
    output_dir = pathlib.Path(output_dir)
    total_steps = config.total_steps(steps_per_epoch)
    variables = {
        variable.path: variable.value for variable in model.trainable_variables
    }
    workers = Workers(strategy)
    with strategy.scope():
        minutes = config.train_minutes
        clock = Clock(60 * minutes, now=workers.now) if minutes else None
        optimizer = AdamW(
            variables,
            schedule=learning_rate(config, total_steps, clock),
            scale_to_weight=config.optim == "lamb",
            beta_1=config.adam_beta1,
            beta_2=config.adam_beta2,
            epsilon=config.adam_epsilon,
            weight_decay=config.weight_decay,
            rate_factors=learning_rate_factors(
                [weight.path for weight in model.weights], config.layerwise_lr_decay
            ),
            ema_decay=config.ema_decay,
        )
        loss_scale = LossScale() if config.fp16 else None
        best = Best(
            task.metric,
            patience=config.early_stopping_patience,
            threshold=config.early_stopping_threshold,
        )
        # Not the optimizer's, which stands still where fp16 leaves an update out.
        saved_step = tf.Variable(0, dtype=tf.int64, trainable=False)
    parts = {"optimizer": optimizer.state(), "best": best.state()}
    if loss_scale:
        parts["loss_scale"] = loss_scale.state()
    if clock:
        parts["clock"] = clock.state()
    checkpoints = Checkpoints(
        output_dir,
        variables,
        limit=config.save_total_limit,
        loop={"step": saved_step},
        **parts,
    )
    checkpoints.restore()
    step = int(saved_step.numpy())
    workers.agree(step, output_dir)
    log = Log(output_dir, step, writes=workers.chief)
    stop_flag = StopFlag(workers)

    update = make_update(
        model,
        task,
        optimizer,
        strategy,
        micro_batches=config.gradient_accumulation_steps,
        max_grad_norm=config.max_grad_norm,
        loss_scale=loss_scale,
        stop=stop_flag.variable,
    )
    iterator = replica_rows(strategy, lambda share: rows(step, share))
    every = {"epoch": steps_per_epoch, "steps": config.eval_steps, "no": sys.maxsize}
    eval_steps = every[config.eval_strategy]

    def over():
        return not clock.left() if clock else step >= total_steps

    of_all = "" if clock else f" of {total_steps}"
    why_stop, warned = best.why_stop(), False
    with (
        _stop_signals() as received,
        progress(
            description="training",
            initial=step,
            total=None if clock else total_steps,
            unit="step",
            delay=0,
        ) as bar,
    ):
        window, begun = [], time.perf_counter()
        ended = over()
        while not ended and not why_stop:
            if clock:
                clock.tick()
            metrics = update(iterator)
            stopped = stop_flag.exchange(received, metrics)
            window.append(metrics)
            step += 1
            bar.update()
            if clock:
                clock.start()
            ended = last = over()
            evaluates = evaluate and (last or step % eval_steps == 0)
            saves = config.save_steps and step % config.save_steps == 0
            saves = evaluates or saves or last or bool(stopped)
            # The first step shows at once that it runs. What is saved has been logged
            # and is finite: a run that goes on from there writes the same lines.
            if step % config.logging_steps == 0 or saves or step == 1:
                values = _average(window)
                elapsed = time.perf_counter() - begun
                for name in COUNTS:
                    values[f"{name}_per_second"] = values.pop(name) / elapsed
                made = max(0, int(optimizer.step.numpy()) - 1)  # The last update made.
                values["learning_rate"] = float(optimizer.schedule(made))
                values["epoch"] = step / steps_per_epoch
                speed = f"{values['examples_per_second']:.0f} examples/s"
                if matmul_share:
                    values["matmul_share"] = matmul_share(values["tokens_per_second"])
                    speed = (
                        f"{values['tokens_per_second']:,.0f} tokens/s, "
                        f"{values['matmul_share']:.0%} of matmul peak"
                    )
                if loss_scale:
                    values |= loss_scale.figures()
                log.write(step, values)
                divergence.check_finite(values["loss"], step, values["learning_rate"])
                if loss_scale:
                    loss_scale.check(step)
                warmed_up = config.warmup_steps(total_steps)
                if clock:
                    warmed_up = config.warmup_ratio * clock.steps(step)
                warning = divergence.warning(log.lines, config, warmed_up)
                if warning and not warned:
                    _log.warning("%s", warning)
                    warned = True
                bar.set_postfix_str(
                    f"loss {values['loss']:.4f}, {speed}"
                    + (f", {clock.left() / 60:.1f} minutes left" if clock else ""),
                    refresh=False,  # When it is due: a log file is not a terminal.
                )
                window, begun = [], time.perf_counter()
            if evaluates:
                bar.set_description("evaluating", refresh=False)
                with optimizer.averaged():
                    scores = evaluate()
                log.write(step, {f"eval_{name}": scores[name] for name in scores})
                # The first's score counts: machines differ in the last digits.
                score, *_ = workers.gather(scores[task.metric])
                if best.update(step, score) and workers.chief:
                    with optimizer.averaged():
                        checkpoints.keep_best()
                ended = over()  # These weights are the last, then, and scored.
                why_stop = "" if ended else best.why_stop()
                if why_stop:
                    log.write(step, {"stopped_early": why_stop})
                bar.set_description("training", refresh=False)
            if saves:
                log.board.flush()
                saved_step.assign(step)
                if clock:
                    clock.tick()
                if workers.chief:
                    checkpoints.save(step)
                begun = time.perf_counter()
                if stopped and not ended and not why_stop:
                    raise Stopped(
                        f"stopped by {stopped[0]} at step {step}{of_all}, state saved; "
                        "the same command goes on from there."
                    )
    if why_stop and not ended:
        _log.info("stopped at step %d%s: %s.", step, of_all, why_stop)
    held_step = step
    if config.load_best_model_at_end and best.step.numpy() >= 0:
        held_step = int(best.step.numpy())
        if workers.chief:
            checkpoints.load_best()
    else:
        optimizer.exchange_averages()
    log.board.close()
    return log.lines, {
        name: value
        for line in log.lines
        if line["step"] == held_step
        for name, value in line.items()
        if name.startswith("eval_")
    }


def _average(window):
    """Means over the steps of a window; of what is counted, sums."""
    values = {name: [float(metrics[name]) for metrics in window] for name in window[0]}
    means = {name: float(np.mean(of_steps)) for name, of_steps in values.items()}
    return means | {name: sum(values[name]) for name in COUNTS}


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
