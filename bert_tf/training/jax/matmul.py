"""The rate of matrix products, which is the most that a machine can compute."""

import time

import jax


def matmul_rate(dtype, size=2048, repeats=3):
    """Returns the floating point operations a second of a large product; as TensorFlow's.

    Args:
        dtype: "float32" or "bfloat16".
        size: rows and columns of the two square matrices.
        repeats: the fastest of so many products counts, after one to warm up.
    """
    matrix = jax.random.uniform(jax.random.key(1), [size, size], dtype)
    product = jax.jit(lambda matrix: (matrix @ matrix)[0, 0])
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        product(matrix).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2.0 * size**3 / min(seconds[1:])
