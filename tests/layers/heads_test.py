"""What stands on the encoder."""

import numpy as np

from bert_tf.layers.heads import Pooler


def test_pooler_is_tanh_of_a_dense_layer():
    pooler = Pooler(2, initializer_range=0.02)
    pooler.build(None)
    pooler.dense.kernel.assign([[1, 2], [3, 4]])
    pooler.dense.bias.assign([0.5, -0.5])
    pooled = pooler(np.array([[0.1, -0.2], [50.0, 50.0], [0.0, 0.0]], np.float32))
    expected = np.tanh([[0.1 - 0.6 + 0.5, 0.2 - 0.8 - 0.5], [200, 300], [0.5, -0.5]])
    np.testing.assert_allclose(pooled, expected, atol=1e-6)
