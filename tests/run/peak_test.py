"""Operations of pretraining, counted by hand, and the speed of a matrix product."""

import tiny

from bert_tf.run.peak import operations_per_token
from bert_tf.training.tensorflow.matmul import matmul_rate


def test_operations_by_hand():
    """H 21, I 29, two layers, 83 tokens in the vocabulary."""
    attention, rest, head = 3 * 441, 441 + 2 * 21 * 29, 441 + 21 * 83
    full = 6 * (2 * attention + 2 * rest + head)  # Every token hidden.
    assert operations_per_token(tiny.CONFIG, 1.0) == full
    none = 6 * (2 * attention + rest)
    assert operations_per_token(tiny.CONFIG, 0.0) == none
    assert operations_per_token(tiny.CONFIG, 0.5) == (full + none) / 2


def test_the_peak_is_some_gigaflops():
    assert 1e8 < matmul_rate("float32") < 1e15
