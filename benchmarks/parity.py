"""Is training here the same arithmetic as Hugging Face's? Losses compared, step by step.

    python benchmarks/parity.py --huggingface_python=PATH

Dropout 0, float32, the same initial weights (with the head), the same batches in the
same order, so the losses may differ by rounding only.
"""

import os
import pathlib
import shutil
import sys
import tempfile

import launch
from absl import app, flags

flags.DEFINE_integer("steps", 50, "Updates.", lower_bound=1)
flags.DEFINE_float("tolerance", 1e-4, "Largest difference of a loss that passes.")
FLAGS = flags.FLAGS


def losses(engine, model, batches, *arguments):
    """Returns the loss of every step."""
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
        theirs = losses(
            "huggingface", source, batches, f"--initial_folder={initial}"
        )  # Draws the head, and leaves it for the other to start from.
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(source / name, initial / name)
        ours = losses("bert_tf", initial, batches)

    differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    for step, values in enumerate(zip(ours, theirs, differences), start=1):
        print("step {}: {:.6f} {:.6f}, difference {:.1e}".format(step, *values))
    worst = max(differences)
    print(f"{FLAGS.steps} losses, largest difference {worst:.1e}")
    passed = all(value <= FLAGS.tolerance for value in differences)  # NaN does not.
    sys.exit(not passed)


if __name__ == "__main__":
    app.run(main)
