"""The decoder layer computes what NumPy computes, and is made again from its configuration."""

import decoder_reference
import keras
import numpy as np
import pytest
import tiny

from bert_tf.layers.attention import causal_bias, cross_bias
from bert_tf.layers.decoder import DecoderLayer
from bert_tf.models.parts import make_layers

# Two examples in a row and padding on both sides.
IDS = np.array([[1, 1, 1, 2, 2, 0]], np.int32)
TARGET_IDS = np.array([[1, 1, 2, 2, 2, 2, 0]], np.int32)


@pytest.fixture(scope="module")
def layer():
    (inner, _) = make_layers(tiny.CONFIG, "float32")
    layer = DecoderLayer(inner, name="layer_0")
    inner.build(None)
    layer.build(None)
    return tiny.fill(layer, 3)


@pytest.fixture(scope="module")
def inputs():
    random = np.random.default_rng(5)
    size = tiny.CONFIG.hidden_size
    hidden = random.normal(size=(TARGET_IDS.size, size)).astype(np.float32)
    return hidden, random.normal(size=(IDS.size, size)).astype(np.float32)


def compute(layer, hidden, memory, **options):
    biases = causal_bias(TARGET_IDS), cross_bias(TARGET_IDS, IDS)
    return layer(hidden, biases[0], memory, biases[1], **options).numpy()


def test_values_equal_numpy(layer, inputs):
    outputs = compute(layer, *inputs)
    hidden, memory = inputs
    for number in (1, 2):
        here, there = (ids[0] == number for ids in (TARGET_IDS, IDS))
        expected = decoder_reference.decode_layer(
            tiny.arrays(layer), tiny.CONFIG, "layer_0", hidden[here], memory[there]
        )
        np.testing.assert_allclose(outputs[here], expected, atol=2e-5)
    assert np.isfinite(outputs).all()


def test_a_projected_memory_gives_the_same(layer, inputs):
    hidden, memory = inputs
    cache = layer.cross_attention.project(memory, 1, IDS.size)
    received = compute(layer, hidden, None, memory_cache=cache)
    np.testing.assert_array_equal(received, compute(layer, hidden, memory))


def test_dropout_is_a_function_of_the_seed(inputs):
    (inner, _) = make_layers(tiny.backbone(**tiny.dropping()).config, "float32")
    layer = DecoderLayer(inner, name="layer_0")
    inner.build(None)
    tiny.fill(layer, 3)
    seed = np.array([1, 2], np.int32)
    once, again, other = (
        compute(layer, *inputs, seed=seed + change, training=True)
        for change in (0, 0, 1)
    )
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 0.1


def test_a_layer_from_its_configuration():
    (inner, _) = make_layers(tiny.CONFIG, "mixed_bfloat16")
    layer = DecoderLayer(inner, name="layer_7")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is DecoderLayer and again.get_config() == layer.get_config()
    assert again.name == "layer_7" and again.dtype_policy.name == "mixed_bfloat16"
    assert again.cross_attention.num_heads == 3
