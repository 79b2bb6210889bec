"""Which engine computes, whether it is installed, and which devices JAX has."""

import pytest

from bert_tf.doctor import engines
from bert_tf.doctor.findings import note, ok, problem


def versions(**installed):
    return ({"tensorflow": "2.21.0"} | installed).get


def test_the_engine(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    for name, source in (
        ("", "by default"),
        ("", "by KERAS_BACKEND"),  # Choosing it has set it.
        ("tensorflow", "by --engine"),
    ):
        (found,) = engines.check(name, versions())
        says = f"tensorflow 2.21.0 ({source}); jax is not installed"
        assert found == ok("installation/engine", says)


def test_an_engine_that_cannot_be_used(monkeypatch):
    monkeypatch.setattr(engines, "list_devices", lambda: ("cpu", ["cpu"]))
    (found,) = engines.check("jax", versions())
    assert (found["check"], found["level"]) == ("installation/engine", "problem")
    # Not installed, or Keras has been imported already.
    assert "pip install 'bert_tf[jax]'" in found["says"] + found["fix"] or (
        "start a new one with KERAS_BACKEND=jax" in found["says"] + found["fix"]
    )
    (found,) = engines.check("torch", versions())
    assert found["says"] == "engine must be one of tensorflow, jax; received 'torch'."


def test_devices_of_jax(tmp_path):
    missing, driver = tmp_path / "no", tmp_path / "version"
    driver.touch()
    assert engines.check_devices("0.7.2", "tpu", 8 * ["TPU v5e"], missing) == ok(
        "machine/jax", "jax 0.7.2 computes on 8 TPUs: TPU v5e"
    )
    assert engines.check_devices("0.7.2", "cpu", ["cpu"], missing) == ok(
        "machine/jax", "jax 0.7.2 computes on 1 CPU"
    )
    unused = engines.check_devices("0.7.2", "cpu", ["cpu"], driver)
    assert unused["level"] == "note"
    assert "pip install 'bert_tf[jax-gpu]'" in unused["fix"]


def test_jax_that_fails(monkeypatch):
    failing = "import sys; sys.exit('RuntimeError: the TPU is already in use')"
    monkeypatch.setattr(engines, "_LIST_DEVICES", failing)
    says = "jax 0.10.2 finds no device: RuntimeError: the TPU is already in use"
    fix = "A TPU serves one process: end the other one, such as a notebook."
    for engine, level in (("jax", problem), ("tensorflow", note)):
        monkeypatch.setattr(engines, "select", lambda name: name)
        found = engines.check(engine, versions(jax="0.10.2"))
        assert found[1] == level("machine/jax", says, fix)


def test_the_devices_of_this_machine(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert engines.list_devices() == ["cpu", ["cpu"]]
