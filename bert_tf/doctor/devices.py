"""Checks of the GPUs that TensorFlow sees, and of the measured speed of bfloat16."""

import importlib
import pathlib

from bert_tf.doctor.findings import note, ok
from bert_tf.ground import count, lazy

tf = lazy("tensorflow")

NVIDIA = pathlib.Path("/proc/driver/nvidia/version")  # Exists if the driver is loaded.
SIZE = 768  # Rows and columns of the matrices: hidden_size of a base BERT.
GAIN = 1.2  # Smaller ratios are within the noise of such measurements.


def check(engine):
    """Returns the findings on TensorFlow's GPUs, if it is the engine, and on bfloat16."""
    findings = []
    if engine == "tensorflow":
        names = [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ]
        findings.append(check_gpus(names, NVIDIA.exists()))
    # Each engine has its own product, under the same name.
    matmul = importlib.import_module(f"bert_tf.training.{engine}.matmul")
    rates = {
        dtype: matmul.matmul_rate(dtype, SIZE, repeats=5) / 1e9
        for dtype in ("float32", "bfloat16")
    }
    return [*findings, check_bf16(**rates)]


def check_gpus(names, has_driver):
    if names:
        return ok("machine/GPU", f"{count(len(names), 'GPU')}: {', '.join(names)}")
    if not has_driver:
        return ok("machine/GPU", "no GPU; TensorFlow computes on the processor")
    return note(
        "machine/GPU",
        "an NVIDIA driver is loaded, but TensorFlow sees no GPU.",
        "Run pip install 'bert_tf[gpu]', and check that CUDA_VISIBLE_DEVICES does not "
        "hide the GPU.",
    )


def check_bf16(float32, bfloat16):
    """Recommends --bf16 or not, from the rates of matrix products in GFLOP/s."""
    says = f"matrix products run at {float32:,.0f} GFLOP/s in float32 and "
    says += f"{bfloat16:,.0f} in bfloat16"
    if bfloat16 < GAIN * float32:
        return ok("machine/bf16", f"{says}; do not use --bf16")
    says += ", so training can be faster in bfloat16."
    return note("machine/bf16", says, "Train with --bf16.")
