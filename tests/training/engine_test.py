"""The choice of the engine, and what is refused."""

import importlib.util
import os
import sys

import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.training import engine
from bert_tf.training.jax.board import Board


@pytest.fixture
def environment(monkeypatch):
    """The environment of the process, which `select` changes."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop("KERAS_BACKEND", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    return os.environ


@pytest.fixture
def without_keras(environment, monkeypatch):
    monkeypatch.setattr(sys, "modules", {})
    return environment


class TestBeforeKeras:
    @pytest.mark.parametrize(
        ("name", "variable", "chosen"),
        [
            ("", "", "tensorflow"),
            ("", "jax", "jax"),
            ("jax", "", "jax"),
            ("tensorflow", "jax", "tensorflow"),
        ],
    )
    def test_the_flag_comes_before_the_environment(
        self, without_keras, name, variable, chosen
    ):
        without_keras["KERAS_BACKEND"] = variable
        engine.select(name)
        assert without_keras["KERAS_BACKEND"] == chosen

    def test_another_backend_of_keras_is_refused(self, without_keras):
        without_keras["KERAS_BACKEND"] = "torch"
        with pytest.raises(
            ValueError, match="KERAS_BACKEND must be one of tensorflow, jax; .*'torch'"
        ):
            engine.select()

    def test_an_engine_without_its_package(self, without_keras, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(
            ValueError,
            match=r"engine jax is not installed: pip install 'bert_tf\[jax\]'",
        ):
            engine.select("jax")
        assert "KERAS_BACKEND" not in without_keras


class TestAfterKeras:
    def test_its_backend_stays(self, environment):
        engine.select()
        engine.select("tensorflow")
        assert environment["KERAS_BACKEND"] == "tensorflow"
        assert engine.part("engine").__name__ == "bert_tf.training.tensorflow.engine"

    def test_another_one_is_refused(self, environment):
        training = bert_tf.TrainConfig(engine="jax")
        config = bert_tf.FinetuneConfig(
            model="none", train_file="none.csv", output_dir="out"
        )
        with pytest.raises(
            ValueError,
            match="engine is jax, but Keras has been imported for tensorflow in this "
            "process; start a new one with KERAS_BACKEND=jax",
        ):
            bert_tf.finetune(config, training)


@pytest.mark.parametrize(
    "make",
    [bert_tf.TrainConfig, lambda **given: bert_tf.PredictConfig(model="m", **given)],
)
def test_an_engine_that_does_not_exist(make):
    with pytest.raises(
        ValueError, match="engine must be one of tensorflow, jax; received 'torch'"
    ):
        make(engine="torch")


def test_curves_that_are_written_without_tensorflow(tmp_path):
    board = Board(tmp_path / "tensorboard")
    board.write(3, {"loss": 1.5, "grad_norm": 300.25})
    board.write(2**31, {"loss": -0.5})
    board.flush()
    board.close()
    (path,) = (tmp_path / "tensorboard").iterdir()
    first, *events = tf.compat.v1.train.summary_iterator(str(path))
    assert first.file_version == "brain.Event:2"
    points = [
        (event.step, value.tag, value.simple_value)
        for event in events
        for value in event.summary.value
    ]
    assert points == [
        (3, "loss", 1.5),
        (3, "grad_norm", 300.25),
        (2**31, "loss", -0.5),
    ]
    assert np.diff([event.wall_time for event in (first, *events)]).min() >= 0
