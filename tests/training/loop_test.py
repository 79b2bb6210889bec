"""The loop: what it logs, keeps and saves; a resumed run ends like an undisturbed one."""

import itertools
import json
import os
import pathlib
import re
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.rows.batches import steps_per_epoch
from bert_tf.data.rows.pipeline import training_rows
from bert_tf.disk import WriteError, literal
from bert_tf.training import checkpoints, divergence, loop, selection
from bert_tf.training.journal import training_figures
from bert_tf.training.loop import TrainConfig
from bert_tf.training.run_folder import last_step
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.engine import Engine
from bert_tf.training.tensorflow.workers import Workers

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
# Of the evaluations, in their order. The best of the first three is that of step 4.
SCORES = (0.25, 0.75, 0.5, 0.75, 0.875, 1.0)


class Run:
    """A run on 13 examples, in which `at_evaluation(number)` may raise an error."""

    def __init__(self, output_dir, config=CONFIG, at_evaluation=lambda _: None):
        self.output_dir = output_dir
        output_dir.mkdir(exist_ok=True)
        self.evaluations = []
        strategy = make_strategy(config.distribution)
        replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            self.model = tiny.classifier(
                num_hidden_layers=1, dtype=config.dtype_policy, **tiny.dropping()
            )
        selection.select(self.model, freeze=config.freeze)
        evaluated = []

        def evaluate():
            number = evaluated[-1] + 1 if evaluated else self.first_evaluation
            evaluated.append(number)
            self.evaluations.append(tiny.arrays(self.model))
            at_evaluation(number)
            return {"accuracy": SCORES[number], "loss": 1.5}

        def rows(start_step, _):
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

        steps = steps_per_epoch(13, config.per_device_train_batch_size, replicas)
        self.lines, self.scores = train(
            self.model,
            rows,
            config=config,
            steps_per_epoch=steps,
            evaluate=evaluate if config.eval_strategy != "no" else None,
            output_dir=output_dir,
        )
        self.saved = saved(output_dir)
        with open(output_dir / "metrics.jsonl", encoding="utf-8") as lines:
            self.written = [json.loads(line) for line in lines]


def train(model, rows, *, config, steps_per_epoch, **options):
    engine = Engine(
        model,
        tiny.task(),
        config,
        make_strategy(config.distribution),
        total_steps=config.total_steps(steps_per_epoch),
    )
    return loop.train(
        engine,
        rows,
        config=config,
        steps_per_epoch=steps_per_epoch,
        metric="accuracy",
        **options,
    )


def saved(output_dir):
    """Every tensor and every number of the newest checkpoint."""
    newest = output_dir / f"checkpoints/ckpt-{last_step(output_dir)}"
    with literal(newest.parent) as folder:
        reader = tf.train.load_checkpoint(str(folder / newest.name))
        tensors = {
            name: reader.get_tensor(name)
            for name in reader.get_variable_to_shape_map()
            if not name.startswith("_")
        }
    with open(f"{newest}.json", encoding="utf-8") as file:
        return tensors | json.load(file)


def without_speed(lines):
    return [
        {name: line[name] for name in line if not name.endswith("_per_second")}
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

    def test_the_values_of_a_line(self, whole):
        first, _, evaluation = whole.lines[:3]
        assert first.keys() == {
            "step",
            "loss",
            "classification",
            "grad_norm",
            "learning_rate",
            "epoch",
            "examples_per_second",
            "tokens_per_second",
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

    def test_or_the_last_on_request(self, tmp_path, whole):
        last = Run(
            tmp_path, TrainConfig(**{**vars(CONFIG), "load_best_model_at_end": False})
        )
        assert_identical(tiny.arrays(last.model), whole.evaluations[2])
        assert last.scores == {"eval_accuracy": 0.5, "eval_loss": 1.5}


@pytest.mark.slow
def test_averages_are_scored_kept_and_resumed(tmp_path, whole):
    config = changed(ema_decay=0.5, load_best_model_at_end=False)
    run = Run(tmp_path / "run", config)
    # Training itself does not use them.
    for name, value in whole.saved.items():
        np.testing.assert_array_equal(run.saved[name], value, err_msg=name)
    averages = {name: value for name, value in run.saved.items() if "averages" in name}
    assert len(averages) == len(run.model.trainable_variables)
    held = tiny.arrays(run.model)
    assert_identical(run.evaluations[-1], held)
    for path, value in held.items():
        assert any(np.array_equal(value, average) for average in averages.values())
        assert not np.array_equal(value, tiny.arrays(whole.model)[path])

    def crash(number):
        if number == 1:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Run(tmp_path / "cut", config, crash)
    resumed = Run(tmp_path / "cut", config)
    assert resumed.start_step > 0
    assert_identical(tiny.arrays(resumed.model), held)
    assert_identical(resumed.saved, run.saved)


class TestResume:
    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_lines_of_several_steps(self, tmp_path):
        config = TrainConfig(**{**vars(CONFIG), "logging_steps": 3})
        lines = without_speed(Run(tmp_path / "whole", config).lines)

        def crash(number):
            if number == 2:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path / "resumed", config, at_evaluation=crash)
        assert without_speed(Run(tmp_path / "resumed", config).lines) == lines

    @pytest.mark.slow  # Three runs of two replicas; each trait has a test of its own.
    def test_two_replicas_in_float16(self, tmp_path):
        config = TrainConfig(
            **{
                **vars(CONFIG),
                "distribution": "mirrored",
                "per_device_train_batch_size": 3,
                "fp16": True,
            }
        )
        whole = Run(tmp_path / "whole", config)

        def crash(number):
            if number == 1:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path / "resumed", config, at_evaluation=crash)
        self.assert_as_if_nothing_happened(Run(tmp_path / "resumed", config), whole)
        trained = [line for line in whole.lines if "loss" in line]
        assert [line["loss_scale"] for line in trained] == [2.0**15] * 6
        assert all(0 < line["grad_norm"] < 100 for line in trained)  # Not scaled.


def changed(**changes):
    return TrainConfig(**{**vars(CONFIG), **changes})


class TestEarlyStopping:
    CONFIG = changed(max_steps=12, early_stopping_patience=2)
    REASON = "accuracy did not rise in 2 evaluations; best 0.7500 at step 4"

    @pytest.fixture(scope="class")
    @classmethod
    def stopped(cls, tmp_path_factory):
        return Run(tmp_path_factory.mktemp("stopped"), cls.CONFIG)

    def test_ends_the_run_with_the_best_weights_and_says_why(self, stopped):
        assert len(stopped.evaluations) == 4  # At steps 2, 4, 6 and 8.
        assert stopped.lines[-1] == {"step": 8, "stopped_early": self.REASON}
        assert_identical(tiny.arrays(stopped.model), stopped.evaluations[1])
        assert stopped.scores == {"eval_accuracy": 0.75, "eval_loss": 1.5}
        figures = training_figures(stopped.lines)
        assert figures["train_steps"] == 8
        assert figures["train_stopped_early"] == self.REASON

    def test_a_resumed_run_keeps_the_count(self, tmp_path, stopped):
        def crash(number):
            if number == 3:
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path, self.CONFIG, at_evaluation=crash)
        resumed = Run(tmp_path, self.CONFIG)
        assert resumed.start_step == 6
        assert len(resumed.evaluations) == 1
        assert without_speed(resumed.written) == without_speed(stopped.written)
        assert_identical(tiny.arrays(resumed.model), tiny.arrays(stopped.model))

    def test_a_run_that_was_stopped_stays_so(self, tmp_path, stopped):
        shutil.copytree(stopped.output_dir, tmp_path, dirs_exist_ok=True)
        again = Run(tmp_path, self.CONFIG)
        assert (again.start_step, again.evaluations) == (8, [])
        assert again.written == stopped.written
        assert_identical(tiny.arrays(again.model), tiny.arrays(stopped.model))


class TestDamage:
    CONFIG = changed(save_total_limit=3)

    @pytest.fixture(scope="class")
    @classmethod
    def three(cls, tmp_path_factory):
        return Run(tmp_path_factory.mktemp("three"), cls.CONFIG)

    def test_the_newest_checkpoints_are_kept(self, three, whole):
        for run, expected in (
            (three, {"ckpt-3", "ckpt-4", "ckpt-6"}),
            (whole, {"ckpt-6"}),
        ):
            for end in ("index", "json"):
                files = run.output_dir.glob(f"checkpoints/ckpt*{end}")
                assert {path.stem for path in files} == expected

    @pytest.mark.parametrize(
        ("part", "damage"),
        [
            ("index", lambda data: b""),
            ("index", lambda data: data[: len(data) // 2]),
            ("data-00000-of-00001", lambda data: data[: len(data) // 2]),
            (
                "data-00000-of-00001",
                lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
            ),
            ("json", lambda data: b""),
            ("json", lambda data: data[: len(data) // 2]),
            ("json", lambda data: bytes(len(data))),
        ],
        ids=[
            "index-empty",
            "index-cut",
            "data-cut",
            "data-zeros",
            "numbers-empty",
            "numbers-cut",
            "numbers-zeros",
        ],
    )
    def test_a_damaged_newest_falls_back(self, tmp_path, three, caplog, part, damage):
        shutil.copytree(three.output_dir, tmp_path, dirs_exist_ok=True)
        path = tmp_path / "checkpoints" / f"ckpt-6.{part}"
        path.write_bytes(damage(path.read_bytes()))
        resumed = Run(tmp_path, self.CONFIG)
        assert resumed.start_step == 4
        assert "ckpt-6 is damaged" in caplog.text
        TestResume.assert_as_if_nothing_happened(resumed, three)

    def test_a_newest_without_numbers_is_unfinished(self, tmp_path, three):
        shutil.copytree(three.output_dir, tmp_path, dirs_exist_ok=True)
        (tmp_path / "checkpoints/ckpt-6.json").unlink()
        resumed = Run(tmp_path, self.CONFIG)
        assert resumed.start_step == 4
        TestResume.assert_as_if_nothing_happened(resumed, three)

    def test_numbers_come_last(self, tmp_path, monkeypatch, whole):
        """A process that is killed while it saves leaves no numbers without tensors."""

        def kill(path, text):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "write_text", kill)
            with pytest.raises(KeyboardInterrupt):
                Run(tmp_path)
        assert list(tmp_path.glob("checkpoints/ckpt-2.index"))
        assert last_step(tmp_path) is None
        resumed = Run(tmp_path)
        assert resumed.start_step == 0
        TestResume.assert_as_if_nothing_happened(resumed, whole)

    @pytest.mark.parametrize("numbers", [b"[]", b'{"step": 4}', b"[" * 100_000])
    def test_numbers_of_another_kind_fall_back(self, tmp_path, three, caplog, numbers):
        shutil.copytree(three.output_dir, tmp_path, dirs_exist_ok=True)
        (tmp_path / "checkpoints/ckpt-6.json").write_bytes(numbers)
        assert Run(tmp_path, self.CONFIG).start_step == 4
        assert re.search(r"ckpt-6 is damaged \(.*ckpt-6.json ", caplog.text)

    def test_none_whole_is_an_error(self, tmp_path, whole):
        shutil.copytree(whole.output_dir, tmp_path, dirs_exist_ok=True)
        (tmp_path / "checkpoints/ckpt-6.data-00000-of-00001").write_bytes(b"")
        with pytest.raises(
            ValueError,
            match="no checkpoint in .* is whole; start anew with --overwrite",
        ):
            Run(tmp_path)


class TestLostBest:
    """The best weights of `whole` are those of step 4; of step 6 are the last ones."""

    @staticmethod
    def crash(number):
        if number == 2:
            raise RuntimeError("power cut")

    @pytest.mark.parametrize(
        "damage", [pathlib.Path.unlink, lambda p: os.truncate(p, 99)]
    )
    def test_at_the_end_the_last_weights_count(
        self, tmp_path, whole, caplog, monkeypatch, damage
    ):
        load_best = Engine.load_best

        def lose(engine):
            damage(tmp_path / "checkpoints/best.data-00000-of-00001")
            return load_best(engine)

        monkeypatch.setattr(Engine, "load_best", lose)
        run = Run(tmp_path)
        assert (
            "the best weights (step 4) are lost; the model has the last" in caplog.text
        )
        assert_identical(tiny.arrays(run.model), whole.evaluations[2])
        assert run.scores == {"eval_accuracy": 0.5, "eval_loss": 1.5}

    def test_averages_are_those_of_the_end(self, tmp_path, monkeypatch):
        config = changed(ema_decay=0.5)
        load_best = Engine.load_best

        def lose(engine):
            (tmp_path / "checkpoints/best.index").unlink()
            return load_best(engine)

        monkeypatch.setattr(Engine, "load_best", lose)
        run = Run(tmp_path, config)
        assert_identical(tiny.arrays(run.model), run.evaluations[2])

    def test_a_resumed_run_says_so_and_goes_on(self, tmp_path, whole, caplog):
        config = changed(save_steps=1)
        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path, config, self.crash)  # At step 6; the best is of step 4.
        (tmp_path / "checkpoints/best.index").unlink()
        run = Run(tmp_path, config)
        assert run.start_step == 5
        assert (
            "the best weights (step 4) are missing or damaged: the best of the "
            "evaluations to come counts." in caplog.text
        )
        assert_identical(tiny.arrays(run.model), whole.evaluations[2])
        assert run.scores == {"eval_accuracy": 0.5, "eval_loss": 1.5}

    def test_the_checkpoint_of_the_same_step_has_them(self, tmp_path, whole, caplog):
        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path, at_evaluation=self.crash)
        os.truncate(tmp_path / "checkpoints/best.data-00000-of-00001", 100)
        run = Run(tmp_path)
        assert run.start_step == 4
        assert "(step 4) are missing or damaged: they are written again" in caplog.text
        TestResume.assert_as_if_nothing_happened(run, whole)

    def test_nothing_is_said_if_they_are_not_needed(self, tmp_path, caplog):
        config = changed(load_best_model_at_end=False)
        with pytest.raises(RuntimeError, match="power cut"):
            Run(tmp_path, config, self.crash)
        (tmp_path / "checkpoints/best.index").unlink()
        assert Run(tmp_path, config).start_step == 4
        assert "best weights" not in caplog.text


def test_a_folder_with_the_name_of_a_pattern(tmp_path, whole):
    name = r"run[1]\*"

    def crash(number):
        if number == 2:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        Run(tmp_path / name, at_evaluation=crash)
    resumed = Run(tmp_path / name)
    assert resumed.start_step == 4
    assert_identical(tiny.arrays(resumed.model), tiny.arrays(whole.model))
    assert resumed.scores == whole.scores


@pytest.mark.parametrize("content", [None, b"", b"\x00garbage"])
def test_no_state_file_of_tensorflow_is_needed(tmp_path, whole, content):
    shutil.copytree(whole.output_dir, tmp_path, dirs_exist_ok=True)
    if content is not None:
        (tmp_path / "checkpoints/checkpoint").write_bytes(content)
    again = Run(tmp_path)
    assert again.start_step == 6
    TestResume.assert_as_if_nothing_happened(again, whole)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, whole, monkeypatch):
    write, calls = tf.train.Checkpoint.write, []

    def fail(checkpoint, path):
        if path.endswith("ckpt-4"):
            calls.append(path)
            raise tf.errors.ResourceExhaustedError(
                None, None, "No space left on device"
            )
        return write(checkpoint, path)

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", fail)
        with pytest.raises(WriteError, match="ckpt-4: No space left .* MB are needed"):
            Run(tmp_path)
    assert calls
    assert last_step(tmp_path) == 3
    resumed = Run(tmp_path)
    assert resumed.start_step == 3
    TestResume.assert_as_if_nothing_happened(resumed, whole)


class TestLines:
    def test_damage_is_an_error_with_file_and_line(self, tmp_path, whole):
        shutil.copytree(whole.output_dir, tmp_path, dirs_exist_ok=True)
        path = tmp_path / "metrics.jsonl"
        path.write_text("[1]\n" + path.read_text())
        with pytest.raises(ValueError, match="metrics.jsonl:1 must .*Remove this line"):
            Run(tmp_path)

    def test_an_evaluation_is_one_line_on_the_screen(self, tmp_path, caplog):
        caplog.set_level("INFO", "bert_tf")
        Run(tmp_path)
        assert [x for x in caplog.messages if "accuracy" in x] == [
            "step 2 of 6: accuracy 0.2500, loss 1.5000; the best so far.",
            "step 4 of 6: accuracy 0.7500, loss 1.5000; the best so far.",
            "step 6 of 6: accuracy 0.5000, loss 1.5000; best 0.7500 at step 4.",
        ]


class TestDivergence:
    """The last update diverges, which no loss of training shows."""

    CONFIG = changed(max_steps=3, eval_strategy="no", save_steps=2)

    def test_weights_that_are_not_finite(self, tmp_path, monkeypatch):
        def diverge(engine):
            diverged = engine.learning_rate() < 6e-3  # At the last step.
            return not diverged

        monkeypatch.setattr(Engine, "is_finite", diverge)
        with pytest.raises(ArithmeticError, match="weights are .* update at step 3 "):
            Run(tmp_path, self.CONFIG)
        assert last_step(tmp_path) == 2

    def test_is_finite(self):
        model = tiny.classifier()
        strategy = make_strategy("one_device")
        engine = Engine(model, tiny.task(), CONFIG, strategy, total_steps=3)
        assert engine.is_finite()
        for value in (np.nan, np.inf):
            model.classifier.bias.assign(np.full(tiny.LABELS, value))
            assert not engine.is_finite()

    def test_outputs_that_are_not_finite(self, tmp_path):
        def diverge():
            raise divergence.NotFinite("the model computes NaN logits")

        for number, functions in enumerate(
            ({"evaluate": None, "probe": diverge}, {"evaluate": diverge})
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            config = changed(max_steps=2, save_steps=1, eval_strategy="steps")
            with pytest.raises(ArithmeticError, match="NaN logits at step 2 "):
                train(
                    tiny.classifier(),
                    lambda *_: training_rows(
                        tiny.columns(5), tiny.features, batch_size=5
                    ),
                    config=config,
                    steps_per_epoch=1,
                    output_dir=folder,
                    **functions,
                )
            assert last_step(folder) == 1


def test_frozen_weights_stay_and_have_no_state(tmp_path, whole):
    config = changed(freeze="embeddings", load_best_model_at_end=False)
    run = Run(tmp_path, config)
    before = {
        weight.path: keras.ops.convert_to_numpy(weight)
        for weight in tiny.classifier(num_hidden_layers=1).weights
    }
    for weight in run.model.weights:
        frozen = "/embeddings/" in weight.path
        same = np.array_equal(keras.ops.convert_to_numpy(weight), before[weight.path])
        assert same == frozen, weight.path
    # TensorFlow writes "/" as ".S".
    assert any("embeddings.Sword" in name for name in whole.saved)
    assert not any("embeddings.S" in name for name in run.saved)


def test_a_rising_loss_is_warned_of_once(tmp_path, caplog):
    config = changed(max_steps=10, learning_rate=1.0, eval_strategy="no")
    Run(tmp_path, config)
    (warning,) = [line for line in caplog.messages if "training diverges" in line]
    assert "--learning_rate=3.3e-01" in warning


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path):
    model = tiny.classifier()
    model.classifier.bias.assign(np.full(tiny.LABELS, np.nan))
    rows = training_rows(tiny.columns(5), tiny.features, batch_size=5)
    with pytest.raises(
        ArithmeticError, match="loss is nan at step 1, before the first change"
    ):
        train(
            model,
            lambda *_: rows,
            config=CONFIG,
            steps_per_epoch=1,
            evaluate=None,
            output_dir=tmp_path,
        )
    assert not list(tmp_path.glob("checkpoints/ckpt-*"))  # Nothing to go on from.


@pytest.fixture
def minutes(monkeypatch):
    """A configuration of one minute; each reading of the clock takes a second."""
    ticks = itertools.count(1000.0)
    monkeypatch.setattr(Workers, "now", lambda _: next(ticks))
    changes = {"max_steps": 0, "train_minutes": 1.0, "eval_strategy": "no"}
    return TrainConfig(**{**vars(CONFIG), **changes})


class TestMinutes:
    def test_the_learning_rate_follows_the_time(self, minutes, tmp_path):
        run = Run(tmp_path, minutes)
        rates = [line["learning_rate"] for line in run.written]
        peak = int(np.argmax(rates))
        assert 0 < peak < len(rates) / 4
        assert rates[0] == 0.0
        assert rates[peak] == pytest.approx(1e-2, rel=0.1)
        assert rates[peak:] == sorted(rates[peak:], reverse=True)
        assert rates[-1] < 1e-3
        assert len(rates) > 10
        assert 60 <= run.saved["seconds"] < 66

    def test_a_resumed_run_has_the_time_that_is_left(self, minutes, tmp_path):
        whole = Run(tmp_path / "whole", minutes)
        spent = len(whole.written)
        # A run of half the length leaves a checkpoint at half the time.
        half = TrainConfig(**{**vars(minutes), "train_minutes": 0.5})
        half = Run(tmp_path / "parts", half)
        assert len(half.written) < 0.7 * spent
        rest = Run(tmp_path / "parts", minutes)
        assert rest.start_step == len(half.written)
        assert len(rest.written) == pytest.approx(spent, abs=4)
        again = Run(tmp_path / "parts", minutes)
        assert again.written == rest.written  # No time is left.

    def test_the_time_ends_during_an_evaluation(self, tmp_path, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(Workers, "now", lambda _: now[0])

        def wait(_):
            now[0] += 50.0

        config = TrainConfig(**{**vars(CONFIG), "max_steps": 0, "train_minutes": 1.0})
        run = Run(tmp_path, config, at_evaluation=wait)
        assert [line["step"] for line in run.lines] == [1, 2, 2, 3, 4, 4]
        again = Run(tmp_path, config)
        assert (again.start_step, again.evaluations) == (4, [])

    def test_the_time_ends_during_a_checkpoint(self, tmp_path, monkeypatch):
        """The last weights are evaluated, after one more update with a learning rate of 0."""
        now, save = [0.0], Engine.save
        monkeypatch.setattr(Workers, "now", lambda _: now[0])

        def slow_save(engine, step, numbers):
            save(engine, step, numbers)
            now[0] += 70.0 * (step == 3)

        monkeypatch.setattr(Engine, "save", slow_save)
        config = TrainConfig(**{**vars(CONFIG), "max_steps": 0, "train_minutes": 1.0})
        run = Run(tmp_path, config)
        assert [line["step"] for line in run.lines] == [1, 2, 2, 3, 4, 4]
        assert run.lines[-2]["learning_rate"] == 0.0
        assert "eval_accuracy" in run.lines[-1]


class TestConfig:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("per_device_train_batch_size", 0, "at least 1; received 0"),
            ("gradient_accumulation_steps", 0, "at least 1; received 0"),
            ("max_grad_norm", -1.0, "at least 0; received -1.0"),
            ("eval_strategy", "never", "one of epoch, steps, no; received 'never'"),
            (
                "lr_scheduler_type",
                "sine",
                "polynomial, cosine, constant; received 'sine'",
            ),
            ("learning_rate", 0.0, "must be > 0; received 0.0"),
            ("learning_rate", float("nan"), "must be finite; received nan"),
            ("learning_rate", float("inf"), "must be finite; received inf"),
            ("num_train_epochs", float("inf"), "must be finite; received inf"),
            ("max_grad_norm", float("inf"), "must be finite; received inf"),
            ("weight_decay", float("nan"), "must be finite; received nan"),
            ("warmup_ratio", -0.1, r"in \[0, 1\]; received -0.1"),
            ("max_warmup_steps", -1, "at least 0; received -1"),
            ("adam_beta1", 1.0, r"in \[0, 1\); received 1.0"),
            ("adam_beta2", -1.0, r"in \[0, 1\); received -1.0"),
            ("ema_decay", 1.0, r"in \[0, 1\); received 1.0"),
            ("adam_epsilon", 0.0, "must be > 0, .*; received 0.0"),
            ("adam_epsilon", 1e-60, "smallest number of float32; received 1e-60"),
            ("max_steps", 10**30, "at most 2,147,483,647; received '10000"),
            ("seed", 2**31, "at most 2,147,483,647; received '2147483648'"),
            ("gradient_accumulation_steps", 5000, "at most 4096; received 5000"),
            ("num_train_epochs", 0.0, "must be > 0; received 0.0"),
            ("warmup_ratio", 1.5, r"in \[0, 1\]; received 1.5"),
            ("save_total_limit", 0, "at least 1; received 0"),
            ("early_stopping_threshold", -0.1, "at least 0; received -0.1"),
            ("lora_rank", -1, "at least 0; received -1"),
            ("lora_alpha", 0.0, "must be > 0; received 0.0"),
            ("layerwise_lr_decay", 0.0, r"in \(0, 1\]; received 0.0"),
            ("layerwise_lr_decay", 1.1, r"in \(0, 1\]; received 1.1"),
            ("freeze", "head", "as in embeddings,3; received 'head'"),
            (
                *("attention", "flash"),
                "one of ops, by_example, splash, cudnn; received 'flash'",
            ),
        ],
    )
    def test_a_value_out_of_range(self, name, value, message):
        with pytest.raises(ValueError, match=f"{name} .*{message}"):
            TrainConfig(**{name: value})

    @pytest.mark.parametrize(
        ("name", "value", "noun"),
        [
            ("learning_rate", "1e-3", "a number; received '1e-3'"),
            ("max_steps", 10.0, "a whole number; received 10.0"),
            ("seed", None, "a whole number; received None"),
        ],
    )
    def test_a_value_of_another_type(self, name, value, noun):
        with pytest.raises(TypeError, match=f"{name} must be {noun}"):
            TrainConfig(**{name: value})

    def test_numpy_numbers_are_numbers(self):
        config = TrainConfig(max_steps=np.int64(3), learning_rate=np.float32(0.5))
        assert config.total_steps(7) == 3

    def test_more_updates_than_can_be_counted(self):
        with pytest.raises(ValueError, match=r"epochs=1e\+300 makes 7e\+300 updates"):
            TrainConfig(num_train_epochs=1e300).total_steps(7)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"bf16": True, "fp16": True}, "exclude each other"),
            ({"attention": "cudnn"}, "in half precision; pass bf16 too"),
            ({"train_minutes": float("inf")}, "must be finite; received inf"),
            (
                {"max_steps": 5, "train_minutes": 2.0},
                "both set the length of the run; drop one",
            ),
            ({"freeze": "3", "lora_rank": 8}, "lora_rank=8 .*drop freeze='3'"),
            (
                {"quantization_aware": True, "bf16": True},
                "quantization_aware .*drop bf16",
            ),
            (
                {"early_stopping_patience": 3, "eval_strategy": "no"},
                "early_stopping_patience=3 needs evaluations",
            ),
        ],
    )
    def test_values_that_exclude_each_other(self, changes, message):
        with pytest.raises(ValueError, match=message):
            TrainConfig(**changes)

    def test_steps_follow_from_epochs_unless_given(self):
        assert TrainConfig(num_train_epochs=2.5).total_steps(7) == 18
        assert TrainConfig(num_train_epochs=2.5, max_steps=4).total_steps(7) == 4
