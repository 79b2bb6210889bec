"""Checks of the engines: which are installed, which one computes, which devices JAX has.

Nothing here imports TensorFlow, Keras or JAX, so that a broken one can be reported.
"""

import json
import os
import pathlib
import subprocess
import sys

from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count

ENGINES = {"tensorflow": "pip install -e .", "jax": "pip install -e '.[jax]'"}
# In a process of its own: JAX takes the memory of a GPU, and a TPU serves one process.
_LIST_DEVICES = """
import jax, json
print(json.dumps([jax.default_backend(), [device.device_kind for device in jax.devices()]]))
"""


def choose(engine, environ=os.environ):
    """Returns (the engine of a run, what chooses it).

    Args:
        engine: as of --engine; "" for what Keras is set to.
    """
    if engine:
        return engine, "--engine"
    if environ.get("KERAS_BACKEND"):
        return environ["KERAS_BACKEND"], "KERAS_BACKEND"
    home = environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    file = pathlib.Path(home) / "keras.json"
    try:
        return json.loads(file.read_text())["backend"], str(file)
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "the default"


def check(engine, source, version):
    """Returns the findings on the engine of a run, and on JAX if it is installed.

    Args:
        engine, source: as `choose` returns them.
        version: function(name) -> version, or None for a missing package.
    """
    findings = [check_engine(engine, source, version)]
    if version("jax"):
        try:
            found = check_devices(version("jax"), *list_devices())
        except OSError as error:
            says = f"jax {version('jax')} finds no device: {error}"
            fix = "A TPU serves one process: end the other one, such as a notebook."
            found = (problem if engine == "jax" else note)("machine/jax", says, fix)
        findings.append(found)
    return findings


def check_engine(engine, source, version):
    """Checks that the chosen engine exists and is installed."""
    chosen = f"the engine is {engine} ({source})"
    if engine not in ENGINES:
        says = f"{chosen}; bert_tf computes by tensorflow or jax."
        fix = "export KERAS_BACKEND=tensorflow"
        return problem("installation/engine", says, fix)
    if not version(engine):
        says, fix = f"{chosen}, which is not installed.", ENGINES[engine]
        (other,) = ENGINES.keys() - {engine}
        if version(other):
            says = f"{says[:-1]}; {other} is."
            fix += f", or pass --engine={other}."
        return problem("installation/engine", says, fix)
    parts = [
        f"{name} {version(name) or 'is not installed'}"
        for name in sorted(ENGINES, key=lambda name: name != engine)
    ]
    return ok("installation/engine", f"{parts[0]} ({source}); {parts[1]}")


def list_devices():
    """Returns (JAX's name of the kind of device, such as "gpu"; the name of each device).

    Raises:
        OSError: JAX fails; the last line of what it says.
    """
    done = subprocess.run(
        [sys.executable, "-c", _LIST_DEVICES],
        env=os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OSError((done.stderr.strip().splitlines() or ["no message"])[-1][:200])
    return json.loads(done.stdout.splitlines()[-1])


def check_devices(
    version, kind, names, driver=pathlib.Path("/proc/driver/nvidia/version")
):
    """Returns the finding on the devices that JAX sees.

    Args:
        version: version of JAX.
        kind, names: as `list_devices` returns them.
        driver: file that exists if NVIDIA's driver is loaded.
    """
    says = f"jax {version} computes on {count(len(names), kind.upper())}"
    if kind != "cpu":
        return ok("machine/jax", f"{says}: {', '.join(sorted(set(names)))}")
    if not driver.exists():
        return ok("machine/jax", says)
    fix = "pip install 'jax[cuda12]', and check that CUDA_VISIBLE_DEVICES hides no GPU."
    return note("machine/jax", f"{says}, although NVIDIA's driver is loaded.", fix)
