"""Fifty losses under JAX equal those of TensorFlow on the same rows, dropout included."""

import fifty_updates
import numpy as np
import pytest
import tensorflow as tf
from jax_processes import run

from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.engine import Engine

pytestmark = pytest.mark.slow  # Four tasks are compiled for many shapes.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fifty")
    run("fifty_updates.py", path)
    return path


def micro_batches(arrays):
    """Yields the rows of each micro-batch, of the shapes that JAX received."""
    for update in range(fifty_updates.UPDATES):
        begin = f"{update} "
        stacked = {
            name.removeprefix(begin): arrays[name]
            for name in arrays
            if name.startswith(begin) and not name.endswith(" loss")
        }
        for number in range(fifty_updates.MICRO_BATCHES):
            yield {name: array[number] for name, array in stacked.items()}


@pytest.mark.parametrize("name", fifty_updates.TASKS)
def test_equal_to_a_hundred_thousandth(name, folder, tmp_path):
    with np.load(folder / f"{name}.npz") as file:
        arrays = dict(file)
    task, _, model = fifty_updates.make_case(name, tmp_path)
    spec = {
        name: tf.TensorSpec([None] * array.ndim, array.dtype)
        for name, array in next(micro_batches(arrays)).items()
    }
    spec["dropout_seed"] = tf.TensorSpec([2], tf.int32)
    engine = Engine(
        model,
        task,
        fifty_updates.TRAINING,
        make_strategy("one_device"),
        total_steps=fifty_updates.UPDATES,
    )
    engine.start(
        lambda *_: tf.data.Dataset.from_generator(
            lambda: micro_batches(arrays), output_signature=spec
        ),
        0,
    )
    updates = range(fifty_updates.UPDATES)
    losses = [float(engine.update(0.0)["loss"]) for _ in updates]
    received = [float(arrays[f"{update} loss"]) for update in updates]
    np.testing.assert_allclose(received, losses, atol=1e-5)
    assert np.std(losses) > 0.05
