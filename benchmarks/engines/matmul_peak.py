"""Measures how many GFLOP/s tf.matmul reaches on this machine, in float32 and bfloat16.

The best of several shapes and repetitions, among them those of the encoder's own dense
layers: a ceiling to hold training against, not a mean.
"""

import argparse
import json
import time

import tensorflow as tf

SHAPES = (  # Left [M, K] times right [K, N], as (M, K, N).
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (512, 384, 1536),
    (2048, 768, 3072),
)
SECONDS = 1.0  # Spent on each shape.


def peak(dtype):
    """Returns the best rate of any shape in GFLOP/s."""
    return max(best_rate(shape, dtype) for shape in SHAPES)


def best_rate(shape, dtype):
    """Returns the best of the repetitions that fit into SECONDS, in GFLOP/s."""
    rows, inner, columns = shape
    left = tf.cast(tf.random.normal([rows, inner]), dtype)
    right = tf.cast(tf.random.normal([inner, columns]), dtype)
    multiply = tf.function(tf.matmul)
    for _ in range(3):  # Traces, then fills oneDNN's caches.
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
    print(json.dumps({"fp32": peak(tf.float32), "bf16": peak(tf.bfloat16)}))


if __name__ == "__main__":
    main()
