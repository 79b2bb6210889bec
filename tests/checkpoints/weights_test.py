"""Arrays are assigned to the weights with their paths, and to no others."""

import keras
import numpy as np
import pytest

from bert_tf.checkpoints import weights
from bert_tf.config import BertConfig
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier

CONFIG = BertConfig(
    vocab_size=13,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=10,
    max_position_embeddings=17,
)


def dense(name, dtype="float32"):
    layer = keras.layers.Dense(2, name="top", dtype=dtype)
    model = keras.Sequential([layer], name=name)
    model.build((None, 3))
    return model


def test_paths_are_the_published_names_without_seeds():
    model = Classifier(BertBackbone(CONFIG), 5)
    shapes = {path: array.shape for path, array in weights.read_model(model).items()}
    assert len(shapes) == 5 + 2 * 16 + 2 + 2
    assert shapes["bert/embeddings/word_embeddings"] == (13, 6)
    assert shapes["bert/encoder/layer_1/attention/self/query/kernel"] == (6, 6)
    assert shapes["bert/encoder/layer_1/intermediate/dense/kernel"] == (6, 10)
    assert shapes["bert/pooler/dense/bias"] == (6,)
    assert shapes["classifier/kernel"] == (6, 5)


def test_backbone_alone_has_the_same_paths():
    paths = weights.read_model(BertBackbone(CONFIG)).keys()
    assert "bert/embeddings/LayerNorm/gamma" in paths
    assert len(paths) == 5 + 2 * 16 + 2


def test_the_name_of_the_model_is_removed():
    inner = keras.layers.Dense(2, name="top")

    class Outer(keras.Model):
        def build(self, shape):
            inner.build(shape)

        def call(self, x):
            return inner(x)

    model = Outer(name="outer")
    model.top = inner
    model(np.zeros((1, 3)))
    assert [weight.path for weight in model.weights] == [
        "outer/top/kernel",
        "outer/top/bias",
    ]
    assert list(weights.read_model(model)) == ["top/kernel", "top/bias"]


def test_a_report_names_all_that_differ():
    arrays = {
        "top/kernel": np.arange(6.0).reshape(3, 2),
        "top/bias": np.ones(7),
        "bert/other": np.ones(1),
    }
    report = weights.compare(dense("m"), arrays)
    assert report.loaded == ["top/kernel"]
    assert report.missing == []
    assert report.unexpected == ["bert/other"]
    assert report.misshaped == {"top/bias": ((2,), (7,))}
    assert report.new == ["top/bias"]


def test_assign_leaves_other_weights():
    model = dense("m")
    weights.assign(model, {"top/kernel": np.arange(6.0).reshape(3, 2)})
    after = weights.read_model(model)
    np.testing.assert_array_equal(after["top/kernel"], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(after["top/bias"], [0, 0])


def test_compare_changes_nothing():
    model = dense("m")
    before = weights.read_model(model)
    report = weights.compare(model, {"top/bias": np.ones(2)})
    assert (report.loaded, report.missing) == (["top/bias"], ["top/kernel"])
    np.testing.assert_array_equal(weights.read_model(model)["top/bias"], [0, 0])
    np.testing.assert_array_equal(
        weights.read_model(model)["top/kernel"], before["top/kernel"]
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_values_are_cast_to_the_dtype_of_the_variable(dtype):
    model = dense("m", dtype)
    weights.assign(model, {"top/bias": np.array([0.5, 1.00390625], np.float64)})
    bias = weights.read_model(model)["top/bias"]
    assert bias.dtype.name == dtype
    # 1 + 2^-8 has one bit more than bfloat16 keeps.
    expected = 1.0 if dtype == "bfloat16" else 1.00390625
    np.testing.assert_array_equal(bias.astype(np.float64), [0.5, expected])


def test_report_is_one_line():
    report = weights.Report(
        loaded=["a", "b"],
        missing=["c", "d", "e", "f", "g", "h"],
        unexpected=["x"],
        misshaped={"y": ((2, 3), (3, 2))},
    )
    assert str(report) == (
        "2 arrays fit; 6 missing: c, d, e, f and 2 more; "
        "1 of another shape: y [3, 2] for [2, 3]; 1 not used: x."
    )


def test_model_without_weights_is_rejected():
    with pytest.raises(ValueError, match="'empty' has no weights yet; build"):
        weights.read_model(keras.Sequential(name="empty"))


def test_two_weights_with_one_path_are_rejected():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__(name="twice")
            self.parts = [keras.layers.Dense(2, name="top") for _ in range(2)]
            for part in self.parts:
                part.build((None, 3))

    with pytest.raises(ValueError, match="4 weights .* only 2 different paths"):
        weights.read_model(Twice())
