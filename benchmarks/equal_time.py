"""What is learnt in equal time: bert_tf and Hugging Face pretrain, one after the other.

    python benchmarks/equal_time.py --huggingface_python=PATH --data_dir=STORE \
        --eval_data_dir=HELD_OUT --results=FOLDER

Both train a model of one size, each from its own random weights, for --minutes on all
cores, with one optimizer, learning rate, batch and schedule; both meet the same examples
in the same order, as far as they get, and are scored on the same hidden pieces. Ours is
run by scripts/pretrain.py, as a user runs it: its evaluations and checkpoints are on its
clock. Hugging Face's BertForPreTraining gets its examples ready-made and its evaluations
for nothing.

Examples are short and many, and there is no dropout: with 32 examples of 128 pieces, of as
many tokens, so small a model does not leave the plateau near the unigrams in half an hour.

Prints the last losses and writes equal_time.png, loss against minutes. What has been run
is kept under --results and not run again.
"""

import json
import pathlib
import subprocess
import sys

import launch
import tensorflow as tf
from absl import app, flags

from bert_tf.config import SIZES, BertConfig
from bert_tf.data.corpus.masking import Masking
from bert_tf.data.corpus.pairs import Examples
from bert_tf.data.corpus.store import Store
from bert_tf.data.rows.pretraining import pretraining_rows
from bert_tf.report.pictures import draw_curves
from bert_tf.run.pretraining import HELD_OUT_SEED
from bert_tf.tasks.pretraining import Pretraining

SEED = 1
EXAMPLES_PER_MINUTE = 11_000  # More than Hugging Face uses.
EVAL_EXAMPLES = 3_200  # As by default in scripts/pretrain.py.

flags.DEFINE_string("data_dir", None, "Store to train on.", required=True)
flags.DEFINE_string("eval_data_dir", None, "Store to score on.", required=True)
flags.DEFINE_string("results", None, "Folder for model and reports.", required=True)
flags.DEFINE_enum("size", "mini", list(SIZES), "Of the model; mini: 4 layers, H 256.")
flags.DEFINE_float("minutes", 30, "For each.", lower_bound=0.1)
flags.DEFINE_float("learning_rate", 1e-3, "Highest.")
flags.DEFINE_integer("max_seq_length", 32, "Pieces of an example.")
flags.DEFINE_integer("per_device_train_batch_size", 128, "Examples of an update.")
flags.DEFINE_integer("eval_steps", 300, "Updates of ours between two evaluations.")
FLAGS = flags.FLAGS


def write_examples(path, store, count, seed):
    """Writes the first `count` examples of a store, as `contract.read_examples` has them."""
    if path.exists():
        return
    vocab = store.vocab
    task = Pretraining(
        Masking(vocab),
        cls_id=vocab.index("[CLS]"),
        sep_id=vocab.index("[SEP]"),
        max_seq_length=FLAGS.max_seq_length,
    )
    features = tf.function(task.features, autograph=False)
    drawn = Examples(store, max_seq_length=FLAGS.max_seq_length, seed=seed)
    beside = path.with_suffix(".part")
    with open(beside, "w", encoding="utf-8") as file:
        # As many epochs as it takes, in the order in which ours sees them.
        size = FLAGS.per_device_train_batch_size
        rows = pretraining_rows(drawn, features, batch_size=size)
        for batch in rows.take(-(-count // size)):
            hidden = [
                [(place, piece) for place, piece in enumerate(ids) if piece >= 0]
                for ids in batch["masked_lm_ids"].to_list()
            ]
            columns = {
                "input_ids": batch["input_ids"].to_list(),
                "segment_ids": batch["segment_ids"].to_list(),
                "positions": [[place for place, _ in one] for one in hidden],
                "masked_ids": [[piece for _, piece in one] for one in hidden],
                "next_sentence_labels": batch["next_sentence_labels"].numpy().tolist(),
            }
            file.write(json.dumps(columns) + "\n")
    beside.rename(path)


def write_config(folder, vocab_size):
    """Writes config.json of the model, for both; returns its path."""
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
    """Runs scripts/pretrain.py; returns [(minutes, loss)] and the baselines."""
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
    return read_board(folder / "tensorboard"), baselines, metrics


def read_board(folder):
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
    """Trains Hugging Face's model; returns its report, read where it exists."""
    path = results / "huggingface.json"
    if not path.exists():
        examples, scored = results / "examples.jsonl", results / "held_out.jsonl"
        count = round(FLAGS.minutes * EXAMPLES_PER_MINUTE)
        write_examples(examples, store, count, SEED)
        write_examples(scored, held_out, EVAL_EXAMPLES, HELD_OUT_SEED)
        report = launch.run_module(
            FLAGS.huggingface_python,
            "benchmarks.engines.pretrain_huggingface",
            *(f"--model={config.parent}", "--from_scratch", f"--seed={SEED}"),
            *(f"--examples={examples}", f"--held_out={scored}"),
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
