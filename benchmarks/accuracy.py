"""Does fine-tuning here reach the accuracy that Hugging Face reaches? Both, with intervals.

    python benchmarks/accuracy.py --huggingface_python=PATH

10,000 training rows of SST-2, 3 epochs, learning rate 5e-5 with 10 % warm-up, dropout
0.1, several seeds; scored on the whole development set after the last epoch. Results
read from files are not run again; what is run is kept under --results.

Two intervals of the difference (ours minus theirs) answer two questions. Welch's over
the seeds: would other seeds say the same, on these development rows? The paired
bootstrap over the rows: would other development rows say the same, of these models?
"""

import json
import os
import statistics

import launch
import numpy as np
from absl import app, flags
from scipy import stats

ENGINES = ["bert_tf", "huggingface"]  # The difference is the first minus the second.
TRAINING_ROWS = 10_000
RESAMPLES = 10_000

flags.DEFINE_list("seeds", ["1", "2", "3"], "Seeds of training; two at least.")
flags.DEFINE_string("results", None, "Folder of ENGINE_seedN.json.", required=True)
FLAGS = flags.FLAGS


def subset():
    """Writes the training rows once; returns their file."""
    path = os.path.join(FLAGS.results, "train.tsv")
    header, rows = launch.shuffled_rows(FLAGS.train_file, seed=0)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([header, *rows[:TRAINING_ROWS]]) + "\n")
    return path


def result(engine, seed):
    """Returns an engine's report for a seed: read where it exists, else made."""
    path = os.path.join(FLAGS.results, f"{engine}_seed{seed}.json")
    if not os.path.exists(path):
        report = launch.run(
            engine,
            f"--model={launch.model_folder()}",
            f"--train_file={subset()}",
            f"--eval_file={FLAGS.eval_file}",
            f"--seed={seed}",
        )
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report, file)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def welch_interval(first, second):
    """Returns the 95 % interval of the difference of mean accuracies over seeds."""
    test = stats.ttest_ind(first, second, equal_var=False)
    return tuple(test.confidence_interval(0.95))


def bootstrap_interval(first, second, seed=0):
    """Returns the 95 % interval of the difference over resampled development rows.

    Args:
        first, second: correctness, 0 or 1, [seeds, rows]; a row of the development set
            is drawn with the answers of all models to it.
    """
    difference = np.mean(first, axis=0) - np.mean(second, axis=0)  # [rows]
    draw = np.random.default_rng(seed).integers
    rows = len(difference)
    means = [difference[draw(rows, size=rows)].mean() for _ in range(RESAMPLES)]
    return tuple(np.quantile(means, [0.025, 0.975]))


def main(_):
    if len(FLAGS.seeds) < 2:
        raise app.UsageError(f"--seeds needs two or more; received {FLAGS.seeds}.")
    os.makedirs(FLAGS.results, exist_ok=True)
    reports = {e: [result(e, seed) for seed in FLAGS.seeds] for e in ENGINES}
    accuracies = {e: [r["eval_accuracies"][-1] for r in reports[e]] for e in ENGINES}
    for engine, values in accuracies.items():
        mean, deviation = statistics.mean(values), statistics.stdev(values)
        listed = ", ".join(f"{value:.4f}" for value in values)
        print(
            f"{engine}: {listed}; mean {mean:.4f}, standard deviation {deviation:.4f}"
        )
    ours, theirs = accuracies.values()
    correct = [[r["correct"] for r in reports[engine]] for engine in ENGINES]
    print(f"difference: {statistics.mean(ours) - statistics.mean(theirs):+.4f}")
    for name, (low, high) in {
        "over seeds (Welch)": welch_interval(ours, theirs),
        "over development rows (paired bootstrap)": bootstrap_interval(*correct),
    }.items():
        print(f"95 % interval {name}: {low:+.4f} to {high:+.4f}")


if __name__ == "__main__":
    app.run(main)
