"""Initial weights are a truncated normal, unless they are left out."""

import numpy as np
import pytest
import tiny

from bert_tf.layers import initial
from bert_tf.models.backbone import BertBackbone


def kernels(model):
    return [w.numpy() for w in model.trainable_variables if len(w.shape) == 2]


def test_kernels_and_tables_are_zeros_only_where_weights_follow():
    assert all(np.std(x) > 0.01 for x in kernels(BertBackbone(tiny.CONFIG)))
    with initial.left_out():
        assert not any(x.any() for x in kernels(BertBackbone(tiny.CONFIG)))
    with pytest.raises(KeyError), initial.left_out():
        raise KeyError
    assert all(x.any() for x in kernels(BertBackbone(tiny.CONFIG)))
