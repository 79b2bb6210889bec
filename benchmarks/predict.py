"""How fast a fine-tuned BERT answers a file: bert_tf beside Hugging Face, one table.

    python benchmarks/predict.py --model=FOLDER --huggingface_python=PATH \
        --input_files=dev.tsv,ag_news.csv

FOLDER is what scripts/finetune.py wrote; both load it. Both go from texts in a file to
the names of labels in its order, tokenization included, each in its own process, one at
a time; engines take turns over the rounds and medians are printed. Run it on an idle
machine. Labels that differ are counted: rounding may tip an even balance, no more.
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
    "start to first end, s",
    "memory growth, MiB",
    "other labels",
]
ENGINES = ["bert_tf", "huggingface"]

flags.DEFINE_list("input_files", None, "Files of texts.", required=True)
flags.DEFINE_list("precisions", ["fp32", "bf16"], "fp32, bf16 or both.")
flags.DEFINE_integer("rounds", 3, "Turns of each engine.", lower_bound=1)
flags.DEFINE_integer("repeats", 3, "Timed answers a turn.", lower_bound=1)
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
    """Returns lines of Markdown, one for each engine."""
    seconds = {
        engine: statistics.median(time for turn in turns for time in turn["seconds"])
        for engine, turns in reports.items()
    }
    labels = {engine: turns[0]["labels"] for engine, turns in reports.items()}
    for engine, turns in reports.items():
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
                f"{statistics.median(turn['start_seconds'] for turn in turns):.1f}",
                f"{statistics.median(turn['memory_growth_mb'] for turn in turns):.0f}",
                str(sum(ours != theirs for ours, theirs in pairs)),
            ]
        )


def main(_):
    if FLAGS.model is None:
        raise app.UsageError("--model is missing: the folder of a fine-tuned model.")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(FLAGS.input_files):
            table = pathlib.Path(folder) / f"{number}.jsonl"
            records = read_table(path, with_labels=False).records
            launch.write_table(table, records)
            for precision in FLAGS.precisions:
                found += rows(
                    pathlib.Path(path).name, precision, measure(table, precision)
                )
    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *found, sep="\n")


if __name__ == "__main__":
    app.run(main)
