"""Keras' own quantisation would skip what reads kernels itself, so it is refused."""

import keras
import numpy as np
import pytest
import tiny_folder

from bert_tf.layers.dense import dense
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier


def test_a_layer_refuses_to_be_quantised():
    layer = dense(3, 0.02)
    layer.build((None, 2))
    before = np.asarray(layer.kernel.value)
    with pytest.raises(
        ValueError, match="Keras cannot quantise bert_tf's models.*int8"
    ):
        layer.quantize("int8")
    np.testing.assert_array_equal(layer.kernel.value, before)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_models_refuse_it_also_within_others(mode):
    model = Classifier(BertBackbone(tiny_folder.CONFIG), 2)
    outer = keras.Model()
    outer.inner, outer.built = model, True
    for whole in (model, model.backbone, outer):
        with pytest.raises(ValueError, match="weights_dtype=int8"):
            whole.quantize(mode)
    dtypes = {weight.dtype for weight in model.weights}
    assert "int8" not in dtypes and model.dtype_policy.name == "float32"


def test_a_policy_of_quantisation_is_refused():
    with pytest.raises(ValueError, match="Keras cannot quantise bert_tf's models"):
        BertBackbone(tiny_folder.CONFIG, dtype="int8_from_float32")


def test_a_layer_comes_back_from_its_configuration():
    layer = dense(3, 0.02, name="some")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
