"""Checks of Python, the installed packages, and the settings of Keras.

Versions and requirements come from pip's records, so they are declared in setup.py alone.
Nothing here imports an engine at its top, so that a broken one can be reported.
"""

import importlib
import importlib.metadata
import os
import platform
import time

from bert_tf.doctor.findings import note, ok, problem

SHOWN = ("tensorflow", "tensorflow-text", "keras", "keras-nlp", "safetensors")
# Other builds of a package: {name: their names}.
_BUILDS = {"tensorflow": ("tensorflow-cpu", "tf-nightly", "tensorflow-tpu")}
# What only TensorFlow's engine needs, or the packages of TensorFlow themselves.
_WITH_TENSORFLOW = (
    *("tensorflow", "tensorflow-text", "tensorflow-datasets"),
    *("importlib_resources", "keras-nlp"),
)
_INSTALL = "pip install -e ."


def check(engine="tensorflow", environ=os.environ):
    """Returns the findings on Python, the packages and the settings of Keras.

    Args:
        engine: "jax" if a run needs no TensorFlow.
    """
    try:
        package = importlib.metadata.distribution("bert_tf")
    except importlib.metadata.PackageNotFoundError:
        says = "pip did not install bert_tf, so the versions it requires are unknown."
        findings = [note("installation/bert_tf", says, _INSTALL)]
        findings += check_packages([], installed_version)
    else:
        findings = [check_python(package.metadata["Requires-Python"])]
        findings += check_packages(package.requires or [], installed_version, engine)
    return findings + check_keras(environ, installed_version)


def installed_version(name):
    """Returns the version of an installed package, or None."""
    for build in (name, *_BUILDS.get(name, ())):
        try:
            return importlib.metadata.version(build)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def check_python(required, version=None):
    """Compares the version of Python with the required one, such as ">=3.11"."""
    from packaging.specifiers import SpecifierSet

    version = version or platform.python_version()
    if SpecifierSet(required or "").contains(version, prereleases=True):
        return ok("installation/python", f"Python {version}")
    return problem(
        "installation/python",
        f"Python is {version}, but bert_tf requires {required}.",
        "Create an environment with another version: uv venv --python 3.12, or "
        "conda create -n bert python=3.12",
    )


def check_packages(requires, version, engine="tensorflow"):
    """Compares the installed packages with the required ones.

    Args:
        requires: requirements such as "keras<3.16,>=3.13".
        version: function(name) -> version, or None for a missing package.
        engine: "jax" if TensorFlow and what belongs to it may be missing.
    """
    from packaging.requirements import Requirement

    findings = []
    for requirement in map(Requirement, requires):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue  # Optional, or for another platform.
        name, required = requirement.name, requirement.specifier
        received = version(name)
        if received is None and engine == "jax" and name in _WITH_TENSORFLOW:
            continue
        if received is None:
            says = f"{name} is not installed."
        elif not required.contains(received, prereleases=True):
            says = f"{name} is {received}, but bert_tf requires {required}."
        else:
            continue
        package = f"'{name}{required}'" if str(required) else name
        fix = f"pip install {package}"
        findings.append(problem(f"installation/{name}", says, fix))
    tensorflow, text = version("tensorflow"), version("tensorflow-text")
    # The kernels of tensorflow-text load only into the minor version they are built for.
    if tensorflow and text and _minor(tensorflow) != _minor(text):
        says = (
            f"tensorflow-text is {text}, but tensorflow is {tensorflow}: their first "
        )
        says += "two numbers must be equal."
        fix = f"pip install 'tensorflow-text=={_minor(tensorflow)}.*'"
        findings.append(problem("installation/tensorflow-text", says, fix))
    versions = ", ".join(f"{name} {version(name)}" for name in SHOWN if version(name))
    passed = ok("installation/packages", versions or "no required package is installed")
    return findings or [passed]


def check_keras(environ, version):
    """Checks the version of Keras that tf.keras means."""
    findings = []
    # The values that TensorFlow understands as true.
    if environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
        says, fix = "TF_USE_LEGACY_KERAS selects Keras 2", "unset TF_USE_LEGACY_KERAS"
        if version("tf_keras"):
            says += "; bert_tf uses Keras 3 and cannot be combined with Keras 2 models."
            findings.append(note("installation/keras", says, fix))
        else:
            says += ", which is not installed: TensorFlow will not load."
            findings.append(problem("installation/keras", says, fix))
    return findings


def check_import():
    """Imports the engine, Keras and the tokenizer, as every run does."""
    start = time.perf_counter()
    try:
        importlib.import_module("bert_tf.models.backbone")
        # Which one it is, and what it needs, depends on the engine.
        importlib.import_module("bert_tf.tokenization").BertTokenizer  # noqa: B018
    except Exception as error:  # noqa: BLE001
        # A broken library may raise any exception.
        lines = str(error).strip().splitlines() or [""]
        return problem(
            "installation/import",
            f"bert_tf cannot be imported: {type(error).__name__}: {lines[0][:200]}",
            "Fix the other problems of the installation first. If there are none, "
            f"install bert_tf into a new environment: {_INSTALL}",
        )
    seconds = time.perf_counter() - start
    return ok("installation/import", f"bert_tf can be imported, in {seconds:.1f} s")


def _minor(version):
    return ".".join(version.split(".")[:2])
