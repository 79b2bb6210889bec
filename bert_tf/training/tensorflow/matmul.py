"""The rate of matrix products, which is the most that a machine can compute."""

import time

import tensorflow as tf


def matmul_rate(dtype, size=2048, repeats=3):
    """Returns the floating point operations a second of a large TensorFlow matmul.

    Args:
        dtype: "float32", "bfloat16" or "float16".
        size: rows and columns of the two square matrices.
        repeats: the fastest of so many products counts, after one to warm up.
    """
    matrix = tf.cast(tf.random.stateless_uniform([size, size], [1, 2]), dtype)
    # Reading one number waits until the product is computed.
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix)[0, 0])
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - start)
    return 2.0 * size**3 / min(seconds[1:])
