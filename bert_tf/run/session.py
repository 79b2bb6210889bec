"""One training run, from bad input refused to a folder written once; the verbs say what differs.

check and read (the verb) → plan → build → load → train → score → write (the verb).
"""

import contextlib
import dataclasses
import logging
import math
import pathlib
from collections.abc import Callable

import keras

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.ground import changed
from bert_tf.models import lora, parts, rounding
from bert_tf.models.backbone import BertBackbone
from bert_tf.run import checks
from bert_tf.run.outputs import Outputs
from bert_tf.tasks.base import Task
from bert_tf.training import divergence, engine, journal, loop, run_folder, selection

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Job:
    """What a run trains, and on what.

    Attributes:
        task: `Task`.
        folder: `ModelFolder` of the model to build.
        weights: folder of the weights to start from; None for random weights.
        train, evaluation: columns of the records, as `Task.columns` returns them; no
            evaluation if None.
        fingerprint: digest of the data; a resumed run must have the same.
        on_scores: function(scores), called after each evaluation.
        operations_per_token: floating point operations of an update for each token. If
            given, the log says which fraction of the machine's matmul peak is used.
    """

    task: Task
    folder: folders.ModelFolder
    weights: pathlib.Path | None
    train: object
    evaluation: object | None
    fingerprint: str
    on_scores: Callable = lambda scores: None
    operations_per_token: float = 0.0


@dataclasses.dataclass
class Trained:
    """What a run leaves: the model, the lines of metrics.jsonl, the scores of the model."""

    model: keras.Model
    lines: list
    scores: dict
    figures: dict  # Loss, steps and speed of training.
    examples_per_update: int


def collect_flags(config, training):
    """Returns {flag: value} of a verb's configuration, its options and a `TrainConfig`."""
    flags = {}
    for part in (config, config.task_options, training):
        flags |= dataclasses.asdict(part)
    # Whichever way it was chosen: a resumed run must have the same.
    flags["engine"] = keras.backend.backend()
    del flags["options"]  # Those given; all of them are in `task_options`.
    # A command that repeats the run, or goes on with it, must not replace it.
    del flags["overwrite_output_dir"]
    return flags


def count_skipped(**tables):
    """Returns {"…_skipped_rows": bad rows that were left out} of tables that have some.

    Args:
        tables: {"train" or "eval": `Table`, or None}.
    """
    return {
        f"{name}_skipped_rows": table.skipped
        for name, table in tables.items()
        if table and table.skipped
    }


def changed_flags(config, training, defaults=None):
    """Returns those of `collect_flags` that differ from their defaults, for a model card.

    Args:
        config, training: as in `collect_flags`.
        defaults: {field: value} that replace those of `TrainConfig`.
    """
    flags = changed(config) | changed(config.task_options) | changed(training, defaults)
    flags.pop("overwrite_output_dir", None)
    return flags


def unless_finished(output_dir, flags, training, work):
    """Returns what `work` returns, or the metrics of a run that has finished already.

    Args:
        output_dir: folder of the run. No other process can run in it meanwhile.
        flags: {name: value}, all flags of the run.
        training: `TrainConfig`.
        work: function(strategy) → metrics.

    Raises:
        ValueError: the folder holds another run, or the strategy cannot be made.
        BlockingIOError: another process runs in the folder.
        WriteError: the folder cannot be written.
        ConnectionError: one of several workers is lost.
    """
    output_dir = pathlib.Path(output_dir)
    overwrite = training.overwrite_output_dir

    def find_finished():
        finished = journal.finished_metrics(output_dir, flags, overwrite)
        if finished is not None:
            _log.warning(
                "%s is finished already; choose another output_dir, or pass "
                "--overwrite_output_dir, to train again.",
                output_dir,
            )
            # A process that was killed at the very end has left its state.
            with contextlib.suppress(OSError), run_folder.locked(output_dir):
                journal.forget_state(output_dir)
        return finished

    finished = find_finished()
    if finished is not None:
        return finished
    # Workers must meet before anything is computed.
    strategy = engine.part("distribution").make_strategy(training.distribution)
    workers = engine.part("workers")
    with workers.watched(output_dir):
        if not workers.Workers(strategy).chief:
            return work(strategy)
        with run_folder.locked(output_dir):
            # Another process may have finished it since.
            finished = find_finished()
            if finished is not None:
                return finished
            if (output_dir / "flags.txt").exists():
                does = "replacing" if overwrite else "going on with"
                _log.warning("%s the run in %s.", does, output_dir)
            return work(strategy)


def train(job, training, output_dir, flags, strategy):
    """Trains a model, or resumes the interrupted run in `output_dir`.

    Args:
        job: `Job`.
        training: `TrainConfig`.
        output_dir: `pathlib.Path`.
        flags: {name: value}, all flags of the run.
        strategy: as `distribution.make_strategy` of the engine returns it.

    Returns:
        `Trained`.

    Raises:
        ValueError: bad input, before anything is written.
        loop.Stopped: on SIGTERM; the same call resumes.
    """
    task, workers = job.task, engine.part("workers").Workers(strategy)
    plan = {
        "batch_size": training.per_device_train_batch_size,
        "micro_batches": training.gradient_accumulation_steps
        * strategy.num_replicas_in_sync,
        "seed": training.seed,
    }
    checks.check(job, training, plan["micro_batches"])
    examples = task.examples(job.train)
    steps_per_epoch = task.steps_per_epoch(examples, **plan)
    total_steps = training.total_steps(steps_per_epoch)

    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        model = _build(job, training)
    adapters_only = training.lora_rank > 0
    selection.select(model, freeze=training.freeze, adapters_only=adapters_only)
    has_evaluation = job.evaluation is not None
    outputs = Outputs(job, model, training, examples)
    evaluate = outputs.evaluate if has_evaluation else None
    matmul_share = None
    if job.operations_per_token:
        dtype = keras.backend.standardize_dtype(model.compute_dtype)
        peak = engine.part("matmul").matmul_rate(dtype)
        passes = 2 if training.adversarial_epsilon else 1
        per_token = passes * job.operations_per_token
        per_token /= peak * strategy.num_replicas_in_sync
        matmul_share = lambda tokens_per_second: tokens_per_second * per_token

    if workers.chief:
        if training.overwrite_output_dir:
            run_folder.clear(output_dir)
        run_folder.check_space(output_dir, *_sizes(model, training))
    journal.begin(output_dir, flags, workers, job.fingerprint)
    trainer = engine.part("engine").Engine(
        model, task, training, strategy, total_steps=total_steps
    )
    lines, scores = loop.train(
        trainer,
        lambda step, share: task.training_rows(
            examples, **plan, start_step=step, share=share
        ),
        config=training,
        steps_per_epoch=steps_per_epoch,
        evaluate=None if training.eval_strategy == "no" else evaluate,
        probe=outputs.probe,
        metric=task.metric,
        output_dir=output_dir,
        matmul_share=matmul_share,
    )
    if has_evaluation and not scores:
        with divergence.located(lines[-1]["step"], training.learning_rate):
            scores = {f"eval_{name}": value for name, value in evaluate().items()}
    if workers.chief and trainer.notes():
        _log.info("%s", trainer.notes())
    if scores and workers.chief:
        _log.info("%s", report.describe(scores, task.metric))
    if training.lora_rank and workers.chief:
        # Any reader of BERT computes the adapters' outputs from the merged weights.
        model = lora.merge_adapters(model, task.build(BertBackbone(job.folder.config)))
    return Trained(
        task.trained(model),
        lines,
        scores,
        journal.training_figures(lines),
        plan["batch_size"] * plan["micro_batches"],
    )


def _sizes(model, training):
    """Returns the bytes that all files of a run take at a time, and those of a checkpoint."""
    trained, weights = (
        4 * sum(math.prod(weight.shape) for weight in group)
        for group in (model.trainable_weights, model.weights)
    )
    # Weights, two moments, perhaps averages; a new one is written beside the old ones.
    checkpoint = trained * (4 if training.ema_decay else 3)
    return checkpoint * (training.save_total_limit + 1) + trained + weights, checkpoint


def finish(output_dir, metrics):
    """Marks a run as finished, after everything else is written."""
    journal.write_metrics(output_dir, metrics)
    journal.forget_state(output_dir)


def _build(job, training):
    """Builds the model with the weights to start from; a resumed run has others."""
    none = {} if training.attention_dropout else {"attention_probs_dropout_prob": 0.0}
    config = dataclasses.replace(job.folder.config, **none)
    model = job.task.build(
        BertBackbone(
            config,
            dtype=training.dtype_policy,
            gradient_checkpointing=training.gradient_checkpointing,
            attention=parts.choose_attention(training.attention, job.task.options),
        )
    )
    job.task.load_start(model, job.weights)
    if training.lora_rank:
        lora.add_adapters(model, training.lora_rank, training.lora_alpha)
    if training.quantization_aware:
        rounding.round_to_eight_bits(model)
    return model
