"""Does a recipe reach the scores that Hugging Face reaches with it? Both, with intervals.

    python benchmarks/recipes.py --recipe=recipes/rte.flags --train_file=RTE/train.tsv \
        --eval_file=RTE/dev.tsv --huggingface_python=PATH --results=FOLDER

Ours is run by scripts/finetune.py with the flagfile, as a user runs it. Hugging Face's
model then trains with the same settings on the same rows. The last weights of each answer
the evaluation rows. What has been run is kept under --results and not run again.

Two intervals of the difference (ours minus theirs) answer two questions. The paired
bootstrap over the rows: would other rows say the same, of these models? Welch's over the
seeds, where there are several: would other seeds say the same, on these rows?
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time

import launch
import numpy as np
from absl import app, flags

from bert_tf import Model, intervals, run
from bert_tf.checkpoints import folder as folders
from bert_tf.data.sources import read_tables
from bert_tf.run.needs import columns_asked

RESAMPLES = 2_000
# What the plain loop of the other engine does, too. Other settings must be as by default.
FOLLOWED = {
    "num_train_epochs": "num_train_epochs",
    "per_device_train_batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "warmup_ratio": "warmup_ratio",
    "max_seq_length": "max_seq_length",
    "seed": "seed",
}
# Told in another way, or of no matter to what is learnt.
OTHERS = {
    *("model", "from_scratch", "task", "output_dir", "train_file", "eval_file"),
    *("eval_fraction", "text_column", "text_pair_column", "label_column"),
    *("eval_strategy", "load_best_model_at_end"),
}

flags.DEFINE_string("recipe", None, "Flagfile.", required=True)
flags.DEFINE_list("seeds", ["1"], "Seeds of training.")
flags.DEFINE_string("results", None, "Folder for models and reports.", required=True)
flags.DEFINE_list("engines", ["bert_tf", "huggingface"], "Who trains now.")
FLAGS = flags.FLAGS


def train_ours(seed, folder):
    """Runs the recipe; returns the seconds it took, the whole command."""
    report = folder / "seconds.json"
    if report.exists():
        return json.loads(report.read_text())
    command = [
        *(FLAGS.bert_tf_python, "scripts/finetune.py", f"--flagfile={FLAGS.recipe}"),
        *(f"--train_file={FLAGS.train_file}", f"--output_dir={folder}"),
        *([f"--eval_file={FLAGS.eval_file}"] if FLAGS.eval_file else []),
        f"--seed={seed}",
    ]
    print(*command, file=sys.stderr)
    start = time.perf_counter()
    subprocess.run(command, cwd=launch.ROOT, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    report.write_text(json.dumps(seconds))
    return seconds


def read_settings(folder):
    """Returns {flag: value as text} of a run of ours.

    Raises:
        ValueError: the other engine does not know a setting of the recipe.
    """
    lines = (folder / "flags.txt").read_text(encoding="utf-8").splitlines()
    settings = dict(line.removeprefix("--").partition("=")[::2] for line in lines)
    for config in (run.FinetuneConfig, run.TrainConfig):
        for field in dataclasses.fields(config):
            name, value = field.name, settings[field.name]
            if name not in FOLLOWED.keys() | OTHERS and value != str(field.default):
                raise ValueError(
                    f"{FLAGS.recipe}: Hugging Face's loop here does not follow "
                    f"{name}={value}."
                )
    return settings


def write_tables(settings, folder):
    """Writes the rows that ours was trained and scored on, labels as numbers, too."""
    config = run.FinetuneConfig(
        **{
            field.name: (
                settings[field.name] == "True"
                if field.type is bool
                else field.type(settings[field.name])
            )
            for field in dataclasses.fields(run.FinetuneConfig)
        }
    )
    task, tables = Model(folder).task, read_tables(config, **columns_asked(config))
    for name, table in zip(("train", "eval"), tables):
        labels = task.columns(table)["label"].tolist()
        launch.write_table(
            folder / f"{name}.jsonl",
            [
                record | {"label": label, "label_name": record["label"]}
                for record, label in zip(table.records, labels)
            ],
        )


def train_theirs(seed, settings, folder, path):
    """Trains Hugging Face's model; returns its report, read where it exists."""
    if not path.exists():
        report = launch.run(
            "huggingface",
            f"--model={folders.resolve(settings['model'])}",
            f"--train_file={folder / 'train.jsonl'}",
            f"--eval_file={folder / 'eval.jsonl'}",
            *(["--regression"] if settings["task"] == "regression" else []),
            *(["--from_scratch"] if settings["from_scratch"] == "True" else []),
            *(f"--{theirs}={settings[ours]}" for ours, theirs in FOLLOWED.items()),
        )
        path.write_text(json.dumps(report), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def compare(task, columns, outputs):
    """Prints each score of the task: both sides, difference, intervals.

    Args:
        columns: of the evaluation table.
        outputs: {engine: float [seeds, N, C]}.
    """

    def score(answers, chosen=slice(None)):
        part = {name: array[chosen] for name, array in columns.items()}
        found = task.score(part, answers[chosen])
        return {k: v for k, v in found.items() if isinstance(v, float) and k != "loss"}

    of_seeds = {
        engine: [score(answers) for answers in side] for engine, side in outputs.items()
    }
    count = len(columns["label"])
    random = np.random.default_rng(1)
    drawn = {}
    for _ in range(RESAMPLES):
        chosen = random.integers(0, count, count)
        ours, theirs = (
            [score(answers, chosen) for answers in outputs[engine]]
            for engine in outputs
        )
        for name in ours[0]:
            gain = np.mean([s[name] for s in ours]) - np.mean([s[name] for s in theirs])
            drawn.setdefault(name, []).append(gain)
    for name, gains in drawn.items():
        ours, theirs = ([s[name] for s in side] for side in of_seeds.values())
        low, high = np.percentile(gains, [2.5, 97.5])
        line = (
            f"{name} {np.mean(ours):.4f}, Hugging Face {np.mean(theirs):.4f}: "
            f"{np.mean(ours) - np.mean(theirs):+.4f}, 95 % interval over {count} rows "
            f"{low:+.4f} to {high:+.4f}"
        )
        if len(ours) > 1:
            low, high = intervals.welch(ours, theirs)
            line += f", over {len(ours)} seeds {low:+.4f} to {high:+.4f}"
        print(line)


def main(_):
    results = pathlib.Path(FLAGS.results)
    results.mkdir(parents=True, exist_ok=True)
    outputs = {"bert_tf": [], "huggingface": []}
    for seed in FLAGS.seeds:
        folder = results / f"seed{seed}"
        seconds = train_ours(seed, folder)
        print(f"seed {seed}: bert_tf took {seconds:.0f} s, the whole command")
        settings = read_settings(folder)
        if not (folder / "eval.jsonl").exists():
            write_tables(settings, folder)
        if "huggingface" in FLAGS.engines:
            path = results / f"huggingface_seed{seed}.json"
            theirs = train_theirs(seed, settings, folder, path)
            print(
                f"seed {seed}: Hugging Face's training took {theirs['train_seconds']:.0f} s"
            )
            model = Model(folder)
            columns, ours = model.outputs(
                folder / "eval.jsonl", label_column="label_name"
            )
            outputs["bert_tf"].append(ours)
            outputs["huggingface"].append(np.array(theirs["outputs"]))
    if outputs["huggingface"]:
        compare(model.task, columns, outputs)


if __name__ == "__main__":
    app.run(main)
