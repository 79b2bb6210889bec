"""What TensorFlow sees to compute on, and whether bfloat16 is faster there: measured."""

import pathlib

import tensorflow as tf

from bert_tf.doctor.findings import note, ok
from bert_tf.ground import matmul_rate

NVIDIA = pathlib.Path("/proc/driver/nvidia/version")  # There where its driver is.
SIZE = 768  # Rows and columns of the matrices: the width of a base BERT.
GAIN = 1.2  # Less is within what a machine varies by.


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
        return ok("machine/GPU", f"{len(names)} seen by TensorFlow: {', '.join(names)}")
    if not has_driver:
        return ok("machine/GPU", "none: the processor computes")
    return note(
        "machine/GPU",
        "there is an NVIDIA driver, but TensorFlow sees no GPU.",
        "pip install 'tensorflow[and-cuda]'; is CUDA_VISIBLE_DEVICES set?",
    )


def check_bf16(float32, bfloat16):
    """Advises on --bf16 from two rates of multiplying matrices, in GFLOP/s."""
    says = f"matrices multiply at {float32:,.0f} GFLOP/s in float32, "
    says += f"{bfloat16:,.0f} in bfloat16"
    if bfloat16 < GAIN * float32:
        return ok("machine/bf16", f"{says}: leave --bf16 off")
    return note("machine/bf16", f"{says}: training can be faster.", "--bf16")
