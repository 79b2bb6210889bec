"""How much of what the machine could multiply, pretraining does."""

import time

import tensorflow as tf

_SIDE, _TIMES = 2048, 3


def matmul_peak(dtype):
    """Returns the operations a second of a large `tf.matmul`, the best of a few.

    Args:
        dtype: "float32", "bfloat16" or "float16".
    """
    matrix = tf.random.stateless_uniform([_SIDE, _SIDE], [1, 2])
    matrix = tf.cast(matrix, dtype)
    seconds = []
    for _ in range(_TIMES + 1):
        begun = time.perf_counter()
        tf.linalg.trace(tf.matmul(matrix, matrix)).numpy()  # Waits for the device.
        seconds.append(time.perf_counter() - begun)
    return 2.0 * _SIDE**3 / min(seconds[1:])  # The first one starts things up.


def operations_per_token(config, masked_share):
    """Returns the operations of dense layers and the MLM head in training, a token.

    Forward once, backward twice. What is not computed does not count: the last layer
    behind its attention, for tokens that nobody asks. Attention's own products, a few
    percent at 128 tokens, are left out.

    Args:
        config: `BertConfig`.
        masked_share: of the tokens that are hidden.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    layers = config.num_hidden_layers
    attention, rest = 3 * hidden**2, hidden**2 + 2 * hidden * inner
    head = hidden**2 + hidden * config.vocab_size
    encoder = layers * attention + (layers - 1) * rest
    return 6 * (encoder + masked_share * (rest + head))
