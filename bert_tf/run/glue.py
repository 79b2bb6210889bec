"""Fine-tunes on the tasks of GLUE with the same settings (Wang et al., 2019)."""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf.ground import require, setting
from bert_tf.predictor import Model
from bert_tf.run.finetuning import FinetuneConfig, finetune
from bert_tf.run.seeds import run_folders
from bert_tf.training import journal
from bert_tf.training.config import TrainConfig

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class GlueConfig:
    """Which model to fine-tune, on which tasks of GLUE."""

    model: str = setting(
        "",
        'Folder, "minilm", or a published name such as bert-base-uncased.',
        section="GLUE",
    )
    data_dir: str = setting(
        "", "Folder that holds SST-2, CoLA and so on, as published."
    )
    output_dir: str = setting(
        "", "Folder to write; finished tasks in it are not run again."
    )
    tasks: str = setting(
        "", "Tasks to run, such as CoLA,RTE. Empty: all that data_dir has."
    )
    max_seq_length: int = setting(
        128, "Longest example in tokens, [CLS] and [SEP] included."
    )
    seeds: int = setting(1, "Runs of each task, with the seeds seed, seed + 1, …")

    def __post_init__(self):
        require(self, "model", "data_dir", "output_dir")


@dataclasses.dataclass(frozen=True)
class _Task:
    """Names of the files of a GLUE task, best first, and of its metrics."""

    train: tuple[str, ...]
    evaluation: tuple[str, ...]
    metrics: tuple[str, ...]
    task: str = "classification"
    other: str = ""  # A second evaluation file.


_DEV, _TRAIN = ("dev.tsv", "dev_part.tsv"), ("train.tsv",)
GLUE = {
    "CoLA": _Task(_TRAIN, _DEV, ("mcc",)),
    "SST-2": _Task(_TRAIN, _DEV, ("accuracy",)),
    "MRPC": _Task(
        (*_TRAIN, "msr_paraphrase_train.txt"),
        (*_DEV, "msr_paraphrase_test.txt"),
        ("positive_f1", "accuracy"),
    ),
    "STS-B": _Task(
        (*_TRAIN, "sts-train.csv"),
        (*_DEV, "sts-dev.csv"),
        ("pearson", "spearman"),
        task="regression",
    ),
    "QQP": _Task(_TRAIN, _DEV, ("positive_f1", "accuracy")),
    "MNLI": _Task(
        _TRAIN, ("dev_matched.tsv",), ("accuracy",), other="dev_mismatched.tsv"
    ),
    "QNLI": _Task(_TRAIN, _DEV, ("accuracy",)),
    "RTE": _Task(_TRAIN, _DEV, ("accuracy",)),
    "WNLI": _Task(_TRAIN, _DEV, ("accuracy",)),
}


def run_glue(config, training=None):
    """Fine-tunes on each task in the folder, one after the other.

    Of a task without a development file, a tenth of the training file is held out.

    Args:
        config: `GlueConfig`.
        training: `TrainConfig` for all tasks.

    Returns:
        dict with `tasks`, {name: {metric: value, "score": mean of the metrics}}
        (fractions, means over the seeds), and `average`, the mean of the scores.

    Raises:
        ValueError, FileNotFoundError: no task is there, or the data of one are bad.
    """
    training = training or TrainConfig()
    files = find_tasks(config.data_dir, config.tasks)
    tasks = {}
    for name, (train, evaluation, other) in files.items():
        output_dir = pathlib.Path(config.output_dir, name)
        _log.info("%s: %s", name, train)
        finetuning = FinetuneConfig(
            model=config.model,
            task=GLUE[name].task,
            train_file=str(train),
            eval_file=str(evaluation or ""),
            eval_fraction=0.0 if evaluation else 0.1,
            max_seq_length=config.max_seq_length,
            seeds=config.seeds,
            output_dir=str(output_dir),
        )
        finetune(finetuning, training)
        scores = _scores(output_dir, GLUE[name], other)
        tasks[name] = scores | {"score": float(np.mean(list(scores.values())))}
    average = float(np.mean([scores["score"] for scores in tasks.values()]))
    result = {"tasks": tasks, "average": average}
    journal.write_metrics(pathlib.Path(config.output_dir), result)
    return result


def find_tasks(data_dir, tasks=""):
    """Returns {name: (training file, evaluation file or None, a second one or None)}.

    Args:
        data_dir: holds the folders; capitals and hyphens in their names do not matter.
        tasks: names with commas between; "" for all.
    """
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    for name in names:
        if name not in GLUE:
            raise ValueError(
                f"tasks must be among {', '.join(GLUE)}; received {name!r}."
            )
    root, available = pathlib.Path(data_dir), {}
    if not root.is_dir():
        raise FileNotFoundError(f"data_dir: there is no folder {data_dir}.")
    folders = {_plain(path.name): path for path in root.iterdir() if path.is_dir()}
    for name in names or GLUE:
        folder, files = folders.get(_plain(name)), GLUE[name]
        train = folder and _first(folder, files.train)
        if train:
            other = files.other and _first(folder, [files.other])
            available[name] = train, _first(folder, files.evaluation), other or None
        elif names:
            raise FileNotFoundError(
                f"{root}: no folder {name} with {' or '.join(files.train)}."
            )
        else:
            _log.info("skipped %s, which is not in %s.", name, root)
    if not available:
        raise FileNotFoundError(
            f"{root}: no folder of a GLUE task ({', '.join(GLUE)})."
        )
    return available


def as_table(result):
    """Returns a table of the scores in percent, one line for each task."""
    lines = []
    for name, scores in result["tasks"].items():
        parts = [f"{k} {100 * v:.1f}" for k, v in scores.items() if k != "score"]
        lines.append(f"{name:8}{100 * scores['score']:6.1f}   {', '.join(parts)}")
    lines.append(f"{'average':8}{100 * result['average']:6.1f}")
    return "\n".join(lines)


def _scores(output_dir, task, other):
    """Returns {metric: mean over the runs of a task}."""
    folders = run_folders(str(output_dir))
    runs = [
        journal.read_metrics(pathlib.Path(folder, "metrics.json")) for folder in folders
    ]
    scores = {name: [_metric(run, name) for run in runs] for name in task.metrics}
    if other:
        metrics = [Model(folder).evaluate(str(other)) for folder in folders]
        scores["accuracy_mismatched"] = [run["eval_accuracy"] for run in metrics]
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _metric(metrics, name):
    if name == "positive_f1":  # GLUE scores pairs by the F1 of label 1.
        return metrics["eval_per_class"]["1"]["f1"]
    return metrics[f"eval_{name}"]


def _first(folder, names):
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _plain(name):
    return "".join(filter(str.isalnum, name.lower()))
