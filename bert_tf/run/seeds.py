"""Repeats a run with several seeds, which shows how much of a score is chance."""

import dataclasses
import logging
import pathlib

from bert_tf import intervals
from bert_tf.training import journal, run_folder

_log = logging.getLogger(__name__)


def run(finetune, config, training, *, flags, metric, writes=True):
    """Trains with `config.seeds` seeds, each in its own folder, and summarises the runs.

    The same call resumes a series that was interrupted. metrics.json beside the folders
    marks a finished one.

    Args:
        finetune: function(config, training) -> metrics of one run.
        config: dataclass with `seeds` and `output_dir`.
        training: dataclass with `seed`, that of the first run.
        flags: {name: value} of both, for flags.txt.
        metric: name of the score that decides which run is best.
        writes: False for a worker that only computes.

    Returns:
        The dict that `summarise` returns and metrics.json holds.
    """
    output_dir = pathlib.Path(config.output_dir)
    runs = {}
    for number in range(config.seeds):
        seed = training.seed + number
        name = f"seed_{seed}"
        _log.info("run %d of %d: %s.", number + 1, config.seeds, output_dir / name)
        runs[name] = finetune(
            dataclasses.replace(config, seeds=1, output_dir=str(output_dir / name)),
            dataclasses.replace(training, seed=seed),
        )
        # After the first run, because bad input must leave nothing behind.
        if writes:
            if training.overwrite_output_dir and not number:
                run_folder.clear(output_dir)
            journal.write_flags(output_dir, flags)
    metrics = summarise(runs, metric)
    if writes:
        journal.write_metrics(output_dir, metrics)
    return metrics


def summarise(runs, metric):
    """Summarises {folder: metrics} of several runs.

    Returns:
        dict with `runs`, the folders in order; `best_run`, the first one with the
        highest `metric`, if there was an evaluation; and for each scalar metric `mean`,
        `standard_deviation`, `interval_95` (Student's t) and `values`.
    """
    first = next(iter(runs.values()))
    summary = {"runs": list(runs)}
    if metric in first:
        summary["best_run"] = max(runs, key=lambda name: runs[name][metric])
    for name, value in first.items():
        if isinstance(value, (int, float)) and all(
            name in run for run in runs.values()
        ):
            values = [run[name] for run in runs.values()]
            summary[name] = intervals.student(values) | {"values": values}
    return summary


def run_folders(path):
    """Returns the folders of a finished series of runs, or else [path]."""
    metrics = pathlib.Path(path, "metrics.json")
    names = []
    if metrics.is_file():
        names = journal.read_metrics(metrics).get("runs")
    return [str(pathlib.Path(path, name)) for name in names or []] or [path]
