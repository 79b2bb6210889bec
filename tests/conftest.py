"""TensorFlow for all tests: quiet, and with two logical CPUs to replicate over."""

import ctypes
import functools
import gc
import os
import pathlib
import subprocess
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # As in scripts.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # Figures here are a CPU's.

import tensorflow as tf
from tensorflow.python.framework import ops

# Before the first op, and so here. Without a strategy all runs on CPU:0 as ever.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


_OWN = "BERT_TF_TEST_IN_OWN_PROCESS"


def runs_apart(item):
    return item.get_closest_marker("own_process") and _OWN not in os.environ


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if runs_apart(item):
        item.fixturenames = []  # The other process sets them up.


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs the tests of a file that are marked `own_process` in one process of their own.

    oneDNN keeps memory for each shape that it has computed, until its process ends.
    """
    if not runs_apart(pyfuncitem):
        return None
    said = run_apart(pyfuncitem.session, pyfuncitem.path)
    assert f"PASSED {pyfuncitem.nodeid}\n" in said, said
    return True


@functools.cache
def run_apart(session, path):
    """Returns what a process prints that runs the chosen tests of a file."""
    chosen = [
        item.nodeid
        for item in session.items
        if item.path == path and item.get_closest_marker("own_process")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-rA", "-m", "", *chosen],
        cwd=session.config.rootpath,
        env=os.environ | {_OWN: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def pytest_collection_finish(session):
    """Spares the garbage collector the objects that stay to the end, most of TensorFlow's."""
    gc.collect()
    gc.freeze()


GROWTH = 100 * 2**20  # Bytes that may stay from test to test before they are freed.
held = 0


@pytest.fixture(autouse=True)
def memory():
    """Frees what tests leave behind, since a worker runs a thousand of them."""
    global held
    yield
    if resident() < held + GROWTH:
        return
    # TensorFlow registers each custom gradient for ever, and with it the graph that it is
    # of, and with that the weights of the model.
    registry = ops.gradient_registry._registry
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc's.
        ctypes.CDLL(None).malloc_trim(0)
    held = resident()


def resident():
    """Returns the bytes of memory that this process holds; 0 if Linux does not say."""
    try:
        pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
