"""Compares the speed of embedding many texts, from strings to a file, and times searches.

    python benchmarks/index.py --huggingface_python=PATH --results=FOLDER \
        --input_file=texts.txt

The texts are the first --most different lines of the file, and the queries the next
--queries. bert_tf makes an index by its command, whose start, texts on disk and fingerprints
count; of the others the time from loading the model to the file of vectors counts, with
their defaults. PATH is a Python executable that has sentence-transformers, fastembed and
onnx. "int8" is an index by a TFLite export. Finished runs are kept under --results.
"""

import itertools
import json
import pathlib
import re
import subprocess
import sys
import time

import launch
import numpy as np
from absl import app, flags

OURS = {  # {name: flags of the command}.
    "bert_tf": [],
    "bert_tf bf16": ["--bf16"],
    "bert_tf int8": [],
}
PEERS = {
    "sentence-transformers": "index_sentence_transformers",
    "fastembed": "index_fastembed",
}
SEARCHES = {
    "dense": {},
    "dense, approximate": {"approximate": True},
    "bm25": {"method": "bm25"},
    "hybrid": {"method": "hybrid"},
}

flags.DEFINE_string("input_file", None, "Texts, one a line.", required=True)
flags.DEFINE_string("results", None, "Folder for indexes and reports.", required=True)
flags.DEFINE_integer("most", 100_000, "Texts to index.")
flags.DEFINE_integer("queries", 200, "Queries to search for.")
flags.DEFINE_integer("max_seq_length", 128, "Largest number of tokens per text.")
flags.DEFINE_list("engines", [*OURS, *PEERS], "Names of engines to run.")
FLAGS = flags.FLAGS


def write_texts(folder):
    """Writes texts.txt and queries.txt."""
    with open(FLAGS.input_file, encoding="utf-8") as lines:
        texts = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(texts) < FLAGS.most + FLAGS.queries:
        raise ValueError(
            f"{FLAGS.input_file} has {len(texts):,} different lines, which is fewer than "
            f"--most={FLAGS.most} and --queries={FLAGS.queries}."
        )
    parts = iter(texts)
    for name, size in (("texts.txt", FLAGS.most), ("queries.txt", FLAGS.queries)):
        part = "".join(f"{text}\n" for text in itertools.islice(parts, size))
        (folder / name).write_text(part, encoding="utf-8")


def run_command(*arguments):
    """Runs a script of bert_tf; returns its log and the seconds."""
    command = [FLAGS.bert_tf_python, *arguments]
    print(*command, file=sys.stderr)
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=launch.ROOT, check=True, capture_output=True, text=True
    )
    return done.stderr, time.perf_counter() - begin


def index(name, folder):
    """Makes an index; returns the seconds, and the texts/s of embedding alone."""
    model = launch.model_folder()
    if name.endswith("int8"):
        model = folder / "export"
        if not model.exists():
            run_command(
                *("scripts/export.py", f"--model={launch.model_folder()}"),
                *(f"--output_dir={model}", "--task=similarity", "--format=tflite"),
                *("--quantize=int8", "--dynamic_length"),
                f"--max_seq_length={FLAGS.max_seq_length}",
            )
    length = (
        [] if name.endswith("int8") else [f"--max_seq_length={FLAGS.max_seq_length}"]
    )
    log, seconds = run_command(
        *("scripts/index.py", f"--model={model}", *OURS[name], *length),
        f"--corpus_file={folder / 'texts.txt'}",
        f"--output_dir={folder / name}",
    )
    (rate,) = re.findall(r"(\d+) a second", log)
    return {"seconds": seconds, "embedding_rate": float(rate)}


def run(name, folder):
    """Returns the report of an engine, of an earlier run if there is one."""
    path = folder / f"{name}.json"
    if not path.exists():
        if name in OURS:
            report = index(name, folder)
        else:
            report = launch.run_module(
                FLAGS.huggingface_python,
                f"benchmarks.engines.{PEERS[name]}",
                f"--model={launch.model_folder()}",
                f"--input_file={folder / 'texts.txt'}",
                f"--vectors={folder / name}.npy",
                f"--max_seq_length={FLAGS.max_seq_length}",
            )
        path.write_text(json.dumps(report), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def read_vectors(name, folder):
    path = folder / name / "vectors.npy" if name in OURS else folder / f"{name}.npy"
    vectors = np.load(path, mmap_mode="r")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def print_indexing(folder):
    """Prints the speed of each engine, and how far its vectors are from the first's."""
    print("| engine | texts/s | s | embedding alone, texts/s | least cosine |")
    print("|---|---|---|---|---|")
    first = None
    for name in FLAGS.engines:
        report = run(name, folder)
        vectors = read_vectors(name, folder)
        first = vectors if first is None else first
        least = np.einsum("nd,nd->n", vectors, first).min()
        seconds, alone = report["seconds"], report["embedding_rate"]
        print(
            f"| {name} | {FLAGS.most / seconds:.0f} | {seconds:.0f} | {alone:.0f} "
            f"| {least:.5f} |",
            flush=True,
        )


def print_searches(folder):
    """Prints how long searches of the first index take, and what the graph finds."""
    report = launch.run_module(
        FLAGS.bert_tf_python,
        "benchmarks.engines.search_bert_tf",
        f"--model={folder / FLAGS.engines[0]}",
        f"--input_file={folder / 'queries.txt'}",
        f"--searches={json.dumps(SEARCHES)}",
    )
    print("\n| search | p50, ms | p99, ms | opening, s | recall@10 |")
    print("|---|---|---|---|---|")
    for name, row in report["searches"].items():
        recall = f"{row['recall']:.4f}" if "recall" in row else ""
        print(
            f"| {name} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} "
            f"| {row['open_seconds']:.1f} | {recall} |"
        )


def main(_):
    folder = pathlib.Path(FLAGS.results).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_texts(folder)
    print_indexing(folder)
    print_searches(folder)


if __name__ == "__main__":
    app.run(main)
