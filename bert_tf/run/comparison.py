"""Tells whether one fine-tuned model is better than another, or whether it is chance.

Both models predict the same examples, so the comparison is paired (Dror et al., 2018,
"The hitchhiker's guide to testing statistical significance in NLP").
"""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf import intervals
from bert_tf.data.records.options import TableOptions, reader_arguments
from bert_tf.ground import at_least, require, setting
from bert_tf.predictor import Model, task_name
from bert_tf.run.seeds import run_folders

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CompareConfig(TableOptions):
    """Which two models to compare, on which records."""

    model: str = setting("", "Model folder, or the folder of a run with several seeds.")
    baseline: str = setting("", "Folder of the model to compare it with.")
    eval_file: str = setting(
        "", "Records with labels: TSV, CSV, JSONL, Excel or Parquet."
    )
    per_device_eval_batch_size: int = setting(128, "Examples computed at once.")
    resamples: int = setting(10_000, "Bootstrap samples behind the interval.")
    seed: int = setting(1, "Seed of the bootstrap samples.")

    def __post_init__(self):
        self.check_files()
        require(self, "model", "baseline", "eval_file")
        at_least(self, "per_device_eval_batch_size", 1)
        at_least(self, "resamples", 100)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The outputs of one run for the N examples, and their score."""

    task: object
    columns: dict  # {name: array [N, …]}
    outputs: dict  # {name: array [N, …]}
    score: float

    @property
    def size(self):
        """The number of examples, N."""
        return len(next(iter(self.outputs.values())))

    def score_of(self, indices):
        """Returns the task's metric on the examples with these numbers."""
        columns, outputs = (
            {name: array[indices] for name, array in arrays.items()}
            for arrays in (self.columns, self.outputs)
        )
        return self.task.score(columns, outputs)[self.task.metric]

    def hits(self):
        """Returns what the task's `hits` returns: float [N], or None."""
        return self.task.hits(self.columns, self.outputs)

    def counts(self):
        """Returns what the task's `counts` returns: int [N, K], or None."""
        return self.task.counts(self.columns, self.outputs)


def compare(config):
    """Compares two models on a labelled file by their task's main metric.

    A series over seeds is compared by the mean score of its runs.

    Args:
        config: `CompareConfig`.

    Returns:
        dict with `metric`, `examples`, `model` and `baseline` (scores), `difference`
        and its `interval_95` by paired bootstrap over the examples; for two single
        models that are right or wrong on each example, `mcnemar` (see
        `intervals.mcnemar`); for two series, `over_seeds` (the scores of both, and the
        interval of the difference: Student's t, paired, if the seeds are the same, else
        Welch's); and `verdict`, a sentence that is also logged.

    Raises:
        ValueError, FileNotFoundError: no such model or file, or different tasks.
    """
    folders = [run_folders(path) for path in (config.model, config.baseline)]
    names = [task_name(paths[0]) for paths in folders]
    if names[0] != names[1]:
        raise ValueError(
            f"{config.model} was trained for {names[0]}, {config.baseline} for "
            f"{names[1]}; compare models of one task."
        )
    ours, theirs = ([_evaluate(path, config) for path in paths] for paths in folders)
    task = ours[0].task
    scores = [[run.score for run in side] for side in (ours, theirs)]
    model, baseline = map(float, map(np.mean, scores))
    draws = {"resamples": config.resamples, "seed": config.seed}
    result = {
        "metric": task.metric,
        "examples": ours[0].size,
        "model": model,
        "baseline": baseline,
        "difference": model - baseline,
        "interval_95": paired_interval(ours, theirs, **draws),
    }
    if len(ours) == len(theirs) == 1:
        hits = [ours[0].hits(), theirs[0].hits()]
        # The F1 of a question is a mean over examples, too, but not of 0 and 1.
        if hits[0] is not None and np.isin(hits[0], (0, 1)).all():
            result["mcnemar"] = intervals.mcnemar(*hits)
    if len(ours) > 1 and len(theirs) > 1:
        names = [[pathlib.Path(path).name for path in paths] for paths in folders]
        result["over_seeds"] = _over_seeds(*scores, paired=names[0] == names[1])
    result["verdict"] = _verdict(config, result)
    _log.info("%s", result["verdict"])
    return result


def _evaluate(path, config):
    model = Model(path, batch_size=config.per_device_eval_batch_size)
    columns, outputs = model.outputs(config.eval_file, **reader_arguments(config))
    score = model.task.score(columns, outputs)[model.task.metric]
    return Evaluation(model.task, columns, outputs, score)


def paired_interval(ours, theirs, **draws):
    """Returns the interval of the difference of a metric, by bootstrap over examples.

    Args:
        ours, theirs: lists of `Evaluation` on the same examples; the mean score of each
            list is compared.
        draws: resamples and seed, see `intervals.bootstrap_mean`.

    Returns:
        [low, high].
    """

    counts = [[run.counts() for run in side] for side in (ours, theirs)]
    if counts[0][0] is not None:
        score = ours[0].task.score_counts
        return intervals.bootstrap_counts(*counts, score, **draws)
    hits = [[run.hits() for run in side] for side in (ours, theirs)]
    if hits[0][0] is not None:
        gains = np.mean(hits[0], axis=0) - np.mean(hits[1], axis=0)
        return intervals.bootstrap_mean(gains, **draws)

    def mean_score(side, indices):
        return np.mean([run.score_of(indices) for run in side])

    return intervals.bootstrap(
        lambda drawn: mean_score(ours, drawn) - mean_score(theirs, drawn),
        ours[0].size,
        **draws,
    )


def _over_seeds(ours, theirs, paired):
    if paired:
        interval = intervals.student(np.subtract(ours, theirs))["interval_95"]
    else:
        interval = intervals.welch(ours, theirs)
    return {
        "model": ours,
        "baseline": theirs,
        "paired": paired,
        "interval_95": interval,
    }


def _verdict(config, result):
    """Returns one line: whether the model is better, and the intervals that show it."""
    intervals_95 = {"examples": result["interval_95"]}
    if "over_seeds" in result:
        intervals_95["seeds"] = result["over_seeds"]["interval_95"]
    shown = [
        f"[{low:+.4f}, {high:+.4f}] over {items}"
        for items, (low, high) in intervals_95.items()
    ]
    reasons = ["95% interval " + ", ".join(shown)]
    if "mcnemar" in result:
        reasons.append(f"McNemar's p {result['mcnemar']['p']:.2g}")
    if all(low > 0 for low, _ in intervals_95.values()):
        verdict = f"{config.model} is better than {config.baseline}"
    elif all(high < 0 for _, high in intervals_95.values()):
        verdict = f"{config.model} is worse than {config.baseline}"
    else:
        verdict = f"no clear difference between {config.model} and {config.baseline}"
    return (
        f"{verdict}: {result['metric']} {result['model']:.4f} against "
        f"{result['baseline']:.4f}, difference {result['difference']:+.4f}, "
        f"{', '.join(reasons)}."
    )
