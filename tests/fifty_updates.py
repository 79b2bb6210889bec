"""Fifty updates of four tasks with dropout, for `training/jax/losses_test.py`.

As a program it trains under JAX, and writes {task}.npz into the folder that is its argument:
the weights before, the rows of each update, and its loss.
"""

import json
import pathlib
import sys

import numpy as np
import tiny_folder
import tiny_store
import tiny_tasks

import bert_tf
from bert_tf.config import BertConfig
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training.config import TrainConfig

TASKS = (
    "classification",
    "token_classification",
    "question_answering",
    Pretraining.name,
)
UPDATES, MICRO_BATCHES = 50, 2
TRAINING = TrainConfig(
    max_steps=UPDATES,
    learning_rate=1e-3,
    gradient_accumulation_steps=MICRO_BATCHES,
)


def make_case(name, folder):
    """Returns a task, what it trains on, and its model with random weights."""
    config = tiny_folder.CONFIG
    if name == Pretraining.name:
        lengths = np.random.default_rng(3).integers(1, 6, (8, 5))
        store = tiny_store.write(folder / "store", lengths.tolist())
        options = Pretraining.Options(max_seq_length=24)
        task, examples = Pretraining.learn(None, store, options), store
        changes = {"vocab_size": len(store.vocab)}
        config = BertConfig.from_dict(config.to_dict() | changes)
    else:
        tokenizer = bert_tf.BertTokenizer(tiny_folder.VOCAB)
        task = tiny_tasks.make_task(name, tokenizer, max_seq_length=24)
        examples = task.examples(task.columns(tiny_tasks.make_table(name)))
    model = task.build(bert_tf.BertBackbone(config))
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        values = random.normal(0.0, 0.2, weight.shape)
        weight.assign(values + weight.path.endswith("gamma"))
    return task, examples, model


def main(folder):
    import jax

    from bert_tf.data.rows.fixed_shapes import stack
    from bert_tf.training.jax.distribution import Devices
    from bert_tf.training.jax.engine import Engine

    for name in TASKS:
        task, examples, model = make_case(name, folder)

        def rows(start=0, share=(1, 0), task=task, examples=examples):
            plan = {"batch_size": 2, "micro_batches": MICRO_BATCHES, "seed": 1}
            return task.training_rows(examples, **plan, start_step=start, share=share)

        devices = Devices(jax.devices()[:1])
        engine = Engine(model, task, TRAINING, devices, total_steps=UPDATES)
        engine.start(rows, 0)
        stream, saved = iter(rows()), {}
        for update in range(UPDATES):
            batches = stack([next(stream) for _ in range(MICRO_BATCHES)])
            saved |= {f"{update} {name}": array for name, array in batches.items()}
            saved[f"{update} loss"] = float(engine.update(0.0)["loss"])
        np.savez(folder / f"{name}.npz", **saved)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
    print(json.dumps("done"))
