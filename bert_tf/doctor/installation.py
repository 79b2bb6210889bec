"""Are the packages those that setup.py asks for, and do they fit one another?

Read from what pip recorded; the ranges stand in setup.py alone. Nothing here needs
TensorFlow, so that it can say why TensorFlow does not load.
"""

import importlib
import importlib.metadata
import json
import os
import pathlib
import platform
import time

from bert_tf.doctor.findings import note, ok, problem

SHOWN = ("tensorflow", "tensorflow-text", "keras", "keras-nlp", "safetensors")
# Builds of the same package under another name.
_BUILDS = {"tensorflow": ("tensorflow-cpu", "tf-nightly", "tensorflow-tpu")}
_INSTALL = "pip install -e ."


def check(environ=os.environ):
    """Returns the findings on Python, the packages and Keras' settings."""
    try:
        known = importlib.metadata.distribution("bert_tf")
    except importlib.metadata.PackageNotFoundError:
        says = "bert_tf is not installed by pip, so the ranges it asks for are unknown."
        found = [note("installation/bert_tf", says, _INSTALL)]
        found += check_packages([], installed_version)
    else:
        found = [check_python(known.metadata["Requires-Python"])]
        found += check_packages(known.requires or [], installed_version)
    return found + check_keras(environ, installed_version)


def installed_version(name):
    """The version that pip recorded, None where it is not installed."""
    for build in (name, *_BUILDS.get(name, ())):
        try:
            return importlib.metadata.version(build)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def check_python(wanted, version=None):
    from packaging.specifiers import SpecifierSet

    version = version or platform.python_version()
    if SpecifierSet(wanted or "").contains(version, prereleases=True):
        return ok("installation/python", f"Python {version}")
    return problem(
        "installation/python",
        f"Python is {version}, bert_tf asks for {wanted}.",
        "Make an environment with another one: uv venv --python 3.12, or "
        "conda create -n bert python=3.12",
    )


def check_packages(requires, version):
    """Compares what is installed with what is asked for.

    Args:
        requires: lines such as "keras<3.16,>=3.13", as pip records them.
        version: function(name) -> version, None where it is not installed.
    """
    from packaging.requirements import Requirement

    found = []
    for requirement in map(Requirement, requires):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue  # Of an extra that nobody asked for.
        name, wanted = requirement.name, requirement.specifier
        received = version(name)
        if received is None:
            says = f"{name} is not installed."
        elif not wanted.contains(received, prereleases=True):
            says = f"{name} is {received}, bert_tf asks for {wanted}."
        else:
            continue
        fix = f"pip install '{name}{wanted}'" if str(wanted) else f"pip install {name}"
        found.append(problem(f"installation/{name}", says, fix))
    tensorflow, text = version("tensorflow"), version("tensorflow-text")
    # Its kernels are built against one minor version and load into no other.
    if tensorflow and text and _minor(tensorflow) != _minor(text):
        says = f"tensorflow-text is {text}, tensorflow {tensorflow}: the first two "
        says += "numbers must be equal, or it does not load."
        fix = f"pip install 'tensorflow-text=={_minor(tensorflow)}.*'"
        found.append(problem("installation/tensorflow-text", says, fix))
    if found:
        return found
    versions = ", ".join(f"{name} {version(name)}" for name in SHOWN if version(name))
    return [ok("installation/packages", versions or "none of ours is installed")]


def check_keras(environ, version):
    """Which Keras speaks, and on which backend."""
    found = []
    # The values that TensorFlow takes for yes.
    if environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
        says = "TF_USE_LEGACY_KERAS makes tf.keras the old Keras 2"
        if version("tf_keras"):
            says += "; bert_tf uses Keras 3 and does not mix with models of that one."
            found.append(note("installation/keras", says, "unset TF_USE_LEGACY_KERAS"))
        else:
            says += ", which is not installed: TensorFlow will not load."
            fix = "unset TF_USE_LEGACY_KERAS"
            found.append(problem("installation/keras", says, fix))
    backend, source = _backend(environ)
    if backend != "tensorflow":
        says = f"Keras runs on {backend} ({source}); bert_tf needs it on TensorFlow."
        fix = "export KERAS_BACKEND=tensorflow"
        found.append(problem("installation/backend", says, fix))
    return found


def check_import():
    """Loads TensorFlow, TensorFlow Text and Keras, as every run does."""
    begun = time.perf_counter()
    try:
        importlib.import_module("bert_tf.predictor")
    except Exception as error:  # noqa: BLE001
        # A broken library raises whatever it likes.
        lines = str(error).strip().splitlines() or [""]
        return problem(
            "installation/import",
            f"bert_tf does not load: {type(error).__name__}: {lines[0][:200]}",
            "Mend what stands above; else in a fresh environment: " + _INSTALL,
        )
    seconds = time.perf_counter() - begun
    return ok("installation/import", f"all of it loads, in {seconds:.1f} s")


def _minor(version):
    return ".".join(version.split(".")[:2])


def _backend(environ):
    """(the backend, where that is said), as Keras finds it."""
    if environ.get("KERAS_BACKEND"):
        return environ["KERAS_BACKEND"], "KERAS_BACKEND"
    home = environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    file = pathlib.Path(home) / "keras.json"
    try:
        return json.loads(file.read_text())["backend"], str(file)
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "by default"
