"""Compares the speed of exported models, from strings to labels, over all engines.

Of a folder of sentence-transformers, the speed of embedding texts.

    python benchmarks/inference.py --model=FOLDER --huggingface_python=PATH \
        --input_files=dev.tsv,ag_news.csv --results=EXPORTS

FOLDER is a model folder written by scripts/finetune.py. The script first exports it
into EXPORTS, unless an export is already there. Each engine runs in its own process,
one at a time, on the texts in file order. Engines take turns; the table shows medians.
"padded" and TFLite without "any length" compute --max_seq_length tokens for every text;
the others pad to the longest text of a batch. PATH is a Python executable that has
torch, transformers, onnx, onnxruntime, openvino and nncf; for embeddings
sentence-transformers[onnx] and fastembed. The Python of bert_tf also needs
ai-edge-litert and keras_hub.
"""

import pathlib
import statistics
import subprocess
import tempfile

import launch
import numpy as np
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
EMBEDDING_BASELINE = "sentence-transformers fp32"

flags.DEFINE_list("input_files", None, "Files of texts to predict.", required=True)
flags.DEFINE_string("results", None, "Folder for the exports.", required=True)
flags.DEFINE_list("batch_sizes", ["1", "32"], "Texts per call.")
flags.DEFINE_list("engines", None, "Names of engines to run. Default: all.")
flags.DEFINE_integer("most", 872, "Largest number of texts per file.", lower_bound=32)
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("max_seq_length", 128, "Largest number of tokens per text.")
FLAGS = flags.FLAGS


def list_own_engines(exports):
    """Returns {name: (Python executable, module, arguments)} of bert_tf."""
    python, saved, lite = FLAGS.bert_tf_python, "infer_saved_model", "infer_tflite"
    chosen = {
        "bert_tf fp32": (saved, "float32"),
        "bert_tf bf16": (saved, "bfloat16"),
        "bert_tf tflite int8": (lite, "int8"),
        "bert_tf tflite int8, any length": (lite, "int8_any_length"),
        "bert_tf light int8": ("infer_light", "int8_any_length"),
    }
    return {
        name: (python, module, [f"--model={exports / folder}"])
        for name, (module, folder) in chosen.items()
    }


def list_embedders(model):
    """Returns {name: (Python executable, module, arguments)} of the peers that embed."""
    python, module = FLAGS.huggingface_python, "infer_sentence_transformers"
    folder = f"--model={model}"
    return {
        EMBEDDING_BASELINE: (python, module, [folder]),
        "sentence-transformers onnx": (python, module, [folder, "--onnx"]),
        "sentence-transformers onnx int8": (
            python,
            module,
            [folder, "--onnx", "--int8"],
        ),
        "fastembed": (python, "infer_fastembed", [folder]),
    }


def list_classifiers(model):
    """Returns {name: (Python executable, module, arguments)} of the peers that classify."""
    theirs = FLAGS.huggingface_python
    huggingface, onnx = "infer_huggingface", "infer_onnxruntime"
    openvino = "infer_openvino"
    return {
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
        "openvino fp32": (theirs, openvino, [f"--model={model}"]),
        "openvino int8": (theirs, openvino, [f"--model={model}", "--int8"]),
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


def compare(ours, theirs):
    """Returns how far labels, or embeddings, of two engines differ, for a table."""
    pairs = list(zip(ours, theirs, strict=True))
    if isinstance(theirs[0], str):
        return str(sum(x != y for x, y in pairs))
    least = min(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y) for x, y in pairs)
    return f"{least:.5f}"


def rows(name, reports, baseline):
    """Yields a Markdown table row for each engine and batch size."""
    labels = {engine: runs[0]["labels"] for engine, runs in reports.items()}

    def median(engine, size, figure):
        return statistics.median(x["calls"][size][figure] for x in reports[engine])

    for size in FLAGS.batch_sizes:
        for engine in reports:
            rate = median(engine, size, "texts_per_second")
            base = median(baseline, size, "texts_per_second")
            yield launch.row(
                [
                    *(name, engine, size, f"{rate:.1f}", f"{rate / base:.2f}"),
                    f"{median(engine, size, 'p50_ms'):.1f}",
                    f"{median(engine, size, 'p99_ms'):.1f}",
                    compare(labels[engine], labels[baseline]),
                ]
            )


def main(_):
    model, exports = (
        launch.model_folder().resolve(),
        pathlib.Path(FLAGS.results).resolve(),
    )
    export(model, exports)
    embeds = (model / "modules.json").exists()
    baseline = EMBEDDING_BASELINE if embeds else BASELINE
    header = [*HEADER[:-1], "least cosine"] if embeds else HEADER
    peers = list_embedders(model) if embeds else list_classifiers(model)
    chosen = list_own_engines(exports) | peers
    if FLAGS.engines:
        chosen = {name: chosen[name] for name in [*FLAGS.engines, baseline]}
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
            lines += rows(pathlib.Path(path).name, reports, baseline)
    print(launch.row(header), launch.row(["---"] * len(header)), *lines, sep="\n")


if __name__ == "__main__":
    app.run(main)
