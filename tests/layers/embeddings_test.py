"""Embeddings of tokens against values by hand."""

import numpy as np
import pytest

from bert_tf.layers.embeddings import Embeddings


def make(**changes):
    layer = Embeddings(
        5,
        2,
        max_position_embeddings=4,
        type_vocab_size=3,
        dropout=0.0,
        epsilon=1e-12,
        initializer_range=0.02,
        **changes,
    )
    layer.build(None)
    return layer


def test_sum_of_three_tables_then_layer_norm():
    layer = make()
    layer.word_table.assign([[0, 0], [1, 0], [2, 5], [0, 0], [0, 0]])
    layer.position_table.assign([[0, 0], [0, 0], [0, 0], [10, 20]])
    layer.segment_table.assign([[0, 0], [0, 0], [100, 300]])
    layer.layer_norm.gamma.assign([2, 3])
    layer.layer_norm.beta.assign([0.5, 0.25])
    embedded = layer(
        np.array([2, 1]), position_ids=np.array([3, 0]), segment_ids=np.array([2, 0])
    )
    # [112, 325] and [1, 0]: normalised, the larger value is 1 and the smaller -1.
    expected = [[-1 * 2 + 0.5, 3 + 0.25], [2 + 0.5, -3 + 0.25]]
    np.testing.assert_allclose(embedded, expected, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_output_has_the_dtype_of_the_policy(policy):
    ids = np.array([1, 2, 3])
    assert make(dtype=policy)(ids, ids, ids % 3).dtype == "bfloat16"
