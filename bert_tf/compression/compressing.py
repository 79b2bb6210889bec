"""One command from a fine-tuned model to the smallest file that answers as well."""

import dataclasses
import logging
import pathlib
import shutil

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.compression import candidates, measuring
from bert_tf.compression.making import make_models
from bert_tf.data.records.options import TableOptions, reader_arguments
from bert_tf.docstrings import list_settings
from bert_tf.ground import at_least, lazy, replacing_folder, require, setting
from bert_tf.predictor import Model
from bert_tf.training import engine, journal, run_folder
from bert_tf.training.config import TrainConfig

session = lazy("bert_tf.run.session")

_log = logging.getLogger(__name__)


@list_settings
@dataclasses.dataclass(frozen=True)
class CompressConfig(TableOptions):
    """Which model to make small, on which data, and within which limits.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.CompressConfig(
        ...     model="model", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="small", max_size_mb=12)
        >>> config.max_drop
        2.0
    """

    train_file: str = setting(
        "", "Labelled records to train on, as of finetune.", section="data"
    )
    eval_file: str = setting("", "Labelled records to score on.")
    transfer_file: str = setting(
        "", "Further texts without labels, on which the teacher's answers are learnt."
    )
    model: str = setting("", "Fine-tuned model folder.", section="model")
    output_dir: str = setting(
        "",
        "Folder to write; an interrupted run in it is resumed.",
        section="output",
    )
    max_size_mb: float = setting(
        0.0, "Megabytes that the file may have. 0: no limit.", section="limits"
    )
    max_drop: float = setting(
        2.0, "Points of the score (hundredths) that may be lost. 0: no limit."
    )
    max_latency_ms: float = setting(
        0.0, "Median milliseconds that one text may take here. 0: no limit."
    )
    candidates: str = setting(
        "",
        f"What to try, of {', '.join(candidates.NAMES)}. Empty: all.",
    )

    def __post_init__(self):
        self.check_files()
        require(self, "model", "train_file", "eval_file", "output_dir")
        for name in ("max_size_mb", "max_drop", "max_latency_ms"):
            at_least(self, name, 0)
        candidates.choose(self.candidates)

    @property
    def limits(self):
        """The limits, as `measuring.Limits`."""
        return measuring.Limits(self.max_size_mb, self.max_drop, self.max_latency_ms)


def compress(config, training=None):
    """Tries ways to make a fine-tuned model small, and writes the smallest that is good.

    Every candidate is a TFLite file of any length, whose own labels are scored. The folder
    gets metrics.json, compression.png, and, of the best candidate, `model` and
    `export`; `candidates` and `models` hold the others.

    Args:
        config: `CompressConfig`.
        training: `TrainConfig` of each training; `train_minutes` is for all of them.

    Returns:
        dict: `metric`, `reference` (the given model's score), `candidates`, {name:
        figures of `measuring.measure`}, `failed`, {name: why there is no such file}, and
        `best`, the name of the smallest that keeps the limits.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written; or no
            candidate keeps the limits.
        loop.Stopped: on SIGTERM; the same call resumes.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.CompressConfig(
        ...     model="model", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="small", max_drop=100.0, candidates="int8")
        >>> list(bert_tf.compress(config)["candidates"])
        ['float32', 'int8']
    """
    training = training or TrainConfig()
    engine.select("tensorflow")  # Which alone writes files for phones.
    flags = dataclasses.asdict(config) | dataclasses.asdict(training)
    for name in ("overwrite_output_dir", "max_size_mb", "max_drop", "max_latency_ms"):
        del flags[name]  # Other limits choose among the same candidates.
    result = session.unless_finished(
        config.output_dir, flags, training, lambda _: _try(config, training, flags)
    )
    return _choose(config, result)


def _try(config, training, flags):
    """Makes and measures the candidates; returns the report without the choice."""
    output_dir = pathlib.Path(config.output_dir)
    start = folders.resolve(config.model)
    folder = folders.read(start)
    model = Model(start, batch_size=training.per_device_eval_batch_size)
    _check_task(model.task)
    arguments = reader_arguments(config)
    chosen = candidates.choose(config.candidates)
    fitting = candidates.fit(chosen, folder.config)
    for candidate in chosen:
        if candidate not in fitting:
            _log.warning("%s would not be smaller; it is left out.", candidate.name)
    data = {"eval_file": config.eval_file, "arguments": arguments}
    reference = measuring.evaluate(model, **data)
    if training.overwrite_output_dir:
        run_folder.clear(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    journal.write_flags(output_dir, flags)

    models = {"": start} | make_models(config, training, fitting, model.task, start)
    measured, failed = {}, {}
    for candidate in fitting:
        path = output_dir / "candidates" / candidate.name
        try:
            measured[candidate.name] = measuring.measure(
                models[candidate.model],
                path,
                candidate.quantize,
                reference=reference,
                **data,
            )
        except ArithmeticError as error:
            _log.warning("%s: %s", candidate.name, error)
            failed[candidate.name] = str(error)
    metrics = {
        "metric": model.task.metric,
        "reference": reference.score,
        "candidates": measured,
        "failed": failed,
    }
    session.finish(output_dir, metrics)
    return metrics


def _check_task(task):
    if task.decodes or not task.scored:
        raise ValueError(
            f"compress scores files of texts and words, but not of {task.name}; use "
            "distill, prune, convert-checkpoint and export one by one."
        )


def _choose(config, result):
    """Writes the best candidate; returns the report with its name.

    Raises:
        ValueError: none keeps the limits.
    """
    output_dir, limits = pathlib.Path(config.output_dir), config.limits
    measured = result["candidates"]
    if not measured:
        raise ValueError(
            "no candidate's file predicts what its model does: "
            + "; ".join(f"{name}: {why}" for name, why in result["failed"].items())
        )
    best = measuring.choose_best(measured, limits)
    report.draw_frontier(
        output_dir / "compression.png", measured, result["metric"], best
    )
    _log.info("%s", measuring.as_table(measured, result["metric"], best))
    if not best:
        nearest = min(measured, key=lambda name: measured[name]["size_mb"])
        figures = measured[nearest]
        raise ValueError(
            f"no candidate keeps {limits}. The smallest, {nearest}, has "
            f"{figures['size_mb']:.1f} MB, a drop of {figures['drop']:.2f} points and "
            f"{figures['p50_ms']:.1f} ms. Raise a limit, train longer, or add texts by "
            "transfer_file; the same command with other limits chooses again at once."
        )
    candidate = next(c for c in candidates.CANDIDATES if c.name == best)
    model = folders.resolve(config.model)
    if candidate.model:
        model = output_dir / "models" / candidate.model
    for source, name in (
        (model, "model"),
        (output_dir / "candidates" / best, "export"),
    ):
        run_folder.remove_folder(output_dir / name)
        with replacing_folder(output_dir / name) as beside:
            shutil.copytree(source, beside)
    return result | {"best": best}
