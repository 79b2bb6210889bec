"""Compares the speed of prediction from a file in bert_tf and Hugging Face.

    python benchmarks/predict.py --model=FOLDER --huggingface_python=PATH \
        --input_files=dev.tsv,ag_news.csv

Both engines load FOLDER, a model folder written by scripts/finetune.py. Both read texts
from a file and return names of labels in file order; the time includes tokenization.
Each runs in its own process, one at a time. Engines take turns; the table shows
medians. Run it on an idle machine. The table also counts labels that differ from
Hugging Face's, which should happen only where rounding decides between two nearly equal
scores.
"""

import pathlib
import statistics
import tempfile

import launch
from absl import app, flags

from bert_tf.data.records.readers import read_table

HEADER = [
    "file",
    "texts",
    "engine",
    "precision",
    "texts/s",
    "ratio to Hugging Face",
    "start to end of first prediction, s",
    "memory growth, MiB",
    "labels that differ",
]
ENGINES = ["bert_tf", "huggingface"]

flags.DEFINE_list("input_files", None, "Files of texts to predict.", required=True)
flags.DEFINE_list("precisions", ["fp32", "bf16"], "Precisions: fp32, bf16 or both.")
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("repeats", 3, "Timed predictions per run.", lower_bound=1)
FLAGS = flags.FLAGS


def measure(table, precision):
    """Returns {engine: [report of each round]}."""
    arguments = [
        f"--model={launch.model_folder()}",
        f"--input_file={table}",
        f"--repeats={FLAGS.repeats}",
        *(["--bf16"] if precision == "bf16" else []),
    ]
    reports = {engine: [] for engine in ENGINES}
    for _ in range(FLAGS.rounds):
        for engine in ENGINES:
            reports[engine].append(launch.run(engine, *arguments))
    return reports


def rows(name, precision, reports):
    """Yields a Markdown table row for each engine."""
    seconds = {
        engine: statistics.median(time for run in runs for time in run["seconds"])
        for engine, runs in reports.items()
    }
    labels = {engine: runs[0]["labels"] for engine, runs in reports.items()}
    for engine, runs in reports.items():
        count = len(labels[engine])
        pairs = zip(labels[engine], labels["huggingface"], strict=True)
        yield launch.row(
            [
                name,
                str(count),
                engine,
                precision,
                f"{count / seconds[engine]:.1f}",
                f"{seconds['huggingface'] / seconds[engine]:.2f}",
                f"{statistics.median(run['start_seconds'] for run in runs):.1f}",
                f"{statistics.median(run['memory_growth_mb'] for run in runs):.0f}",
                str(sum(ours != theirs for ours, theirs in pairs)),
            ]
        )


def main(_):
    if FLAGS.model is None:
        raise app.UsageError(
            "--model is missing: pass the folder of a fine-tuned model."
        )
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(FLAGS.input_files):
            table = pathlib.Path(folder) / f"{number}.jsonl"
            records = read_table(path, with_labels=False).records
            launch.write_table(table, records)
            for precision in FLAGS.precisions:
                lines += rows(
                    pathlib.Path(path).name, precision, measure(table, precision)
                )
    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")


if __name__ == "__main__":
    app.run(main)
