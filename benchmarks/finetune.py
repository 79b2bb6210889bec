"""How fast BERT is fine-tuned: bert_tf beside Hugging Face and keras_hub, one table.

    python benchmarks/finetune.py --huggingface_python=PATH

Every engine trains the same rows of SST-2 in the same order, in batches of 32, in its
own process, one at a time; the engines take turns over the rounds and medians over the
rounds are printed. Run it on an idle machine.

The share of the matmul peak credits real tokens only, [CLS] and [SEP] counted: work on
padding is waste, not merit. An example of n tokens takes forward

    layers · (n · (8·H² + 4·H·I) + 4·n²·H) + 2·H²  operations

(query, key, value and output; the two feed-forward layers; scores and mixing; the
pooler), and three times that with the backward pass. The peak is what tf.matmul reaches
on the same machine at the same precision.
"""

import json
import os
import statistics
import tempfile

import launch
from absl import app, flags

HEADER = [
    "engine",
    "precision",
    "examples/s",
    "ratio to Hugging Face",
    "memory growth, MiB",
    "share of matmul peak",
]
ENGINES = ["bert_tf", "huggingface", "keras_hub"]

flags.DEFINE_list("engines", ENGINES, "Who takes part.")
flags.DEFINE_list("precisions", ["fp32", "bf16"], "fp32, bf16 or both.")
flags.DEFINE_integer("rounds", 3, "Turns of each engine.", lower_bound=1)
flags.DEFINE_integer("steps", 30, "Timed updates a turn.", lower_bound=5)
flags.DEFINE_integer("warmup_steps", 5, "Updates before them.", lower_bound=1)
FLAGS = flags.FLAGS


def operations(config, lengths):
    """Returns the mean floating point operations of training on an example.

    Args:
        config: dict of config.json.
        lengths: real tokens of each example.
    """
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    per_token = 8 * hidden**2 + 4 * hidden * inner
    forward = statistics.mean(
        config["num_hidden_layers"] * (n * per_token + 4 * n**2 * hidden)
        + 2 * hidden**2
        for n in lengths
    )
    return 3 * forward


def measure(precision, batches):
    """Runs all rounds at one precision; returns {engine: [report of each round]}."""
    arguments = [
        f"--model={launch.model_folder()}",
        f"--batches={batches}",
        f"--warmup_steps={FLAGS.warmup_steps}",
        *(["--bf16"] if precision == "bf16" else []),
    ]
    reports = {engine: [] for engine in FLAGS.engines}
    for _ in range(FLAGS.rounds):
        for engine in FLAGS.engines:
            reports[engine].append(launch.run(engine, *arguments))
    return reports


def table(precision, reports, peak, config):
    """Returns lines of Markdown, one for each engine."""

    def median(engine, key):
        return statistics.median(report[key] for report in reports[engine])

    huggingface = reports.get("huggingface")
    for engine in reports:
        rate = median(engine, "examples_per_second")
        ratio = share = "-"
        if huggingface:  # It is what the others are compared with, and counts tokens.
            work = operations(config, huggingface[0]["lengths"])
            ratio = f"{rate / median('huggingface', 'examples_per_second'):.2f}"
            share = f"{rate * work / (peak * 1e9):.0%}"
        memory = f"{median(engine, 'memory_growth_mb'):.0f}"
        cells = [engine, precision, f"{rate:.1f}", ratio, memory, share]
        yield launch.row(cells)


def main(_):
    with open(launch.model_folder() / "config.json", encoding="utf-8") as file:
        config = json.load(file)
    # GFLOP/s by precision.
    peaks = launch.run_module(FLAGS.bert_tf_python, "benchmarks.engines.matmul_peak")
    with tempfile.TemporaryDirectory() as folder:
        batches = os.path.join(folder, "batches.jsonl")
        launch.write_batches(batches, FLAGS.warmup_steps + FLAGS.steps)
        reports = {kind: measure(kind, batches) for kind in FLAGS.precisions}

    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), sep="\n")
    for kind, found in reports.items():
        print(*table(kind, found, peaks[kind], config), sep="\n")
    rates = ", ".join(f"{kind} {rate:.0f} GFLOP/s" for kind, rate in peaks.items())
    print(f"\ntf.matmul peak on {FLAGS.threads} threads: {rates}.")
    for engine, (first, *_) in next(iter(reports.values())).items():
        print(f"{engine}:", ", ".join(f"{k} {v}" for k, v in first["versions"].items()))


if __name__ == "__main__":
    app.run(main)
