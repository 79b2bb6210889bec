"""The training loop: update, log, evaluate, save; it resumes exactly and stops cleanly."""

import contextlib
import logging
import pathlib
import signal
import threading

from bert_tf.ground import above
from bert_tf.training import divergence
from bert_tf.training.config import TrainConfig
from bert_tf.training.journal import Log, describe_scores
from bert_tf.training.policy import Policy
from bert_tf.training.recorder import Recorder

__all__ = ["Stopped", "TrainConfig", "train"]

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """A signal has stopped training, and its state is saved."""


def train(
    engine,
    rows,
    *,
    config,
    steps_per_epoch,
    evaluate,
    metric,
    output_dir,
    probe=None,
    matmul_share=None,
):
    """Trains a model, or resumes the interrupted run of the same call in the same folder.

    Args:
        engine: `Engine`. Its model holds the best weights afterwards; the last ones
            without evaluation, and on workers other than the first.
        rows: function(start step, (number of workers, number of this worker)) -> endless
            data set of this worker's micro-batches.
        config: `TrainConfig`.
        steps_per_epoch: updates of an epoch.
        evaluate: function() -> {name: value}, or None for no evaluation. It raises
            `divergence.NotFinite` if an output of the model is not finite.
        metric: name of the score that decides which weights are best; higher is better.
        output_dir: folder that all workers share; the first writes `checkpoints/`,
            `metrics.jsonl` and `tensorboard/` there.
        probe: function() that raises `divergence.NotFinite`, too, called before the last
            checkpoint of a run without evaluation; or None.
        matmul_share: function(tokens per second) -> fraction of the machine's matmul
            peak, which is logged; or None.

    Returns:
        The lines of metrics.jsonl, dicts with `step` and what was measured; and the
        scores of the weights that the model now holds, {} without evaluation.

    Raises:
        Stopped: on SIGTERM or SIGINT, after the state is saved.
        ArithmeticError: the loss, a weight or an output is not finite. What is saved by
            then was finite.
        ValueError: all checkpoints of the interrupted run are damaged.
        WriteError: the disk is full or forbids to write.
    """
    output_dir = pathlib.Path(output_dir)
    numbers = engine.restore(output_dir)
    step = numbers.get("step", 0)
    policy = Policy(config, steps_per_epoch, metric, engine.now, numbers)
    board = engine.board(output_dir / "tensorboard") if engine.chief else None
    log = Log(output_dir, step, board, writes=engine.chief)
    _check_best(engine, policy.best, config, step)
    engine.start(rows, step)
    recorder = Recorder(engine, log, policy, matmul_share)
    ended, reason = policy.ended(step), policy.best.why_stop()
    with _stop_signals() as received, policy.progress(step) as bar:
        while not ended and not reason:
            recorder.add(engine.update(policy.clock.read()))
            stopped = engine.stop_signals(received)
            step += 1
            bar.update()
            policy.clock.start()
            ended = policy.ended(step)
            evaluates = evaluate and (ended or policy.evaluates(step))
            saves = evaluates or ended or stopped or policy.saves(step)
            # Only logged, finite states are saved: a resumed run writes the same lines.
            if saves or policy.logs(step):
                # A log file is no terminal: the text appears at the next line of the bar.
                bar.set_postfix_str(recorder.write(step), refresh=False)
            if saves:
                recorder.check_weights(step)
            if probe and ended and not evaluates:
                with (
                    engine.averaged(),
                    divergence.located(step, engine.learning_rate()),
                ):
                    probe()
            if evaluates:
                bar.set_description("evaluating", refresh=False)
                line = _evaluate(engine, evaluate, policy.best, log, step)
                with above(bar):
                    _log.info("step %d%s: %s", step, policy.of_total, line)
                # The evaluation may have used up the time.
                ended = policy.ended(step)
                reason = "" if ended else policy.best.why_stop()
                if reason:
                    log.write(step, {"stopped_early": reason})
                bar.set_description("training", refresh=False)
            if saves:
                log.flush()
                engine.save(step, {"step": step} | policy.numbers())
                recorder.restart()
            if stopped and not ended and not reason:
                but = (
                    " without overwrite_output_dir"
                    if config.overwrite_output_dir
                    else ""
                )
                raise Stopped(
                    f"stopped by {stopped[0]} at step {step}{policy.of_total}, state saved; "
                    f"the same command{but} goes on from there."
                )
    if reason and not ended:
        _log.info("stopped at step %d%s: %s.", step, policy.of_total, reason)
    if _load_best(engine, policy.best, config):
        step = policy.best.step
    else:
        engine.load_averages()
    log.close()
    return log.lines, log.scores(step)


def _check_best(engine, best, config, step):
    """Makes up for best weights that an interrupted run has lost."""
    if best.step < 0 or not config.load_best_model_at_end or engine.has_best():
        return
    if best.step == step:
        says = "they are written again, since the last checkpoint is of the same step"
        with engine.averaged():
            engine.keep_best()
    else:
        says = "the best of the evaluations to come counts"
    _log.warning(
        "the best weights (step %d) are missing or damaged: %s.", best.step, says
    )
    if best.step != step:
        best.forget()


def _load_best(engine, best, config):
    """Loads the best weights; returns whether the model now holds them."""
    if best.step < 0 or not config.load_best_model_at_end:
        return False
    if engine.load_best():
        return True
    _log.warning(
        "the best weights (step %d) are lost; the model has the last ones.", best.step
    )
    return False


def _evaluate(engine, evaluate, best, log, step):
    """Scores the weights, or their averages, and keeps them if they are the best.

    Returns:
        The main scores, and whether they are the best, for a log line.
    """
    with engine.averaged():
        with divergence.located(step, engine.learning_rate()):
            scores = evaluate()
        log.write(step, {f"eval_{name}": value for name, value in scores.items()})
        # The first worker's score counts: machines differ in the last digits.
        is_best = best.update(step, engine.gather(scores[best.metric])[0])
        if is_best:
            engine.keep_best()
    line = describe_scores(scores, best.metric)
    if is_best:
        return f"{line}; the best so far."
    return f"{line}; best {best.score:.4f} at step {best.step}."


@contextlib.contextmanager
def _stop_signals():
    """Yields a list that receives the name of each signal to stop."""
    received = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # Only the main thread may handle signals.
        return

    def receive(number, _):
        received.append(signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
