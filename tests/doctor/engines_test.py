"""Which engine computes, whether it is installed, and which devices JAX has."""

import json

import pytest

from bert_tf.doctor import engines
from bert_tf.doctor.findings import note, ok, problem

TENSORFLOW, JAX = {"tensorflow": "2.21.0"}, {"jax": "0.10.2"}


def test_what_chooses_the_engine(tmp_path):
    environ = {"KERAS_HOME": str(tmp_path)}
    assert engines.choose("", environ) == ("tensorflow", "the default")
    file = tmp_path / "keras.json"
    file.write_text(json.dumps({"backend": "torch"}))
    assert engines.choose("", environ) == ("torch", str(file))
    environ["KERAS_BACKEND"] = "jax"
    assert engines.choose("", environ) == ("jax", "KERAS_BACKEND")
    assert engines.choose("tensorflow", environ) == ("tensorflow", "--engine")


@pytest.mark.parametrize(
    ("engine", "versions", "finding"),
    [
        (
            "tensorflow",
            TENSORFLOW,
            ok("", "tensorflow 2.21.0 (KERAS_BACKEND); jax is not installed"),
        ),
        (
            "jax",
            TENSORFLOW | JAX,
            ok("", "jax 0.10.2 (KERAS_BACKEND); tensorflow 2.21.0"),
        ),
        (
            "jax",
            TENSORFLOW,
            problem(
                "",
                "the engine is jax (KERAS_BACKEND), which is not installed; tensorflow is.",
                "pip install -e '.[jax]', or pass --engine=tensorflow.",
            ),
        ),
        (
            "tensorflow",
            {},
            problem(
                "",
                "the engine is tensorflow (KERAS_BACKEND), which is not installed.",
                "pip install -e .",
            ),
        ),
        (
            "torch",
            TENSORFLOW,
            problem(
                "",
                "the engine is torch (KERAS_BACKEND); bert_tf computes by tensorflow or "
                "jax.",
                "export KERAS_BACKEND=tensorflow",
            ),
        ),
    ],
)
def test_the_engine(engine, versions, finding):
    expected = finding | {"check": "installation/engine"}
    assert engines.check_engine(engine, "KERAS_BACKEND", versions.get) == expected


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
    assert "pip install 'jax[cuda12]'" in unused["fix"]


def test_without_jax_nothing_is_said_of_its_devices():
    (found,) = engines.check("tensorflow", "the default", TENSORFLOW.get)
    assert found["check"] == "installation/engine"


def test_jax_that_fails(monkeypatch):
    failing = "import sys; sys.exit('RuntimeError: the TPU is already in use')"
    monkeypatch.setattr(engines, "_LIST_DEVICES", failing)
    versions = (TENSORFLOW | JAX).get
    says = "jax 0.10.2 finds no device: RuntimeError: the TPU is already in use"
    fix = "A TPU serves one process: end the other one, such as a notebook."
    for engine, level in (("jax", problem), ("tensorflow", note)):
        found = engines.check(engine, "--engine", versions)
        assert found[1] == level("machine/jax", says, fix)


def test_the_devices_of_this_machine(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert engines.list_devices() == ["cpu", ["cpu"]]
