"""Layers are made again from their configurations, as Keras does it."""

import keras
import pytest

from bert_tf.layers.attention import Attention
from bert_tf.layers.dropout import Dropout
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.heads import MaskedLMHead, NextSentenceHead, Pooler
from bert_tf.layers.normalization import LayerNorm
from bert_tf.layers.transformer import EncoderLayer, Output

START = {"initializer_range": 0.03}
LAYERS = {
    Dropout: {"rate": 0.3},
    LayerNorm: {"hidden_size": 6, "epsilon": 1e-5},
    Embeddings: {
        "vocab_size": 9,
        "hidden_size": 6,
        "max_position_embeddings": 5,
        "type_vocab_size": 3,
        "dropout": 0.2,
        "epsilon": 1e-5,
        **START,
    },
    Attention: {"hidden_size": 6, "num_heads": 2, "dropout": 0.2, **START},
    Output: {
        "hidden_size": 6,
        "input_size": 7,
        "dropout": 0.2,
        "epsilon": 1e-5,
        **START,
    },
    EncoderLayer: {
        "hidden_size": 6,
        "num_heads": 2,
        "intermediate_size": 7,
        "activation": "gelu_new",
        "hidden_dropout": 0.2,
        "attention_dropout": 0.4,
        "epsilon": 1e-5,
        **START,
    },
    Pooler: {"hidden_size": 6, **START},
    MaskedLMHead: {
        "vocab_size": 9,
        "hidden_size": 6,
        "activation": "relu",
        "epsilon": 1e-5,
        **START,
    },
    NextSentenceHead: {"hidden_size": 6, **START},
}


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_layer_from_its_configuration(kind):
    layer = kind(**LAYERS[kind], name="mine", dtype="mixed_bfloat16")
    config = layer.get_config()
    assert {name: config[name] for name in LAYERS[kind]} == LAYERS[kind]
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is kind and again.get_config() == config
    assert again.name == "mine" and again.dtype_policy.name == "mixed_bfloat16"
    assert keras.saving.get_registered_name(kind) == f"bert_tf>{kind.__name__}"
    for each in (layer, again):
        each.build(None)
    assert [x.shape for x in again.weights] == [x.shape for x in layer.weights]
