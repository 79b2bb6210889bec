"""Checks of the engines: which are installed, which one computes, which devices JAX has.

Nothing here imports TensorFlow, Keras or JAX, so that a broken one can be reported.
"""

import json
import os
import pathlib
import subprocess
import sys

from bert_tf.doctor.findings import from_error, note, ok, problem
from bert_tf.ground import count
from bert_tf.training.engine import ENGINES, select

# In a process of its own: JAX takes the memory of a GPU, and a TPU serves one process.
_LIST_DEVICES = """
import jax, json
print(json.dumps([jax.default_backend(), [device.device_kind for device in jax.devices()]]))
"""


def check(name, version):
    """Chooses the engine of a run; returns findings on it, and on JAX if it is installed.

    Args:
        name: as of --engine; "" for the one of the environment.
        version: function(name) -> version, or None for a missing package.
    """
    source = "by KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "by default"
    try:
        engine = select(name)
    except ValueError as error:
        fix = "export KERAS_BACKEND=tensorflow"
        return [from_error("installation/engine", error, fix)]
    (other,) = ENGINES.keys() - {engine}
    found = (
        f"{engine} {version(engine)} ({'by --engine' if name else source}); {other} "
    )
    findings = [
        ok("installation/engine", found + (version(other) or "is not installed"))
    ]
    if version("jax"):
        try:
            findings.append(check_devices(version("jax"), *list_devices()))
        except OSError as error:
            says = f"jax {version('jax')} finds no device: {error}"
            fix = "A TPU serves one process: end the other one, such as a notebook."
            level = problem if engine == "jax" else note
            findings.append(level("machine/jax", says, fix))
    return findings


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
    fix = (
        "pip install 'bert_tf[jax-gpu]', and check that CUDA_VISIBLE_DEVICES hides no "
    )
    fix += "GPU."
    return note("machine/jax", f"{says}, although NVIDIA's driver is loaded.", fix)
