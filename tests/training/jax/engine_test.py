"""JAX's engine: equal to TensorFlow's, on any number of devices, and resumed bit for bit."""

import json

import both_engines as cases
import numpy as np
import pytest
import tensorflow as tf
import tiny
from jax_processes import run

from bert_tf.training import selection
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.engine import Engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("jax")


@pytest.fixture(scope="module")
def report(folder):
    """What `train_under_jax.py` prints; it trains on four virtual devices of JAX."""
    return run(
        "train_under_jax.py",
        folder,
        devices=4,
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # Compilation takes the most time.
    )


def train_in_tensorflow(changes):
    """Returns losses, norms, learning rates and weights of the same run."""
    config = cases.changed(**changes)
    model = cases.make_model()
    selection.select(model, freeze=config.freeze)
    strategy = make_strategy("one_device")
    engine = Engine(model, cases.Task(), config, strategy, total_steps=cases.STEPS)
    spec = {
        name: tf.TensorSpec(array.shape, array.dtype)
        for name, array in cases.make_rows(0).items()
    }
    engine.start(
        lambda step, _: tf.data.Dataset.from_generator(
            lambda: cases.stream(step), output_signature=spec
        ),
        0,
    )
    metrics, rates = [], []
    for step in range(1, cases.STEPS + 1):
        metrics.append(engine.update(step))
        rates.append(engine.learning_rate())
    engine.load_averages()
    names = [n for n in metrics[0] if n.endswith("loss") or n == "grad_norm"]
    columns = {name: [float(line[name]) for line in metrics] for name in names}
    return columns | {"rates": rates} | cases.weights_of(model)


@pytest.mark.parametrize("variant", cases.VARIANTS)
def test_equals_tensorflow(variant, report, folder):
    expected = train_in_tensorflow(cases.VARIANTS[variant])
    with np.load(folder / f"{variant}.npz") as received:
        for name, values in expected.items():
            tolerance = {"atol": 1e-5, "rtol": 1e-5}
            np.testing.assert_allclose(
                received[name], values, **tolerance, err_msg=name
            )
    assert expected["loss"][0] > 1.0


def test_one_device_is_several(report):
    for devices in ("2", "4"):
        assert report["several"][devices]["losses"] < 1e-6
        assert report["several"][devices]["weights"] < 1e-6


def test_devices_of_a_cpu_compute_together_on_request(report):
    assert report["devices"] == [1, 1, 4]


def test_the_log_of_an_update(report):
    # Four micro-batches of five examples and of 40 tokens; each has a sixth of padding.
    assert (report["examples"], report["tokens"]) == (20, 160)
    assert report["is_finite"]
    assert report["notes"] == "JAX compiled the update for 1 shape of rows."


class TestCheckpoints:
    def test_the_newest_are_kept(self, report):
        names = [
            f"ckpt-{step}.{end}" for step in (4, 6) for end in ("json", "safetensors")
        ]
        assert report["files"] == names

    def test_a_resumed_run_ends_in_the_same_bits(self, report):
        assert report["resumed"] == {"start": 4, "same": True}

    def test_damaged_ones_are_left_out(self, report):
        flipped, torn, *_ = report["messages"]
        assert (
            "ckpt-6 is damaged (ckpt-6.safetensors: its numbers do not have" in flipped
        )
        assert "ckpt-6 is damaged (ckpt-6.safetensors: " in torn
        assert report["torn"] == 4
        assert (
            "is whole; start anew with --overwrite_output_dir" in report["none_whole"]
        )

    def test_the_best_weights(self, report):
        missing, there, loaded, same, damaged = report["best"]
        assert (missing, there, loaded, same, damaged) == (
            False,
            True,
            True,
            True,
            False,
        )

    def test_those_of_tensorflow_are_refused(self, report):
        assert (
            "are tensorflow's, which jax cannot read; go on with" in report["foreign"]
        )
        assert "--engine=tensorflow" in report["foreign"]


def test_checkpoints_of_jax_are_refused_by_tensorflow(report, folder):
    engine = Engine(
        tiny.classifier(),
        tiny.task(),
        cases.TRAINING,
        make_strategy("one_device"),
        total_steps=1,
    )
    with pytest.raises(ValueError, match="are jax's, which tensorflow cannot read; go"):
        engine.restore(folder / "adamw")


def test_a_weight_that_no_loss_reaches_does_not_decay(report):
    assert report["unreached"]


def test_gradient_checkpointing_changes_nothing(report):
    assert report["recomputed"]["losses"] < 1e-6
    assert report["recomputed"]["weights"] < 1e-6


def test_bfloat16_is_near(report):
    assert 1e-5 < report["bf16"]["losses"] < 0.05


def test_adapters_alone_train_and_are_merged(report):
    trained = report["adapted"]["trained"]
    assert (
        len(trained) == 2 * 2 * 2 + 2
    )  # A and B of two kernels a layer, and the head.
    assert all("lora_kernel_" in path or "classifier" in path for path in trained)
    assert report["adapted"]["merged"] < 1e-5


def test_tensorflow_is_not_imported(report):
    assert report["tensorflow"] is False


def test_numbers_of_a_checkpoint_are_those_of_the_loop(report, folder):
    path = folder / "adamw/checkpoints/ckpt-6.json"
    assert json.loads(path.read_text()) == {"step": 6, "best_score": 0.5}
