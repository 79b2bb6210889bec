"""TensorFlow for all tests: quiet, and with two logical CPUs to replicate over."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # As in scripts.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # Figures here are a CPU's.

import tensorflow as tf

# Before the first op, and so here. Without a strategy all runs on CPU:0 as ever.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
