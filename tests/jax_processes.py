"""Programs of tests that run under JAX, each in a process of its own.

Keras has one backend in a process, and that of the tests is TensorFlow.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent


def environment(devices=1, **variables):
    """Returns the environment of a process under JAX with so many virtual devices."""
    paths = [str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        **variables,
    }


def run(program, *arguments, devices=1, **variables):
    """Runs a program of the tests' folder, and returns the JSON of its last line."""
    pytest.importorskip("jax", reason="pip install -e '.[jax]'")
    done = subprocess.run(
        [sys.executable, TESTS / program, *map(str, arguments)],
        env=environment(devices, **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
