"""TensorFlow for all tests: quiet, and with two logical CPUs to replicate over."""

import ctypes
import gc
import os

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


@pytest.fixture(scope="module", autouse=True)
def memory():
    """Frees what a file leaves behind, since a worker runs a hundred of them."""
    yield
    # TensorFlow registers each custom gradient for ever, and with it the graph that it is
    # of, and with that the weights of the model.
    registry = ops.gradient_registry._registry
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc's.
        ctypes.CDLL(None).malloc_trim(0)
