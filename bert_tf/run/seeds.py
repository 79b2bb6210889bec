"""The same run with several seeds: how much of a score is luck."""

import dataclasses
import json
import logging
import pathlib

from bert_tf import intervals
from bert_tf.training import journal

_log = logging.getLogger(__name__)


def run(finetune, config, training, *, flags, metric, writes=True):
    """Runs `config.seeds` times, each in a folder of its own, and sums up.

    An interrupted series goes on where it was; metrics.json beside the folders says
    that it is finished.

    Args:
        finetune: function(config, training) -> metrics; one run.
        config: dataclass with `seeds` and `output_dir`.
        training: dataclass with `seed`, the first one.
        flags: {name: value} of both, for flags.txt.
        metric: name of the score that says which run is best.
        writes: False for a worker that only computes.

    Returns:
        What `summarise` returns, as metrics.json holds it.
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
        # Not before: bad input must leave nothing behind.
        if writes:
            journal.write_flags(output_dir, flags)
    metrics = summarise(runs, metric)
    if writes:
        journal.write_metrics(output_dir, metrics)
    return metrics


def summarise(runs, metric):
    """Sums up {folder: metrics} of several runs.

    Returns:
        dict with `runs`, the folders in order; `best_run`, the one whose `metric` is
        highest (the first of equals; none without evaluation); and for each scalar
        metric `mean`, `standard_deviation`, `interval_95` (Student's t) and `values`.
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
    """Returns the folders of a finished series of runs; else what was given, alone."""
    metrics = pathlib.Path(path, "metrics.json")
    names = []
    if metrics.is_file():
        names = json.loads(metrics.read_text(encoding="utf-8")).get("runs")
    return [str(pathlib.Path(path, name)) for name in names or []] or [path]
