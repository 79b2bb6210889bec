"""Compares the speed of fine-tuning in bert_tf, Hugging Face and keras_hub.

    python benchmarks/finetune.py --huggingface_python=PATH

Every engine trains on the same rows of SST-2 in the same order, in batches of 32, in
its own process. The engines run one at a time and take turns; the table shows medians
over the rounds. Run it on an idle machine.

The fraction of the matmul peak counts real tokens, with [CLS] and [SEP], and no
padding. The forward pass of an example with n tokens needs

    layers · (n · (8·H² + 4·H·I) + 4·n²·H) + 2·H²  operations

(query, key, value and output; the two feed-forward layers; attention scores and
weighted sums; the pooler). With the backward pass it is three times as much. The peak
is the rate of tf.matmul on the same machine in the same precision.
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
    "fraction of matmul peak",
]
ENGINES = ["bert_tf", "huggingface", "keras_hub"]
# {name: (engine, its arguments)}.
VARIANTS = {
    "bert_tf_checkpointing": ("bert_tf", ["--gradient_checkpointing"]),
    "huggingface_sdpa": ("huggingface", ["--attention=sdpa"]),
}

flags.DEFINE_list("engines", ENGINES, f"Engines to run; also {', '.join(VARIANTS)}.")
flags.DEFINE_integer("max_seq_length", 128, "Truncates to so many tokens.")
flags.DEFINE_list("precisions", ["fp32", "bf16"], "Precisions: fp32, bf16 or both.")
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("steps", 30, "Timed updates per run.", lower_bound=5)
flags.DEFINE_integer("warmup_steps", 5, "Updates before the timed ones.", lower_bound=1)
FLAGS = flags.FLAGS


def operations(config, lengths):
    """Returns the mean number of operations to train on an example.

    Args:
        config: content of config.json.
        lengths: tokens of each example, without padding.
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
    """Runs all rounds in one precision; returns {engine: [report of each round]}."""
    arguments = [
        f"--model={launch.model_folder()}",
        f"--batches={batches}",
        f"--warmup_steps={FLAGS.warmup_steps}",
        f"--max_seq_length={FLAGS.max_seq_length}",
        *(["--bf16"] if precision == "bf16" else []),
    ]
    reports = {engine: [] for engine in FLAGS.engines}
    for _ in range(FLAGS.rounds):
        for name in FLAGS.engines:
            engine, own = VARIANTS.get(name, (name, []))
            reports[name].append(launch.run(engine, *arguments, *own))
    return reports


def table(precision, reports, peak, config):
    """Yields a Markdown table row for each engine."""

    def median(engine, key):
        return statistics.median(report[key] for report in reports[engine])

    baseline = next((name for name in reports if name.startswith("huggingface")), "")
    for engine in reports:
        rate = median(engine, "examples_per_second")
        ratio = fraction = "-"
        if baseline:  # It reports the lengths, too.
            work = operations(config, reports[baseline][0]["lengths"])
            ratio = f"{rate / median(baseline, 'examples_per_second'):.2f}"
            fraction = f"{rate * work / (peak * 1e9):.0%}"
        memory = f"{median(engine, 'memory_growth_mb'):.0f}"
        cells = [engine, precision, f"{rate:.1f}", ratio, memory, fraction]
        yield launch.row(cells)


def main(_):
    with open(launch.model_folder() / "config.json", encoding="utf-8") as file:
        config = json.load(file)
    # {precision: GFLOP/s}.
    peaks = launch.run_module(FLAGS.bert_tf_python, "benchmarks.engines.matmul_peak")
    with tempfile.TemporaryDirectory() as folder:
        batches = os.path.join(folder, "batches.jsonl")
        launch.write_batches(batches, FLAGS.warmup_steps + FLAGS.steps)
        reports = {x: measure(x, batches) for x in FLAGS.precisions}

    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), sep="\n")
    for precision, by_engine in reports.items():
        print(*table(precision, by_engine, peaks[precision], config), sep="\n")
    rates = ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in peaks.items())
    print(f"\nPeak of tf.matmul with {FLAGS.threads} threads: {rates}.")
    for engine, (first, *_) in next(iter(reports.values())).items():
        print(f"{engine}:", ", ".join(f"{k} {v}" for k, v in first["versions"].items()))


if __name__ == "__main__":
    app.run(main)
