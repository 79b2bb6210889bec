"""The end of both halves of a layer; tests/models/backbone_test.py covers the layer."""

import numpy as np

from bert_tf.layers.transformer import Output


def test_output_adds_the_residual_before_layer_norm():
    layer = Output(
        2, input_size=3, dropout=0.0, epsilon=3.0, initializer_range=0.02, name="output"
    )
    layer.build(None)
    layer.dense.kernel.assign([[1, 0], [0, 1], [1, 1]])
    layer.dense.bias.assign([0, 1])
    values = np.array([[1, 2, 3]], np.float32)  # Dense: [4, 6].
    residual = np.array([[-1, -1]], np.float32)  # Sum: [3, 5], mean 4, variance 1.
    # With an epsilon of 3 the divisor is 2.
    np.testing.assert_allclose(layer(values, residual), [[-0.5, 0.5]], rtol=1e-6)
