"""Batches whose examples are compared are split only where that is computed."""

import types

import keras
import pytest

from bert_tf.run.checks import check
from bert_tf.training.config import TrainConfig


def check_micro_batches(couples, steps, devices=1, **more):
    job = types.SimpleNamespace(
        task=types.SimpleNamespace(couples_examples=couples),
        folder=types.SimpleNamespace(
            config=types.SimpleNamespace(num_hidden_layers=2, hidden_size=8)
        ),
        evaluation=None,
    )
    training = TrainConfig(gradient_accumulation_steps=steps, **more)
    check(job, training, steps * devices)


@pytest.mark.parametrize(
    ("couples", "steps", "devices"),
    [("embeddings", 4, 1), ("embeddings", 1, 1), (True, 1, 1), ("", 4, 2)],
)
def test_allowed(couples, steps, devices):
    check_micro_batches(couples, steps, devices)


@pytest.mark.parametrize(
    ("couples", "steps", "devices", "message"),
    [
        ("embeddings", 3, 2, "cannot be split over 2 devices; train on one device"),
        ("embeddings", 1, 2, "cannot be split over 2 devices; train on one device"),
        (True, 3, 1, "cannot be split into 3 parts while it learns from a teacher"),
    ],
)
def test_refused(couples, steps, devices, message):
    with pytest.raises(ValueError, match=message):
        check_micro_batches(couples, steps, devices)


def test_adversarial_training_of_whole_batches_alone():
    check_micro_batches("embeddings", 1, adversarial_epsilon=1.0)
    with pytest.raises(
        ValueError, match="into 3 parts with adversarial_epsilon=1; drop"
    ):
        check_micro_batches("embeddings", 3, adversarial_epsilon=1.0)


def test_other_engines(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    check_micro_batches("embeddings", 1)
    with pytest.raises(
        ValueError, match="only --engine=tensorflow splits into 3 parts"
    ):
        check_micro_batches("embeddings", 3)
