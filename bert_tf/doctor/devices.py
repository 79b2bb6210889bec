"""Checks of the GPUs that TensorFlow sees, and of the measured speed of bfloat16."""

import pathlib

import tensorflow as tf

from bert_tf.doctor.findings import note, ok
from bert_tf.ground import count
from bert_tf.training.tensorflow.matmul import matmul_rate

NVIDIA = pathlib.Path("/proc/driver/nvidia/version")  # Exists if the driver is loaded.
SIZE = 768  # Rows and columns of the matrices: hidden_size of a base BERT.
GAIN = 1.2  # Smaller ratios are within the noise of such measurements.


def check():
    """Returns the findings on GPUs and on bfloat16."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in gpus
    ]
    rates = {
        dtype: matmul_rate(dtype, SIZE, repeats=5) / 1e9
        for dtype in ("float32", "bfloat16")
    }
    return [check_gpus(names, NVIDIA.exists()), check_bf16(**rates)]


def check_gpus(names, has_driver):
    if names:
        return ok("machine/GPU", f"{count(len(names), 'GPU')}: {', '.join(names)}")
    if not has_driver:
        return ok("machine/GPU", "no GPU; TensorFlow computes on the processor")
    return note(
        "machine/GPU",
        "an NVIDIA driver is loaded, but TensorFlow sees no GPU.",
        "Run pip install 'tensorflow[and-cuda]', and check that CUDA_VISIBLE_DEVICES "
        "does not hide the GPU.",
    )


def check_bf16(float32, bfloat16):
    """Recommends --bf16 or not, from the rates of matrix products in GFLOP/s."""
    says = f"matrix products run at {float32:,.0f} GFLOP/s in float32 and "
    says += f"{bfloat16:,.0f} in bfloat16"
    if bfloat16 < GAIN * float32:
        return ok("machine/bf16", f"{says}; do not use --bf16")
    says += ", so training can be faster in bfloat16."
    return note("machine/bf16", says, "Train with --bf16.")
