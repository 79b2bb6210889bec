"""Pruning in steps: rank, cut, fine-tune, and again, each as a run of its own.

The runs stand in checkpoints/ of the output folder until the last one is finished:
stage_1/pruned, the model after a cut, and stage_1/tuned, the same after training.
"""

import dataclasses
import functools
import logging
import pathlib
import shutil

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.compression import cuts, plan, pruning
from bert_tf.ground import lazy, quote_all, replacing
from bert_tf.predictor import Model
from bert_tf.run import checks, seeds
from bert_tf.run.finetuning import FinetuneConfig, find_start, finetune, prepare
from bert_tf.run.writing import write_report
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.options import kept
from bert_tf.training import engine, journal, run_folder
from bert_tf.training.cluster import read_cluster
from bert_tf.training.config import TrainConfig

session = lazy("bert_tf.run.session")

_OWN_FILES = ("metrics.json", "flags.txt", "README.md")

_log = logging.getLogger(__name__)


def prune(config, training=None):
    """Removes heads, units and layers from a fine-tuned model, and trains what is left.

    Args:
        config: `PruneConfig`.
        training: `TrainConfig` of the training after the last cut, and, but for its
            length, after the others; its defaults if None.

    Returns:
        dict, as metrics.json of the folder holds it: that of `finetune`, and
        `encoder_parameters` and `layer_parameters`, with `…_before`;
        `layer_num_attention_heads` and `layer_intermediate_size`, a number for each
        layer; `before`, the scores of the model before pruning, if there is an evaluation.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        loop.Stopped: on SIGTERM; the same call resumes at its stage.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PruneConfig(
        ...     model="model", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="pruned", prune_heads=0.5, prune_steps=1)
        >>> bert_tf.prune(config)["layer_num_attention_heads"]
        [1]
    """
    training = training or TrainConfig()
    if engine.select(training.engine) != "tensorflow":
        raise ValueError(
            "heads and units are ranked by --engine=tensorflow only; pass it. Any engine "
            "can train the pruned model afterwards (finetune)."
        )
    if training.distribution == "multi_worker" or len(read_cluster().addresses) > 1:
        raise ValueError(
            "prune runs on one machine; remove TF_CONFIG from the environment, and pass "
            "--distribution=auto."
        )
    if not config.task:
        folder = folders.read(folders.resolve(config.model))
        task = task_of(folder.config, folder.settings)
        config = dataclasses.replace(config, task=task)
    flags = session.collect_flags(config, training)

    def work(strategy):
        if config.seeds == 1:
            return _prune(config, training, flags, strategy)
        metric = f"eval_{find_task(config.task).metric_of(flags)}"
        return seeds.run(prune, config, training, flags=flags, metric=metric)

    return session.unless_finished(config.output_dir, flags, training, work)


def _prune(config, training, flags, strategy):
    """Prunes with one seed, as `prune`."""
    output_dir, start = pathlib.Path(config.output_dir), folders.resolve(config.model)
    # Everything that a user may have got wrong comes before anything is written.
    folder = folders.read(start)
    _check_task(config, folder)
    tuning = _make_tuning(config, folder)
    job, (_, eval_table) = prepare(tuning, find_start(tuning))
    dropped = plan.choose_dropped(config, folder.config.num_hidden_layers)
    shapes = folder.config.layer_shapes
    left = [shape for number, shape in enumerate(shapes) if number not in dropped]
    smaller = dataclasses.replace(folder, config=folder.config.with_layers(left))
    goals = plan.plan_cuts(config, smaller.config)
    replicas = training.gradient_accumulation_steps * strategy.num_replicas_in_sync
    checks.check(dataclasses.replace(job, folder=smaller), training, replicas)
    model = Model(
        start, task=config.task, batch_size=training.per_device_eval_batch_size
    )
    _check_labels(model.task, job.task)
    before = {}
    if eval_table:
        scores = model.task.score(*model.outputs_of(eval_table))
        before = {f"eval_{n}": x for n, x in scores.items() if isinstance(x, float)}
        _log.info("before: %s", journal.describe_scores(scores, model.task.metric))

    if training.overwrite_output_dir:
        run_folder.clear(output_dir)
    workers = engine.part("workers").Workers(strategy)
    journal.begin(output_dir, flags, workers, job.fingerprint)
    del model  # Its memory is needed.
    rank = functools.partial(
        cuts.rank_parts, task=job.task, training=training, columns=job.train
    )
    makers = [functools.partial(cuts.drop, dropped=dropped)] if dropped else []
    makers += [functools.partial(cuts.cut, rank=rank, left=goal) for goal in goals]
    tuned = _run_stages(makers, config, tuning, training, start)
    metrics = journal.read_metrics(tuned / "metrics.json")
    metrics |= _describe(start, tuned) | ({"before": before} if before else {})
    _copy(tuned, output_dir)
    write_report(
        config,
        training,
        job.task,
        journal.read_lines(tuned / "metrics.jsonl"),
        metrics,
        flags=flags,
        only_here=folders.read(tuned).config.peculiarity,
        verb="prune",
        start=config.model,
    )
    session.finish(output_dir, metrics)
    return metrics


def _run_stages(makers, config, tuning, training, start):
    """Makes each cut and trains after it; returns the folder of the last training.

    Finished stages of an interrupted run are not made again.

    Args:
        makers: function(folder before, folder to write) of each cut.
        config: `PruneConfig`.
        tuning: `FinetuneConfig` for the training.
        training: `TrainConfig`.
        start: folder of the model before pruning.
    """
    training = dataclasses.replace(training, overwrite_output_dir=False)
    between = dataclasses.replace(
        training,
        num_train_epochs=config.prune_epochs,
        max_steps=0,
        train_minutes=0.0,
        eval_strategy="no",
        early_stopping_patience=0,
    )
    places = [
        pathlib.Path(config.output_dir, "checkpoints", f"stage_{number}")
        for number in range(1, len(makers) + 1)
    ]
    finished = [(place / "tuned" / "metrics.json").exists() for place in places]
    first = max(
        (n for n, is_finished in enumerate(finished, 1) if is_finished), default=0
    )
    for number in range(first, len(makers)):
        place = places[number]
        source = places[number - 1] / "tuned" if number else start
        if not (place / "pruned").exists():
            makers[number](source, place / "pruned")
        _log.info("stage %d of %d: training.", number + 1, len(makers))
        finetune(
            dataclasses.replace(
                tuning, model=str(place / "pruned"), output_dir=str(place / "tuned")
            ),
            training if place == places[-1] else between,
        )
        # Large models would else take many times their size.
        run_folder.remove_folder(place / "pruned")
        if number:
            run_folder.remove_folder(places[number - 1])
    return places[-1] / "tuned"


def _describe(start, tuned):
    """Returns the sizes of two model folders, before and after pruning."""
    counts = {}
    for suffix, path in (("_before", start), ("", tuned)):
        arrays = layouts.read_arrays(path)
        for name, scope in (("encoder", "bert/"), ("layer", "bert/encoder/")):
            key = f"{name}_parameters{suffix}"
            counts[key] = pruning.count_parameters(arrays, scope)
    heads, widths = zip(*folders.read(tuned).config.layer_shapes)
    return counts | {
        "layer_num_attention_heads": list(heads),
        "layer_intermediate_size": list(widths),
    }


def _copy(tuned, output_dir):
    """Copies what the last training wrote; config.json comes last, as it marks a folder."""
    files = [path for path in tuned.iterdir() if path.name not in _OWN_FILES]
    for path in sorted(files, key=lambda path: path.name == "config.json"):
        if path.is_dir():
            shutil.copytree(path, output_dir / path.name, dirs_exist_ok=True)
        else:
            with replacing(output_dir / path.name) as beside:
                shutil.copyfile(path, beside)


def _make_tuning(config, folder):
    """Returns the `FinetuneConfig` of the training after a cut."""
    names = [field.name for field in dataclasses.fields(FinetuneConfig)]
    given = {name: getattr(config, name) for name in names} | {"seeds": 1}
    remembered = kept(find_task(config.task).Options, folder.settings)
    return FinetuneConfig(**given | {"options": remembered | config.options})


def _check_task(config, folder):
    """Checks that a folder holds a model that can be pruned, of the task of the flags."""
    if folder.decoder or find_task(config.task).decodes:
        raise ValueError(
            f"{config.model if folder.decoder else 'task ' + config.task} has an encoder "
            "and a decoder, which cannot be pruned; choose a model without a decoder."
        )
    trained = task_of(folder.config, folder.settings)
    if trained != config.task:
        raise ValueError(
            f"{config.model} is a model for {trained}, and task is {config.task}; pass "
            f"--task={trained}."
        )


def _check_labels(old, new):
    """Checks that the data have the labels that a model has learnt, both tasks."""
    if old.labels != new.labels:
        raise ValueError(
            f"the training data have the labels {quote_all(new.labels, 6)}, but the model "
            f"has {quote_all(old.labels, 6)}; fine-tune the model on these data first."
        )
