"""Losses and their gradients equal those of PyTorch, as transformers uses them.

fixtures/make_losses.py computed the expected values.
"""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.tasks.classification import Classification
from bert_tf.tasks.multi_label import MultiLabel
from bert_tf.tasks.regression import Regression
from bert_tf.tasks.translation import Translation

EXPECTED = json.loads(
    (pathlib.Path(__file__).parents[1] / "fixtures" / "losses.json").read_text()
)


def loss_and_gradient(task, label):
    """Returns the loss of a batch, summed as in training, and its gradient."""
    logits, rows = tf.constant(EXPECTED["logits"]), {"label": tf.constant(label)}
    weights = task.weights(rows)[task.name]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = task.losses(rows, task.named(logits))[task.name]
        loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
    return {"loss": float(loss), "gradient": tape.gradient(loss, logits).numpy()}


def assert_equal(received, expected):
    for name in ("loss", "gradient"):
        np.testing.assert_allclose(received[name], expected[name], rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    "case",
    EXPECTED["classification"],
    ids=lambda case: f"{case['class_weights']} {case['label_smoothing']}",
)
def test_classification(case):
    task = Classification(
        tiny.Tokenizer(),
        Classification.Options(label_smoothing=case["label_smoothing"]),
        labels="abc",
        class_weights=case["class_weights"],
    )
    assert_equal(loss_and_gradient(task, EXPECTED["classes"]), case)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_tokens_of_a_target(smoothing):
    cases = EXPECTED["classification"]
    (case,) = (
        c for c in cases if c["label_smoothing"] == smoothing and not c["class_weights"]
    )
    task = Translation(tiny.Tokenizer(), Translation.Options(label_smoothing=smoothing))
    logits = tf.constant(EXPECTED["logits"])
    # A row of two examples, and padding, which counts for nothing.
    rows = {
        "target_labels": tf.constant([[*EXPECTED["classes"], 0]]),
        "target_sequence_ids": tf.constant([[2, 2, 2, 1, 0]]),
    }
    with tf.GradientTape() as tape:
        tape.watch(logits)
        padded = tf.concat([logits, [[9.0, 9.0, 9.0]]], axis=0)
        losses = task.losses(rows, {"logits": padded})["translation"]
        weights = task.weights(rows)["translation"]
        loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
    received = {"loss": float(loss), "gradient": tape.gradient(loss, logits).numpy()}
    assert_equal(received, case)


def test_multi_label():
    task = MultiLabel(tiny.Tokenizer(), labels="abc")
    marks = np.array(EXPECTED["marks"], np.uint8)
    assert_equal(loss_and_gradient(task, marks), EXPECTED["multi_label"])


def test_regression():
    task = Regression(tiny.Tokenizer())
    numbers = np.array(EXPECTED["numbers"], np.float32)
    assert_equal(loss_and_gradient(task, numbers), EXPECTED["regression"])
