"""Heads of the encoder against values by hand."""

import numpy as np

from bert_tf.layers.heads import MaskedLMHead, NextSentenceHead, Pooler


def test_pooler_is_tanh_of_a_dense_layer():
    pooler = Pooler(2, initializer_range=0.02)
    pooler.build(None)
    pooler.dense.kernel.assign([[1, 2], [3, 4]])
    pooler.dense.bias.assign([0.5, -0.5])
    pooled = pooler(np.array([[0.1, -0.2], [50.0, 50.0], [0.0, 0.0]], np.float32))
    expected = np.tanh([[0.1 - 0.6 + 0.5, 0.2 - 0.8 - 0.5], [200, 300], [0.5, -0.5]])
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


def test_masked_lm_head_by_hand():
    """ReLU, LayerNorm of two values (always -1 and 1), three words, two tokens."""
    head = MaskedLMHead(3, 2, activation="relu", epsilon=1e-12, initializer_range=0.02)
    head.build(None)
    head.dense.kernel.assign([[1, 0], [0, -1]])
    head.dense.bias.assign([0.5, 0])
    head.layer_norm.gamma.assign([2, 3])
    head.layer_norm.beta.assign([0.25, -0.5])
    head.output_bias.assign([100, 0, -100])
    states = np.array([[1, -4], [1, 2]], np.float32)
    table = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    logits = head(states, table)
    # After ReLU: [1.5, 4] and [1.5, 0]. Normalised: [-1, 1] and [1, -1].
    expected = [[-1.75, 2.5, 0.75], [2.25, -3.5, -1.25]]
    np.testing.assert_allclose(logits, expected + np.array([100, 0, -100]), rtol=1e-6)


def test_next_sentence_head_by_hand():
    head = NextSentenceHead(3, initializer_range=0.02)
    head.build(None)
    head.output_weights.assign([[1, 2, 3], [-1, 0, 1]])
    head.output_bias.assign([0.5, -0.5])
    logits = head(np.array([[1, 0, 0], [0, 1, 1]], np.float32))
    np.testing.assert_allclose(logits, [[1.5, -1.5], [5.5, 0.5]], rtol=1e-6)
