"""Installed packages against the required ones."""

import pytest

from bert_tf.doctor import installation
from bert_tf.doctor.findings import note, ok, problem

REQUIRES = ["tensorflow<2.22,>=2.20", "tensorflow-text", "safetensors"]
REQUIRES += ['pytest; extra == "test"']
VERSIONS = {"tensorflow": "2.21.0", "tensorflow-text": "2.21.1", "safetensors": "0.8"}


def check_packages(**changes):
    return installation.check_packages(REQUIRES, {**VERSIONS, **changes}.get)


def test_this_installation():
    found = installation.check(environ={})
    assert found[0]["check"] in ("installation/python", "installation/bert_tf")
    assert {finding["level"] for finding in found} <= {"ok", "note"}


def test_python():
    assert installation.check_python(">=3.11", "3.12.1")["level"] == "ok"
    found = installation.check_python(">=3.11", "3.10.9")
    assert found["level"] == "problem"
    assert found["says"] == "Python is 3.10.9, but bert_tf requires >=3.11."
    assert "3.12" in found["fix"]


def test_packages_in_range():
    says = "tensorflow 2.21.0, tensorflow-text 2.21.1, safetensors 0.8"
    assert check_packages() == [ok("installation/packages", says)]


def test_a_package_out_of_range():
    versions = {"tensorflow": "2.19.1", "tensorflow-text": "2.19.0"}
    assert check_packages(**versions) == [
        problem(
            "installation/tensorflow",
            "tensorflow is 2.19.1, but bert_tf requires <2.22,>=2.20.",
            "pip install 'tensorflow<2.22,>=2.20'",
        )
    ]


def test_a_missing_package():
    assert check_packages(safetensors=None) == [
        problem(
            "installation/safetensors",
            "safetensors is not installed.",
            "pip install safetensors",
        )
    ]


def test_what_tensorflow_alone_needs_may_be_missing_for_jax():
    absent = {"tensorflow": None, "tensorflow-text": None}
    assert [found["check"] for found in check_packages(**absent)] == [
        "installation/tensorflow",
        "installation/tensorflow-text",
    ]
    version = {**VERSIONS, **absent}.get
    says = "safetensors 0.8"
    assert installation.check_packages(REQUIRES, version, "jax") == [
        ok("installation/packages", says)
    ]


def test_tensorflow_text_for_another_tensorflow():
    (found,) = check_packages(**{"tensorflow-text": "2.20.1"})
    assert found["check"] == "installation/tensorflow-text"
    assert found["level"] == "problem"
    assert found["fix"] == "pip install 'tensorflow-text==2.21.*'"


def test_old_keras(tmp_path):
    environ = {"TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": str(tmp_path)}
    (found,) = installation.check_keras(environ, {}.get)
    assert (found["level"], found["fix"]) == ("problem", "unset TF_USE_LEGACY_KERAS")
    assert "TensorFlow will not load" in found["says"]
    (found,) = installation.check_keras(environ, {"tf_keras": "2.21.0"}.get)
    assert (found["level"], found["fix"]) == ("note", "unset TF_USE_LEGACY_KERAS")
    assert installation.check_keras(environ | {"TF_USE_LEGACY_KERAS": "0"}, None) == []


def test_failed_import(monkeypatch):
    def fail(_):
        raise OSError("libtext.so: undefined symbol\nmore")

    assert installation.check_import()["level"] == "ok"
    monkeypatch.setattr(installation.importlib, "import_module", fail)
    found = installation.check_import()
    assert found["level"] == "problem"
    assert found["says"] == (
        "bert_tf cannot be imported: OSError: libtext.so: undefined symbol"
    )


def test_not_installed_by_pip(monkeypatch):
    def missing(name):
        raise installation.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation.importlib.metadata, "distribution", missing)
    found = installation.check(environ={})
    says = "pip did not install bert_tf, so the versions it requires are unknown."
    assert found[0] == note("installation/bert_tf", says, "pip install -e .")


@pytest.mark.parametrize("name", ["tensorflow", "numpy"])
def test_installed_version(name):
    assert installation.installed_version(name).split(".")[0].isdecimal()
    assert installation.installed_version("no-such-package") is None
