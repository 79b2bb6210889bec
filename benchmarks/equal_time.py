"""Compares what bert_tf and Hugging Face learn when they pretrain for the same time.

    python benchmarks/equal_time.py --huggingface_python=PATH --data_dir=STORE \
        --eval_data_dir=HELD_OUT --results=FOLDER

The engines run one after the other, each for --minutes on all cores. They train models
of the same size with the same optimizer, learning rate, batch size and schedule, each
from its own random weights. They read the same examples in the same order, as many as
they get to, and are evaluated on the same masked tokens. scripts/pretrain.py trains
bert_tf's model, so its time includes evaluations and checkpoints. Hugging Face's
BertForPreTraining reads finished examples, and its evaluations do not count.

A batch has many short examples, and there is no dropout: with 32 examples of 128
tokens, which are as many tokens, a model this small stays near the unigram baseline for
half an hour.

Prints the last losses and writes equal_time.png, a plot of loss against minutes.
Finished runs are kept under --results and are not repeated.
"""

import json
import pathlib
import subprocess
import sys

import launch
import tensorflow as tf
from absl import app, flags

from bert_tf.config import SIZES, BertConfig
from bert_tf.data.corpus.pairs import Examples
from bert_tf.data.corpus.store import Store
from bert_tf.data.rows.pretraining import draw_texts
from bert_tf.report.curves import draw_curves
from bert_tf.tasks.pretraining import HELD_OUT_SEED, Pretraining

SEED = 1
EXAMPLES_PER_MINUTE = 11_000  # Hugging Face is slower than that.
EVAL_EXAMPLES = 3_200  # The default of scripts/pretrain.py.

flags.DEFINE_string("data_dir", None, "Store of documents to train on.", required=True)
flags.DEFINE_string(
    "eval_data_dir", None, "Store of held-out documents.", required=True
)
flags.DEFINE_string("results", None, "Folder for models and reports.", required=True)
flags.DEFINE_enum(
    "size", "mini", list(SIZES), "Size of the model; mini: 4 layers, H 256."
)
flags.DEFINE_float("minutes", 30, "Minutes of training per engine.", lower_bound=0.1)
flags.DEFINE_float("learning_rate", 1e-3, "Highest learning rate.")
flags.DEFINE_integer("max_seq_length", 32, "Tokens per example.")
flags.DEFINE_integer("per_device_train_batch_size", 128, "Examples per update.")
flags.DEFINE_integer("eval_steps", 300, "Updates of bert_tf between evaluations.")
FLAGS = flags.FLAGS


def write_examples(path, store, count, seed):
    """Writes the first `count` examples of a store for `contract.read_examples`."""
    if path.exists():
        return
    options = Pretraining.Options(max_seq_length=FLAGS.max_seq_length)
    task = Pretraining(store.vocab, options)
    examples = Examples(store, max_seq_length=FLAGS.max_seq_length, seed=seed)
    beside = path.with_suffix(".part")
    with open(beside, "w", encoding="utf-8") as file:
        # Repeats the store as often as needed, in the order in which bert_tf reads it.
        size = FLAGS.per_device_train_batch_size
        for begin in range(0, count, size):
            batch = task.features(draw_texts(examples, begin, begin + size))
            masked = [
                [(n, token_id) for n, token_id in enumerate(ids) if token_id >= 0]
                for ids in batch["masked_lm_ids"].to_list()
            ]
            columns = {
                "input_ids": batch["input_ids"].to_list(),
                "segment_ids": batch["segment_ids"].to_list(),
                "positions": [[position for position, _ in x] for x in masked],
                "masked_ids": [[token_id for _, token_id in x] for x in masked],
                "next_sentence_labels": batch["next_sentence_labels"].tolist(),
            }
            file.write(json.dumps(columns) + "\n")
    beside.rename(path)


def write_config(folder, vocab_size):
    """Writes the config.json that both engines use; returns its path."""
    config = BertConfig.from_size(
        FLAGS.size,
        vocab_size=vocab_size,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    folder.mkdir(exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(config.to_dict()), encoding="utf-8")
    return path


def train_ours(folder, config):
    """Runs scripts/pretrain.py; returns [(minutes, loss)], baselines and metrics."""
    if not (folder / "metrics.json").exists():
        command = [
            *(
                FLAGS.bert_tf_python,
                "scripts/pretrain.py",
                f"--data_dir={FLAGS.data_dir}",
            ),
            *(f"--eval_data_dir={FLAGS.eval_data_dir}", f"--config={config}"),
            *(f"--output_dir={folder}", f"--train_minutes={FLAGS.minutes}"),
            f"--max_seq_length={FLAGS.max_seq_length}",
            f"--per_device_train_batch_size={FLAGS.per_device_train_batch_size}",
            *(f"--learning_rate={FLAGS.learning_rate}", f"--seed={SEED}"),
            *(f"--eval_steps={FLAGS.eval_steps}", f"--save_steps={FLAGS.eval_steps}"),
        ]
        print(*command, file=sys.stderr)
        subprocess.run(command, cwd=launch.ROOT, check=True, stdout=subprocess.DEVNULL)
    metrics = json.loads((folder / "metrics.json").read_text())
    baselines = {
        name.removesuffix("_loss"): metrics[name]
        for name in ("uniform_loss", "unigram_loss", "bigram_loss")
    }
    return read_tensorboard(folder / "tensorboard"), baselines, metrics


def read_tensorboard(folder):
    """Returns [(minutes since the first update, held-out loss)] of a run."""
    begin, points = None, []
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.glob("*tfevents*")))):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            if value.tag == "loss" and begin is None:
                begin = event.wall_time
            if value.tag == "eval_masked_lm_loss":
                loss = float(tf.make_ndarray(value.tensor))
                points.append(((event.wall_time - begin) / 60, loss))
    return points


def train_theirs(results, config, store, held_out):
    """Trains Hugging Face's model unless its report exists; returns the report."""
    path = results / "huggingface.json"
    if not path.exists():
        train_path, eval_path = results / "examples.jsonl", results / "held_out.jsonl"
        count = round(FLAGS.minutes * EXAMPLES_PER_MINUTE)
        write_examples(train_path, store, count, SEED)
        write_examples(eval_path, held_out, EVAL_EXAMPLES, HELD_OUT_SEED)
        report = launch.run_module(
            FLAGS.huggingface_python,
            "benchmarks.engines.pretrain_huggingface",
            *(f"--model={config.parent}", "--from_scratch", f"--seed={SEED}"),
            *(f"--examples={train_path}", f"--held_out={eval_path}"),
            *(f"--minutes={FLAGS.minutes}", f"--learning_rate={FLAGS.learning_rate}"),
        )
        path.write_text(json.dumps(report))
    return json.loads(path.read_text())


def main(_):
    results = pathlib.Path(FLAGS.results)
    results.mkdir(parents=True, exist_ok=True)
    store, held_out = Store(FLAGS.data_dir), Store(FLAGS.eval_data_dir)
    config = write_config(results / "config", len(store.vocab))
    ours, baselines, metrics = train_ours(results / "bert_tf", config)
    theirs = train_theirs(results, config, store, held_out)
    rows = {
        "bert_tf": (ours, metrics["train_steps"]),
        "Hugging Face": (theirs["held_out_losses"], theirs["steps"]),
    }
    print(launch.row(["", "updates", "held-out loss", "minutes"]))
    print(launch.row(["---"] * 4))
    for name, (points, steps) in rows.items():
        minutes, loss = points[-1]
        print(launch.row([name, f"{steps}", f"{loss:.3f}", f"{minutes:.1f}"]))
    print(*(f"{name}: {loss:.3f}" for name, loss in baselines.items()), sep=", ")
    draw_curves(
        results / "equal_time.png",
        [
            (points, {"label": name, "marker": "o"})
            for name, (points, _) in rows.items()
        ],
        baselines,
        xlabel="minutes of training",
        ylabel="held-out masked-LM loss (nats)",
    )


if __name__ == "__main__":
    app.run(main)
