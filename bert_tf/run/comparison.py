"""Is one fine-tuned model better than another, or was it luck?

Both answer the same examples, so what is compared is paired, example by example (Dror
et al., 2018, "The hitchhiker's guide to testing statistical significance in NLP").
"""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf import intervals
from bert_tf.ground import at_least, require
from bert_tf.predictor import Model, task_name
from bert_tf.run.needs import columns_asked
from bert_tf.run.seeds import run_folders

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """Which two models to compare, on what."""

    model: str = ""  # Model folder, or the folder of a --seeds run.
    baseline: str = ""  # The same, what it is compared with.
    eval_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    text_column: str = ""  # Name, or place from 0; as in training if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    per_device_eval_batch_size: int = 128  # Examples at once.
    resamples: int = 10_000  # Sets of examples drawn for the interval.
    seed: int = 1  # Of the draws.

    def __post_init__(self):
        require(self, "model", "baseline", "eval_file")
        at_least(self, "per_device_eval_batch_size", 1)
        at_least(self, "resamples", 100)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one run answered to the examples."""

    task: object
    columns: dict
    outputs: np.ndarray
    score: float

    def score_of(self, indices):
        """The task's metric on some of the examples."""
        columns = {name: array[indices] for name, array in self.columns.items()}
        return self.task.score(columns, self.outputs[indices])[self.task.metric]

    def parts(self, name):
        """What the task's `hits` or `counts` gives; None where it has none."""
        parts = getattr(self.task, name, None)
        return parts and parts(self.columns, self.outputs)


def compare(config):
    """Compares two models on a labelled file by their task's main metric.

    Of a series over seeds all runs answer, and the mean of their scores counts.

    Args:
        config: `CompareConfig`.

    Returns:
        dict with `metric`, `examples`, `model` and `baseline` (scores), `difference`
        and its `interval_95` by paired bootstrap over the examples; for two single
        models whose metric is a mean over examples, `mcnemar` (see
        `intervals.mcnemar`); where both are series, `over_seeds` (each one's scores,
        and the interval of the difference by Student's t, paired where the seeds are
        the same, else Welch's); and `verdict`, which is logged, too.

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
    ours, theirs = ([_answer(path, config) for path in paths] for paths in folders)
    task = ours[0].task
    scores = [[answers.score for answers in side] for side in (ours, theirs)]
    model, baseline = map(float, map(np.mean, scores))
    draws = {"resamples": config.resamples, "seed": config.seed}
    result = {
        "metric": task.metric,
        "examples": len(ours[0].outputs),
        "model": model,
        "baseline": baseline,
        "difference": model - baseline,
        "interval_95": paired_interval(ours, theirs, **draws),
    }
    hits = [[answers.parts("hits") for answers in side] for side in (ours, theirs)]
    # Right or wrong, not how much of it: F1 of an answer is a mean, but not of hits.
    if len(ours) == len(theirs) == 1 and _are_yes_or_no(hits[0][0]):
        result["mcnemar"] = intervals.mcnemar(hits[0][0], hits[1][0])
    if len(ours) > 1 and len(theirs) > 1:
        names = [[pathlib.Path(path).name for path in paths] for paths in folders]
        result["over_seeds"] = _over_seeds(*scores, paired=names[0] == names[1])
    result["verdict"] = _verdict(config, result)
    _log.info("%s", result["verdict"])
    return result


def _answer(path, config):
    model = Model(path, batch_size=config.per_device_eval_batch_size)
    columns, outputs = model.outputs(config.eval_file, **columns_asked(config))
    score = model.task.score(columns, outputs)[model.task.metric]
    return Answers(model.task, columns, outputs, score)


def paired_interval(ours, theirs, **draws):
    """Interval of the difference of a task's metric, by bootstrap over the examples.

    Args:
        ours, theirs: lists of `Answers` to the same examples; of several runs the means
            of their scores are compared.
        draws: resamples and seed, see `intervals.bootstrap_mean`.

    Returns:
        [low, high].
    """

    def parts(name):
        return [[answers.parts(name) for answers in side] for side in (ours, theirs)]

    counts, hits = parts("counts"), parts("hits")
    if counts[0][0] is not None:
        return intervals.bootstrap_f1(*counts, **draws)
    if hits[0][0] is not None:
        gains = np.mean(hits[0], axis=0) - np.mean(hits[1], axis=0)
        return intervals.bootstrap_mean(gains, **draws)

    def mean_score(side, indices):
        return np.mean([answers.score_of(indices) for answers in side])

    return intervals.bootstrap(
        lambda drawn: mean_score(ours, drawn) - mean_score(theirs, drawn),
        len(ours[0].outputs),
        **draws,
    )


def _are_yes_or_no(hits):
    return hits is not None and np.isin(hits, (0, 1)).all()


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
    """One line: better, worse, or not to be told; and why."""

    def written(interval):
        return "[{:+.4f}, {:+.4f}]".format(*interval)

    found = {"examples": result["interval_95"]}
    reasons = [f"95% interval {written(result['interval_95'])} over examples"]
    if "over_seeds" in result:
        found["seeds"] = result["over_seeds"]["interval_95"]
        reasons.append(f"{written(found['seeds'])} over seeds")
    if "mcnemar" in result:
        reasons.append(f"McNemar's p {result['mcnemar']['p']:.2g}")
    if all(low > 0 for low, _ in found.values()):
        says = f"{config.model} is better than {config.baseline}"
    elif all(high < 0 for _, high in found.values()):
        says = f"{config.model} is worse than {config.baseline}"
    else:
        says = f"no clear difference between {config.model} and {config.baseline}"
    return (
        f"{says}: {result['metric']} {result['model']:.4f} against "
        f"{result['baseline']:.4f}, difference {result['difference']:+.4f}, "
        f"{', '.join(reasons)}."
    )
