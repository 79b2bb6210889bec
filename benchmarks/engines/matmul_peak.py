"""Measures the GFLOP/s that tf.matmul reaches on this machine, in float32 and bfloat16.

The result is the best of several shapes and repetitions, not a mean, because it serves
as the upper limit for training. Some shapes are those of the encoder's dense layers.
"""

import argparse
import json
import time

import tensorflow as tf

SHAPES = (  # (M, K, N) of a product [M, K] · [K, N].
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (512, 384, 1536),
    (2048, 768, 3072),
)
SECONDS = 1.0  # Per shape.


def measure_peak(dtype):
    """Returns the best rate over all shapes, in GFLOP/s."""
    return max(measure_rate(shape, dtype) for shape in SHAPES)


def measure_rate(shape, dtype):
    """Returns the best rate of one shape within `SECONDS`, in GFLOP/s."""
    rows, inner, columns = shape
    left = tf.cast(tf.random.normal([rows, inner]), dtype)
    right = tf.cast(tf.random.normal([inner, columns]), dtype)
    multiply = tf.function(tf.matmul)
    for _ in range(3):  # Traces the function and fills oneDNN's caches.
        multiply(left, right)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        multiply(left, right)
        best = min(best, time.perf_counter() - start)
    return 2e-9 * rows * inner * columns / best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    print(
        json.dumps(
            {"fp32": measure_peak(tf.float32), "bf16": measure_peak(tf.bfloat16)}
        )
    )


if __name__ == "__main__":
    main()
