"""Compares the speed of exported models, from strings to labels, over all engines.

    python benchmarks/inference.py --model=FOLDER --huggingface_python=PATH \
        --input_files=dev.tsv,ag_news.csv --results=EXPORTS

FOLDER is a model folder written by scripts/finetune.py. The script first exports it
into EXPORTS, unless an export is already there. Each engine runs in its own process,
one at a time, on the texts in file order. Engines take turns; the table shows medians.
"padded" and TFLite without "any length" compute --max_seq_length tokens for every text;
the others pad to the longest text of a batch. PATH is a Python executable that has
torch, transformers, onnx and onnxruntime. The Python of bert_tf also needs
ai-edge-litert and keras_hub.
"""

import pathlib
import statistics
import subprocess
import tempfile

import launch
from absl import app, flags

from bert_tf.data.records.readers import read_table

HEADER = [
    "file",
    "engine",
    "batch",
    "texts/s",
    "ratio",
    "p50, ms",
    "p99, ms",
    "labels that differ",
]
BASELINE = "huggingface fp32"

flags.DEFINE_list("input_files", None, "Files of texts to predict.", required=True)
flags.DEFINE_string("results", None, "Folder for the exports.", required=True)
flags.DEFINE_list("batch_sizes", ["1", "32"], "Texts per call.")
flags.DEFINE_list("engines", None, "Names of engines to run. Default: all.")
flags.DEFINE_integer("most", 872, "Largest number of texts per file.", lower_bound=32)
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("max_seq_length", 128, "Largest number of tokens per text.")
FLAGS = flags.FLAGS


def list_engines(model, exports):
    """Returns {name: (Python executable, module, arguments)}."""
    ours, theirs = FLAGS.bert_tf_python, FLAGS.huggingface_python
    saved, lite = "infer_saved_model", "infer_tflite"
    huggingface, onnx = "infer_huggingface", "infer_onnxruntime"
    return {
        "bert_tf fp32": (ours, saved, [f"--model={exports / 'float32'}"]),
        "bert_tf bf16": (ours, saved, [f"--model={exports / 'bfloat16'}"]),
        "bert_tf tflite int8": (ours, lite, [f"--model={exports / 'int8'}"]),
        "bert_tf tflite int8, any length": (
            ours,
            lite,
            [f"--model={exports / 'int8_any_length'}"],
        ),
        BASELINE: (theirs, huggingface, [f"--model={model}"]),
        "huggingface bf16": (theirs, huggingface, [f"--model={model}", "--bf16"]),
        "huggingface pipeline": (
            theirs,
            huggingface,
            [f"--model={model}", "--pipeline"],
        ),
        "keras_hub predict": (
            FLAGS.keras_hub_python,
            "infer_keras_hub",
            [f"--model={model}"],
        ),
        "onnxruntime fp32": (theirs, onnx, [f"--model={model}"]),
        "onnxruntime int8": (theirs, onnx, [f"--model={model}", "--int8"]),
        "onnxruntime int8, padded": (
            theirs,
            onnx,
            [f"--model={model}", "--int8", "--pad"],
        ),
    }


def export(model, exports):
    """Writes a SavedModel in each precision and two TFLite files unless they exist."""
    for name, options in {
        "float32": ["--format=saved_model"],
        "bfloat16": ["--format=saved_model", "--dtype=bfloat16"],
        "int8": ["--format=tflite", "--quantize=int8"],
        "int8_any_length": ["--format=tflite", "--quantize=int8", "--dynamic_length"],
    }.items():
        if (exports / name).exists():
            continue
        command = [
            *(FLAGS.bert_tf_python, "scripts/export.py", f"--model={model}"),
            *(f"--output_dir={exports / name}", *options),
            f"--max_seq_length={FLAGS.max_seq_length}",
        ]
        subprocess.run(command, cwd=launch.ROOT, check=True)


def rows(name, reports):
    """Yields a Markdown table row for each engine and batch size."""
    labels = {engine: runs[0]["labels"] for engine, runs in reports.items()}

    def median(engine, size, figure):
        return statistics.median(x["calls"][size][figure] for x in reports[engine])

    for size in FLAGS.batch_sizes:
        for engine in reports:
            rate = median(engine, size, "texts_per_second")
            base = median(BASELINE, size, "texts_per_second")
            pairs = zip(labels[engine], labels[BASELINE], strict=True)
            yield launch.row(
                [
                    *(name, engine, size, f"{rate:.1f}", f"{rate / base:.2f}"),
                    f"{median(engine, size, 'p50_ms'):.1f}",
                    f"{median(engine, size, 'p99_ms'):.1f}",
                    str(sum(ours != theirs for ours, theirs in pairs)),
                ]
            )


def main(_):
    model, exports = (
        launch.model_folder().resolve(),
        pathlib.Path(FLAGS.results).resolve(),
    )
    export(model, exports)
    chosen = list_engines(model, exports)
    if FLAGS.engines:
        chosen = {name: chosen[name] for name in [*FLAGS.engines, BASELINE]}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(FLAGS.input_files):
            table = pathlib.Path(folder) / f"{number}.jsonl"
            launch.write_table(table, read_table(path, with_labels=False).records)
            reports = {name: [] for name in chosen}
            for _ in range(FLAGS.rounds):
                for name, (python, module, arguments) in chosen.items():
                    reports[name].append(
                        launch.run_module(
                            python,
                            f"benchmarks.engines.{module}",
                            *arguments,
                            f"--input_file={table}",
                            f"--infer={','.join(FLAGS.batch_sizes)}",
                            f"--most={FLAGS.most}",
                            f"--max_seq_length={FLAGS.max_seq_length}",
                        )
                    )
            lines += rows(pathlib.Path(path).name, reports)
    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")


if __name__ == "__main__":
    app.run(main)
