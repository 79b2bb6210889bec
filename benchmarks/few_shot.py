"""Compares few-shot training in bert_tf and in setfit on the same draws of examples.

    python benchmarks/few_shot.py --huggingface_python=PATH \
        --input_files=sst2/train.tsv,ag_news/train.csv,trec/train_5500.label \
        --test_files=sst2/dev.tsv,, --results=FOLDER

A draw has --examples texts of each label. All engines train on the same draws from the same
encoder, each with its own defaults, and predict the same texts: --most of the test file, or,
where none is given, of the texts of the input file, which are then in no draw. "setfit" makes
all pairs of examples, its default, and "setfit_20" draws 20 pairs of each kind for each
example, as in the paper. PATH is a Python executable that has setfit. Finished runs are kept
under --results.

The engines read --train_file, JSON lines of draws, lists of {"text", "label"}, and the texts
of --eval_file, JSON lines too; they report predictions, a list of labels for each draw, and
seconds, of the training of each.
"""

import json
import pathlib
import random
import statistics

import launch
import numpy as np
from absl import app, flags

from bert_tf import intervals
from bert_tf.data.records.readers import read_table

HEADER = [
    *("data", "engine", "accuracy, mean", "standard deviation"),
    *("difference, points", "95 % interval over draws", "s a draw"),
]
ENGINES = {  # {name: module and arguments}.
    "bert_tf": ("few_shot_bert_tf", []),
    "setfit": ("few_shot_setfit", []),
    "setfit_20": ("few_shot_setfit", ["--num_iterations=20"]),
}
GROUP = 1  # Draws that an engine trains on before the next has its turn.

flags.DEFINE_list("input_files", None, "Tables to draw examples from.", required=True)
flags.DEFINE_list("test_files", [], "Tables to test on, one for each; empty: the same.")
flags.DEFINE_string("results", None, "Folder for data and reports.", required=True)
flags.DEFINE_integer("examples", 8, "Examples of each label.")
flags.DEFINE_integer("draws", 10, "Draws of examples, seeds 1, 2, ….")
flags.DEFINE_integer("most", 1000, "Largest number of texts to test on.")
flags.DEFINE_string("training", "{}", "JSON of fields of bert_tf's TrainConfig.")
flags.DEFINE_list("engines", list(ENGINES), "Engines to run.")
FLAGS = flags.FLAGS


def read_records(path):
    """Returns {"text", "label"} of a table, each text once."""
    records = {r["text"]: str(r["label"]) for r in read_table(path).records}
    return [{"text": text, "label": label} for text, label in records.items()]


def draw_examples(records, seed):
    """Returns --examples records of each label, in random order."""
    draw = random.Random(seed)
    chosen = []
    for label in sorted({record["label"] for record in records}):
        own = [record for record in records if record["label"] == label]
        chosen += draw.sample(own, FLAGS.examples)
    draw.shuffle(chosen)
    return chosen


def write_data(folder, path, test_path):
    """Writes the draws in groups, and test.jsonl; returns the records to test on."""
    folder.mkdir(parents=True, exist_ok=True)
    records = read_records(path)
    if test_path:
        tested = read_records(test_path)
        known = {record["text"] for record in tested}
        records = [record for record in records if record["text"] not in known]
        tested = random.Random(0).sample(tested, min(FLAGS.most, len(tested)))
    else:
        random.Random(0).shuffle(records)
        tested, records = records[: FLAGS.most], records[FLAGS.most :]
    for first in range(1, FLAGS.draws + 1, GROUP):
        seeds = range(first, min(first + GROUP, FLAGS.draws + 1))
        draws = [draw_examples(records, seed) for seed in seeds]
        launch.write_table(folder / f"draws_{first}.jsonl", draws)
    launch.write_table(folder / "test.jsonl", tested)
    return tested


def run(engine, folder, first):
    """Runs an engine on a group of draws unless its report exists; returns the report."""
    path = folder / f"{engine}_{first}.json"
    if not path.exists():
        ours = engine == "bert_tf"
        python = FLAGS.bert_tf_python if ours else FLAGS.huggingface_python
        module, arguments = ENGINES[engine]
        report = launch.run_module(
            python,
            f"benchmarks.engines.{module}",
            *arguments,
            f"--model={launch.model_folder()}",
            f"--train_file={folder / f'draws_{first}.jsonl'}",
            f"--eval_file={folder / 'test.jsonl'}",
            *([f"--training={FLAGS.training}"] if ours else []),
        )
        path.write_text(json.dumps(report), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def rows(name, tested, reports):
    """Yields a row of the table for each engine."""
    labels = np.array([record["label"] for record in tested])
    accuracy, seconds = {}, {}
    for engine, own in reports.items():
        predicted = np.array([row for report in own for row in report["predictions"]])
        accuracy[engine] = (predicted == labels).mean(axis=1)
        seconds[engine] = [value for report in own for value in report["seconds"]]
    base = accuracy.get("setfit")
    for engine, own in accuracy.items():
        cells = ["", ""]
        if base is not None and engine != "setfit":
            interval = intervals.student(own - base)["interval_95"]
            low, high = (100 * x for x in interval)
            cells = [f"{100 * (own - base).mean():+.2f}", f"{low:+.2f} to {high:+.2f}"]
        yield launch.row(
            [
                *(name, engine, f"{own.mean():.4f}", f"{own.std(ddof=1):.4f}", *cells),
                f"{statistics.median(seconds[engine]):.1f}",
            ]
        )


def main(_):
    lines = []
    tests = FLAGS.test_files + [""] * (len(FLAGS.input_files) - len(FLAGS.test_files))
    for path, test_path in zip(FLAGS.input_files, tests, strict=True):
        name = pathlib.Path(path).resolve().parent.name
        folder = (pathlib.Path(FLAGS.results) / name).resolve()
        tested = write_data(folder, path, test_path)
        reports = {engine: [] for engine in FLAGS.engines}
        for first in range(1, FLAGS.draws + 1, GROUP):
            for engine, own in reports.items():
                own.append(run(engine, folder, first))
        lines += rows(name, tested, reports)
    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")


if __name__ == "__main__":
    app.run(main)
