"""Trains a recipe of translation from BERT and from random weights, and scores a test file.

    python benchmarks/translation.py --recipe=recipes/multi30k_en_de.flags \
        --train_file=train.en,train.de --eval_file=val.en,val.de \
        --test_file=test_2016_flickr.en,test_2016_flickr.de --results=FOLDER

Both runs have the time, the data and the flags of the recipe. Before they begin, no source
and no reference of the test file may occur among those of the training. Finished runs are
kept under --results and are not repeated.
"""

import json
import pathlib
import subprocess
import sys
import time

import launch
from absl import app, flags

from bert_tf import Model
from bert_tf.data.records.options import reader_arguments
from bert_tf.run.finetuning import FinetuneConfig
from bert_tf.tasks import TASKS

flags.DEFINE_string("recipe", None, "Flagfile of the recipe.", required=True)
flags.DEFINE_string("test_file", None, "Pairs to score on.", required=True)
flags.DEFINE_string("results", None, "Folder for models and reports.", required=True)
flags.DEFINE_list("starts", ["bert", "random"], "Weights of the encoder to start from.")
flags.DEFINE_integer("samples", 10, "Translations to print.")
FLAGS = flags.FLAGS


def read_settings():
    """Returns {flag: value} of the recipe."""
    lines = pathlib.Path(FLAGS.recipe).read_text(encoding="utf-8").splitlines()
    pairs = [line[2:].split("=", 1) for line in lines if line.startswith("--")]
    return {name: value[0] if value else True for name, *value in pairs}


def check_test_file(settings):
    """Raises a ValueError if training sees a text of the test file."""
    options = {
        name: settings[name]
        for name in ("text_column", "label_column")
        if name in settings
    }
    config = FinetuneConfig(
        train_file=FLAGS.train_file, model="-", output_dir="-", **options
    )
    read, arguments = TASKS[settings["task"]].read, reader_arguments(config)
    trained = read(FLAGS.train_file, **arguments).records
    tested = read(FLAGS.test_file, **arguments).records
    for side in ("text", "target"):
        seen = {record[side] for record in trained}
        both = [record[side] for record in tested if record[side] in seen]
        if both:
            raise ValueError(
                f"{len(both)} of {len(tested)} texts of {FLAGS.test_file} are in the "
                f"training file, too, such as {both[0]!r}: scores would be too high."
            )
    return arguments


def train(start):
    """Runs the recipe; returns the folder and the minutes of the whole command."""
    folder = pathlib.Path(FLAGS.results) / start
    report = folder.with_suffix(".json")
    if not report.exists():
        command = [
            *(FLAGS.bert_tf_python, "scripts/finetune.py"),
            *(f"--flagfile={FLAGS.recipe}", f"--train_file={FLAGS.train_file}"),
            *(f"--eval_file={FLAGS.eval_file}", f"--output_dir={folder}"),
            *(["--from_scratch"] if start == "random" else []),
        ]
        print(*command, file=sys.stderr)
        begin = time.perf_counter()
        subprocess.run(command, cwd=launch.ROOT, check=True, stdout=subprocess.DEVNULL)
        report.write_text(json.dumps((time.perf_counter() - begin) / 60))
    return folder, json.loads(report.read_text())


def main(_):
    pathlib.Path(FLAGS.results).mkdir(parents=True, exist_ok=True)
    settings = read_settings()
    arguments = check_test_file(settings)
    print(
        "| encoder starts from | BLEU | chrF | updates | minutes |\n|---|---|---|---|---|"
    )
    for start in FLAGS.starts:
        folder, minutes = train(start)
        model = Model(folder)
        scores = model.evaluate(FLAGS.test_file, **arguments)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        print(
            f"| {start} | {scores['eval_bleu']:.1f} | {scores['eval_chrf']:.1f} "
            f"| {metrics['train_steps']:,} | {minutes:.0f} |"
        )
        if start == FLAGS.starts[0]:
            signature, best = scores["eval_bleu_signature"], model
    print(f"\nsacrebleu {signature}\n")
    records = best.task.read(FLAGS.test_file, **arguments).records[: FLAGS.samples]
    for record, prediction in zip(records, best.predict([r["text"] for r in records])):
        print(record["text"], prediction["translation"], record["target"], "", sep="\n")


if __name__ == "__main__":
    app.run(main)
