"""The loop: what it logs, keeps and saves; resumed, it is as if nothing had happened."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.pipeline import steps_per_epoch, training_rows
from bert_tf.training import loop
from bert_tf.training.distribution import make_strategy
from bert_tf.training.loop import TrainConfig

CONFIG = TrainConfig(
    max_steps=6,
    per_device_train_batch_size=5,
    learning_rate=1e-2,
    eval_strategy="steps",
    eval_steps=2,
    save_steps=3,
    logging_steps=1,
    distribution="one_device",
)
# Of evaluations, in their order. The best is of step 4.
SCORES = (0.25, 0.75, 0.5)


class Run:
    """A run on 13 examples, in which `at_evaluation(number)` may go wrong."""

    def __init__(self, output_dir, config=CONFIG, at_evaluation=lambda _: None):
        self.output_dir = output_dir
        output_dir.mkdir(exist_ok=True)
        self.evaluations = []
        strategy = make_strategy(config.distribution)
        replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            self.model = tiny.classifier(num_hidden_layers=1, **tiny.dropping())
        evaluated = []

        def evaluate():
            number = evaluated[-1] + 1 if evaluated else self.first_evaluation
            evaluated.append(number)
            self.evaluations.append(tiny.arrays(self.model))
            at_evaluation(number)
            return {"accuracy": SCORES[number], "loss": 1.5}

        def rows(start_step):
            self.first_evaluation = start_step // config.eval_steps
            self.start_step = start_step
            return training_rows(
                tiny.columns(13),
                tiny.features,
                batch_size=config.per_device_train_batch_size,
                micro_batches=replicas,
                seed=config.seed,
                start_step=start_step,
            )

        self.lines, self.scores = loop.train(
            self.model,
            tiny.task(),
            rows,
            config=config,
            steps_per_epoch=steps_per_epoch(
                13, config.per_device_train_batch_size, replicas
            ),
            evaluate=evaluate if config.eval_strategy != "no" else None,
            strategy=strategy,
            output_dir=output_dir,
        )
        self.saved = saved(output_dir)
        with open(output_dir / "metrics.jsonl", encoding="utf-8") as lines:
            self.written = [json.loads(line) for line in lines]


def saved(output_dir):
    """Every tensor of the newest checkpoint, optimizer and all."""
    reader = tf.train.load_checkpoint(str(output_dir / "checkpoints"))
    shapes = reader.get_variable_to_shape_map()
    return {
        name: reader.get_tensor(name) for name in shapes if not name.startswith("_")
    }


def without_speed(lines):
    return [
        {name: line[name] for name in line if name != "examples_per_second"}
        for line in lines
    ]


def assert_identical(received, expected):
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(received[name], array, err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("whole"))


class TestLog:
    def test_a_line_a_step_and_a_line_an_evaluation(self, whole):
        assert whole.written == whole.lines
        steps = [(line["step"], "loss" in line) for line in whole.lines]
        trained = [(step, True) for step in range(1, 7)]
        evaluated = [(step, False) for step in (2, 4, 6)]
        # The evaluation comes after the training step it evaluates.
        assert steps == sorted(
            trained + evaluated, key=lambda pair: (pair[0], -pair[1])
        )

    def test_what_a_line_says(self, whole):
        first, _, evaluation = whole.lines[:3]
        assert first.keys() == {
            "step",
            "loss",
            "classification",
            "grad_norm",
            "learning_rate",
            "epoch",
            "examples_per_second",
        }
        assert first["loss"] == first["classification"] > 0
        assert evaluation == {"step": 2, "eval_accuracy": 0.25, "eval_loss": 1.5}

    def test_learning_rate_and_epoch(self, whole):
        trained = [line for line in whole.lines if "loss" in line]
        # One step of warm-up, then linear to 0 in five; 13 examples take 3 steps.
        rates = [0.0, 1e-2, 8e-3, 6e-3, 4e-3, 2e-3]
        assert [x["learning_rate"] for x in trained] == pytest.approx(rates)
        epochs = [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2]
        assert [x["epoch"] for x in trained] == pytest.approx(epochs)

    def test_curves_for_tensorboard(self, whole):
        (path,) = (whole.output_dir / "tensorboard").iterdir()
        tags = {
            value.tag
            for event in tf.compat.v1.train.summary_iterator(str(path))
            for value in event.summary.value
        }
        assert {"loss", "learning_rate", "eval_accuracy"} <= tags


class TestBest:
    def test_the_best_weights_are_kept(self, whole):
        assert_identical(tiny.arrays(whole.model), whole.evaluations[1])
        assert whole.scores == {"eval_accuracy": 0.75, "eval_loss": 1.5}

    def test_or_the_last_where_asked(self, tmp_path, whole):
        last = Run(
            tmp_path, TrainConfig(**{**vars(CONFIG), "load_best_model_at_end": False})
        )
        assert_identical(tiny.arrays(last.model), whole.evaluations[2])
        assert last.scores == {"eval_accuracy": 0.5, "eval_loss": 1.5}


class TestResume:
    def test_after_a_crash(self, tmp_path, whole):
        def crash(number):
            if number == 1:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path, at_evaluation=crash)  # At step 4; saved at step 3.
        resumed = Run(tmp_path)
        assert resumed.start_step == 3
        self.assert_as_if_nothing_happened(resumed, whole)

    def test_after_sigterm(self, tmp_path, whole):
        def stop(number):
            if number == 1:
                os.kill(os.getpid(), signal.SIGTERM)

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(loop.Stopped, match="SIGTERM at step 4 of 6"):
            Run(tmp_path, at_evaluation=stop)
        assert signal.getsignal(signal.SIGTERM) is before
        resumed = Run(tmp_path)
        assert resumed.start_step == 4
        self.assert_as_if_nothing_happened(resumed, whole)

    def test_at_the_end_with_a_torn_last_line(self, tmp_path, whole):
        shutil.copytree(whole.output_dir, tmp_path, dirs_exist_ok=True)
        with open(tmp_path / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write('{"step": 6, "lo')
        again = Run(tmp_path)
        assert again.start_step == 6
        assert again.evaluations == []
        self.assert_as_if_nothing_happened(again, whole)

    @staticmethod
    def assert_as_if_nothing_happened(resumed, whole):
        assert any("means" in name for name in whole.saved)
        assert_identical(resumed.saved, whole.saved)
        assert_identical(tiny.arrays(resumed.model), tiny.arrays(whole.model))
        assert without_speed(resumed.written) == without_speed(whole.written)
        assert resumed.scores == whole.scores

    def test_lines_of_several_steps(self, tmp_path):
        config = TrainConfig(**{**vars(CONFIG), "logging_steps": 3})
        lines = without_speed(Run(tmp_path / "whole", config).lines)

        def crash(number):
            if number == 2:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path / "resumed", config, at_evaluation=crash)
        assert without_speed(Run(tmp_path / "resumed", config).lines) == lines

    def test_two_replicas(self, tmp_path):
        config = TrainConfig(
            **{
                **vars(CONFIG),
                "distribution": "mirrored",
                "per_device_train_batch_size": 3,
            }
        )
        whole = Run(tmp_path / "whole", config)

        def crash(number):
            if number == 1:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path / "resumed", config, at_evaluation=crash)
        self.assert_as_if_nothing_happened(Run(tmp_path / "resumed", config), whole)


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    model = tiny.classifier()
    model.classifier.bias.assign(np.full(tiny.LABELS, np.nan))
    rows = training_rows(tiny.columns(5), tiny.features, batch_size=5)
    with pytest.raises(ArithmeticError, match="loss is nan at step 1 .*learning_rate"):
        loop.train(
            model,
            tiny.task(),
            lambda _: rows,
            config=CONFIG,
            steps_per_epoch=1,
            evaluate=None,
            strategy=make_strategy("one_device"),
            output_dir=tmp_path,
        )
    assert not list(tmp_path.glob("checkpoints/ckpt-*"))  # Nothing to go on from.


class TestConfig:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("per_device_train_batch_size", 0, "at least 1; received 0"),
            ("gradient_accumulation_steps", 0, "at least 1; received 0"),
            ("max_grad_norm", -1.0, "at least 0; received -1.0"),
            ("eval_strategy", "never", "one of epoch, steps, no; received 'never'"),
            ("lr_scheduler_type", "sine", "linear, cosine, constant; received 'sine'"),
            ("learning_rate", 0.0, "must be > 0; received 0.0"),
            ("learning_rate", float("nan"), "must be > 0; received nan"),
            ("num_train_epochs", 0.0, "must be > 0; received 0.0"),
            ("warmup_ratio", 1.5, r"in \[0, 1\]; received 1.5"),
        ],
    )
    def test_a_value_out_of_range(self, name, value, message):
        with pytest.raises(ValueError, match=f"{name} .*{message}"):
            TrainConfig(**{name: value})

    def test_steps_follow_from_epochs_unless_given(self):
        assert TrainConfig(num_train_epochs=2.5).total_steps(7) == 18
        assert TrainConfig(num_train_epochs=2.5, max_steps=4).total_steps(7) == 4
