"""Compares the scores of a recipe in bert_tf and in Hugging Face, with intervals.

    python benchmarks/recipes.py --recipe=recipes/rte.flags --train_file=RTE/train.tsv \
        --eval_file=RTE/dev.tsv --huggingface_python=PATH --results=FOLDER

scripts/finetune.py trains bert_tf's model with the flagfile. Then Hugging Face's model
trains with the same settings on the same rows. Both predict the evaluation rows with
their last weights. Finished runs are kept under --results and are not repeated.

The difference (bert_tf minus Hugging Face) has two intervals. The paired bootstrap over
rows shows how the difference of these models varies with the evaluation rows. Welch's
interval over seeds, if there are several, shows how it varies with the seeds.
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
from scipy import special

from bert_tf import FinetuneConfig, Model, TrainConfig, intervals
from bert_tf.checkpoints import folder as folders
from bert_tf.data.records.options import reader_arguments
from bert_tf.data.records.sources import read_tables
from bert_tf.run.comparison import Evaluation, paired_interval
from bert_tf.tasks import TASKS
from bert_tf.tasks.texts import objects

RESAMPLES = 2_000
# {our setting: flag of the other engine}. Settings that are missing here and in IGNORED
# must have their defaults, because the other engine does not know them.
SHARED = {
    "num_train_epochs": "num_train_epochs",
    "per_device_train_batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "warmup_ratio": "warmup_ratio",
    "max_seq_length": "max_seq_length",
    "seed": "seed",
}
# Tasks that huggingface_heads.py trains; huggingface.py trains the others.
HEADS = ("token_classification", "question_answering", "multiple_choice", "similarity")
# Settings that are passed in another way, or that do not change the weights.
IGNORED = {
    *("model", "from_scratch", "task", "output_dir", "train_file", "eval_file"),
    *("eval_fraction", "text_column", "text_pair_column", "label_column"),
    *("eval_strategy", "load_best_model_at_end", "doc_stride"),
}

flags.DEFINE_string("recipe", None, "Flagfile of the recipe.", required=True)
flags.DEFINE_list("seeds", ["1"], "Seeds to train with.")
flags.DEFINE_string("results", None, "Folder for models and reports.", required=True)
flags.DEFINE_list("engines", ["bert_tf", "huggingface"], "Engines to run.")
FLAGS = flags.FLAGS


def train_ours(seed, folder):
    """Runs the recipe; returns the seconds of the whole command."""
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
    """Returns {flag: value as text} of a run of bert_tf.

    Raises:
        ValueError: the other engine does not support a setting of the recipe.
    """
    lines = (folder / "flags.txt").read_text(encoding="utf-8").splitlines()
    settings = dict(line.removeprefix("--").partition("=")[::2] for line in lines)
    kind = TASKS[settings["task"]]
    for config in (FinetuneConfig, kind.Options, TrainConfig):
        for field in dataclasses.fields(config):
            name = field.name
            if name == "options" or name in SHARED.keys() | IGNORED:
                continue
            if settings[name] != str(field.default):
                raise ValueError(
                    f"{FLAGS.recipe} sets {name}={settings[name]}, which benchmarks/"
                    "engines/huggingface.py does not support. Keep its default, "
                    f"{field.default}."
                )
    return settings


def read_run_tables(settings):
    """Returns the training and the evaluation table of a run of bert_tf."""
    kind = TASKS[settings["task"]]
    fields = dataclasses.fields(FinetuneConfig) + dataclasses.fields(kind.Options)
    config = FinetuneConfig(
        **{
            field.name: (
                settings[field.name] == "True"
                if field.type is bool
                else field.type(settings[field.name])
            )
            for field in fields
            if field.name in settings
        }
    )
    options = reader_arguments(config)
    options |= kind.read_options(dataclasses.asdict(config.task_options))
    return read_tables(config, read=kind.read, **options)


def convert_records(task, table):
    """Yields the records of a table for the other engine, with labels as numbers."""
    labels = task.columns(table).get("label")
    ids = {label: number for number, label in enumerate(task.labels or ())}
    for number, record in enumerate(table.records):
        if "tags" in record:
            yield {
                "words": [record["text"][start:end] for start, end in record["words"]],
                "tags": [ids[tag] for tag in record["tags"]],
            }
        else:
            yield record | ({} if labels is None else {"label": labels[number].item()})


def train_theirs(seed, settings, task, tables, folder, path):
    """Trains Hugging Face's model unless its report exists; returns the report."""
    if not path.exists():
        for name, table in zip(("train", "eval"), tables):
            records = list(convert_records(task, table))
            launch.write_table(folder / f"{name}.jsonl", records)
        arguments = [
            f"--model={folders.resolve(settings['model'])}",
            f"--train_file={folder / 'train.jsonl'}",
            f"--eval_file={folder / 'eval.jsonl'}",
            *(f"--{theirs}={settings[ours]}" for ours, theirs in SHARED.items()),
        ]
        if task.name in HEADS:
            arguments.append(f"--task={task.name}")
            if task.name == "token_classification":
                arguments.append(f"--num_labels={len(task.labels)}")
            if task.name == "question_answering":
                arguments.append(f"--doc_stride={task.options.doc_stride}")
            module = "benchmarks.engines.huggingface_heads"
            report = launch.run_module(FLAGS.huggingface_python, module, *arguments)
        else:
            arguments += ["--regression"] if task.name == "regression" else []
            arguments += ["--from_scratch"] * (settings["from_scratch"] == "True")
            report = launch.run("huggingface", *arguments)
        path.write_text(json.dumps(report), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def convert_outputs(task, outputs):
    """Converts the other engine's outputs to those that the task scores."""
    if task.name == "token_classification":
        # A word that was cut off or has no tokens counts as O.
        outside = np.where(np.array(task.labels) == "O", 0.0, -1e9)
        words = [[outside if word is None else word for word in t] for t in outputs]
        logs = [special.log_softmax(np.array(text), axis=-1) for text in words]
        return {"log_probabilities": objects(logs)}
    if task.name == "question_answering":
        spans = [[tuple(span) for span in x["spans"]] for x in outputs]
        null = np.array([x["null"] for x in outputs])
        return {"spans": objects(spans), "null": null}
    name = "embeddings" if task.name == "similarity" else "logits"
    return {name: np.array(outputs, np.float32)}


def compute_scores(task, columns, outputs):
    """Returns {name: score}, without the loss and without tables."""
    scores = task.score(columns, outputs)
    return {k: v for k, v in scores.items() if isinstance(v, float) and k != "loss"}


def compare(task, columns, outputs):
    """Prints each score of both engines, their difference and its intervals.

    Scores of entities and spans take long to compute, so only the task's main metric
    has an interval over rows.

    Args:
        columns: columns of the evaluation table.
        outputs: {engine: list of outputs, one per seed}.
    """
    scores = {
        engine: [compute_scores(task, columns, arrays) for arrays in side]
        for engine, side in outputs.items()
    }
    count = len(next(iter(columns.values())))
    over_rows = {}
    if task.cuts_records:
        sides = [
            [Evaluation(task, columns, one_seed, 0.0) for one_seed in side]
            for side in outputs.values()
        ]
        over_rows[task.metric] = paired_interval(*sides)
    else:
        random, samples = np.random.default_rng(1), {}
        for _ in range(RESAMPLES):
            chosen = random.integers(0, count, count)
            part = {name: array[chosen] for name, array in columns.items()}
            ours, theirs = (
                [
                    compute_scores(
                        task, part, {n: x[chosen] for n, x in arrays.items()}
                    )
                    for arrays in side
                ]
                for side in outputs.values()
            )
            for name in ours[0]:
                means = [np.mean([x[name] for x in side]) for side in (ours, theirs)]
                samples.setdefault(name, []).append(means[0] - means[1])
        for name, differences in samples.items():
            over_rows[name] = np.percentile(differences, [2.5, 97.5])
    for name in scores["bert_tf"][0]:
        ours, theirs = ([x[name] for x in side] for side in scores.values())
        line = (
            f"{name} {np.mean(ours):.4f}, Hugging Face {np.mean(theirs):.4f}: "
            f"{np.mean(ours) - np.mean(theirs):+.4f}"
        )
        if name in over_rows:
            low, high = over_rows[name]
            line += f", 95 % interval over {count} rows {low:+.4f} to {high:+.4f}"
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
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        rate = metrics["train_examples_per_second"]
        print(
            f"seed {seed}: the command of bert_tf took {seconds:.0f} s; "
            f"{rate:.1f} examples/s"
        )
        if "huggingface" not in FLAGS.engines:
            continue
        settings, model = read_settings(folder), Model(folder)
        tables = read_run_tables(settings)
        path = results / f"huggingface_seed{seed}.json"
        theirs = train_theirs(seed, settings, model.task, tables, folder, path)
        print(
            f"seed {seed}: the training of Hugging Face took "
            f"{theirs['train_seconds']:.0f} s; {theirs['examples_per_second']:.1f} "
            f"examples/s; bert_tf is {rate / theirs['examples_per_second']:.2f} times "
            f"as fast"
        )
        columns, ours = model.outputs_of(tables[1])
        outputs["bert_tf"].append(ours)
        outputs["huggingface"].append(convert_outputs(model.task, theirs["outputs"]))
    if outputs["huggingface"]:
        compare(model.task, columns, outputs)


if __name__ == "__main__":
    app.run(main)
