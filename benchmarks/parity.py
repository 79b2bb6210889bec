"""Compares the training losses of bert_tf and Hugging Face, step by step.

    python benchmarks/parity.py --huggingface_python=PATH

Both train in float32 without dropout, from the same weights (head included), on the
same batches in the same order. So the losses may differ only by rounding.
"""

import os
import pathlib
import shutil
import sys
import tempfile

import launch
from absl import app, flags

flags.DEFINE_integer("steps", 50, "Number of updates.", lower_bound=1)
flags.DEFINE_float("tolerance", 1e-4, "Largest difference between losses that passes.")
FLAGS = flags.FLAGS


def compute_losses(engine, model, batches, *arguments):
    """Trains with an engine and returns the loss of every step."""
    report = launch.run(
        engine, f"--model={model}", f"--batches={batches}", "--dropout=0", *arguments
    )
    return report["losses"]


def main(_):
    source = launch.model_folder()
    with tempfile.TemporaryDirectory() as folder:
        batches = os.path.join(folder, "batches.jsonl")
        launch.write_batches(batches, FLAGS.steps)
        initial = pathlib.Path(folder, "initial")
        theirs = compute_losses(
            "huggingface", source, batches, f"--initial_folder={initial}"
        )  # Writes its initial weights, from which bert_tf starts.
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(source / name, initial / name)
        ours = compute_losses("bert_tf", initial, batches)

    differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    for step, values in enumerate(zip(ours, theirs, differences), start=1):
        print("step {}: {:.6f} {:.6f}, difference {:.1e}".format(step, *values))
    worst = max(differences)
    print(f"{FLAGS.steps} losses, largest difference {worst:.1e}")
    passed = all(x <= FLAGS.tolerance for x in differences)  # NaN does not pass.
    sys.exit(not passed)


if __name__ == "__main__":
    app.run(main)
