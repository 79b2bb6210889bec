"""A program for `without_tensorflow_test.py`: every task under JAX, TensorFlow being out of reach.

Prints a JSON object: {task: {"predictions", "losses"}}, losses if the task is scored; of
pretraining {"losses", "scores"}.
"""

import dataclasses
import importlib
import json
import os
import pkgutil
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # Compilation takes the most time.

import bert_tf  # Before the finder below, since it puts its own finder first.

BLOCKED = {"tensorflow", "tensorflow_text"}


class Blocker:
    """Finds no module of TensorFlow."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is out of reach")


sys.meta_path.insert(0, Blocker)

import jax
import numpy as np
import tiny
import tiny_folder
import tiny_store
import tiny_tasks
from keras import ops

from bert_tf.data.rows.packing import pack
from bert_tf.tasks.pretraining import Pretraining

PARTS = (
    *("config", "layers", "models", "tasks", "checkpoints", "training", "predictor"),
    *("data.records", "data.corpus", "data.rows"),
)
RATE, STEPS = 0.02, 3


def modules(part):
    """Yields the names of a part's modules, but those of an engine."""
    module = importlib.import_module(f"bert_tf.{part}")
    yield module.__name__
    if hasattr(module, "__path__"):
        for found in pkgutil.iter_modules(module.__path__, f"{module.__name__}."):
            if not found.name.startswith("bert_tf.training.") or not found.ispkg:
                yield found.name


def call(model, values, rows, **options):
    """Returns the model's outputs with these values of its trainable variables."""
    rest = [variable.value for variable in model.non_trainable_variables]
    return model.stateless_call(values, rest, rows, **options)[0]


def compute_loss(model, task, rows, values):
    """Returns the loss as an engine computes it: each term is divided once by its weights."""
    outputs = call(model, values, rows, training=True)
    losses, weights = task.losses(rows, task.named(outputs)), task.weights(rows)
    return sum(ops.sum(losses[t] * weights[t]) / ops.sum(weights[t]) for t in losses)


def train(model, task, rows):
    """Returns the losses of a few compiled steps of gradient descent."""

    @jax.jit
    def step(values, rows):
        loss, gradients = jax.value_and_grad(
            lambda values: compute_loss(model, task, rows, values)
        )(values)
        return loss, [value - RATE * g for value, g in zip(values, gradients)]

    values, losses = [v.value for v in model.trainable_variables], []
    rows = tiny_tasks.pad(rows)
    # The same values are dropped in each step, so that the loss must fall.
    rows["dropout_seed"] = np.array([7, 1], np.int32)
    for _ in range(STEPS):
        loss, values = step(values, rows)
        losses.append(float(loss))
    return losses


def try_task(name):
    """Returns the predictions for a task's records, and losses of training on them."""
    tokenizer = bert_tf.BertTokenizer(
        tiny_folder.VOCAB, keep_special_tokens=name == "fill_mask"
    )
    task = tiny_tasks.make_task(name, tokenizer, max_seq_length=16)
    columns = task.columns(tiny_tasks.make_table(name))
    examples = task.examples(columns)
    rows = pack(task.features(task.inputs(examples)))
    model = tiny.fill(task.build(bert_tf.BertBackbone(tiny_folder.CONFIG)), 5)
    if task.decodes:  # By TensorFlow only.
        return {"losses": train(model, task, rows)}
    compiled = jax.jit(lambda values, rows: task.named(call(model, values, rows)))
    outputs = compiled([v.value for v in model.trainable_variables], rows)
    outputs = task.collect(
        columns, examples, {name: np.asarray(x) for name, x in outputs.items()}
    )
    report = {"predictions": task.predict(outputs, columns)}
    if task.scored:
        assert task.metric in task.score(columns, outputs)
        report["losses"] = train(model, task, rows)
    return report


def try_pretraining(folder):
    """Returns the losses of pretraining on a store, and its scores."""
    store = tiny_store.write(folder, [[4, 5, 3, 6], [7, 4], [3, 5, 4]] * 2)
    options = Pretraining.Options(max_seq_length=24, masked_lm_prob=0.3)
    task = Pretraining.learn(None, store, options)
    config = dataclasses.replace(tiny_folder.CONFIG, vocab_size=len(store.vocab))
    model = tiny.fill(task.build(bert_tf.BertBackbone(config)), 5)
    rows = next(iter(task.training_rows(store, batch_size=4, micro_batches=1, seed=1)))
    (held_out,) = task.evaluation_rows(store, batch_size=64)
    values = [v.value for v in model.trainable_variables]
    sums = task.measure(held_out, call(model, values, held_out))
    scores = task.score(store, {name: float(x) for name, x in sums.items()})
    return {"losses": train(model, task, rows), "scores": scores}


for part in PARTS:
    for module in modules(part):
        importlib.import_module(module)
reports = {name: try_task(name) for name in tiny_tasks.RECORDS}
with tempfile.TemporaryDirectory() as folder:
    reports[Pretraining.name] = try_pretraining(folder)
assert not BLOCKED & set(sys.modules)
print(json.dumps(reports, default=np.ndarray.tolist))
