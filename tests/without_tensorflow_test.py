"""Models and tasks need no TensorFlow: under JAX they import, learn, predict and score."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny_tasks

from bert_tf.tasks import TASKS

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def reports():
    """{task: report} of a process in which TensorFlow cannot be imported."""
    pytest.importorskip("jax", reason="pip install -e '.[jax]'")
    pytest.importorskip("tokenizers", reason="pip install -e '.[jax]'")
    done = subprocess.run(
        [sys.executable, HERE / "without_tensorflow.py"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_task_is_tried():
    assert tiny_tasks.RECORDS.keys() == TASKS.keys()


@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].scored])
def test_losses_fall(name, reports):
    losses = reports[name]["losses"]
    assert np.isfinite(losses).all() and np.all(np.diff(losses) < 0)


@pytest.mark.parametrize("name", TASKS)
def test_every_record_has_a_prediction(name, reports):
    assert len(reports[name]["predictions"]) == len(tiny_tasks.RECORDS[name])


def test_predictions_are_those_of_the_task(reports):
    labels = {row["label"] for row in reports["classification"]["predictions"]}
    assert labels <= {"good", "bad"}
    (fills,) = reports["fill_mask"]["predictions"][0]["tokens"]
    probabilities = [fill["probability"] for fill in fills]
    assert len(fills) == 5 and sorted(probabilities, reverse=True) == probabilities
    assert len(reports["fill_mask"]["predictions"][1]["tokens"]) == 2
    states = reports["features"]["predictions"][0]
    assert states["tokens"] == ["[CLS]", "a", "good", "film", "[SEP]"]
    assert np.shape(states["layers"]["-1"]) == (5, 12)
