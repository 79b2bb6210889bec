"""Keras' own files: .keras, .weights.h5, ModelCheckpoint, clones; equal outputs, no code."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tiny

from bert_tf import (
    BertBackbone,
    BertPretrainer,
    ChoiceScorer,
    Classifier,
    Embedder,
    MaskFiller,
    SpanPredictor,
    TokenClassifier,
    TokenStates,
)
from bert_tf.models import lora

BATCH = {
    "input_ids": np.array([[2, 7, 11, 13, 3], [2, 17, 3, 0, 0]]),
    "input_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "segment_ids": np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]),
}
PLACES = {"places": np.array([[1, 2], [1, -1]])}
# {class: (arguments beside the backbone, what its batch has more)}
MODELS = {
    Classifier: ({"num_labels": 5}, {}),
    ChoiceScorer: ({}, {"choices": np.array([[0, 1]])}),
    TokenClassifier: ({"num_labels": 5}, PLACES),
    SpanPredictor: ({}, PLACES),
    Embedder: ({"pooling": "cls", "normalize": False}, {}),
    TokenStates: ({"layers": [0, -1]}, PLACES),
    BertPretrainer: ({}, {"masked_lm_positions": np.array([[1], [1]])}),
    MaskFiller: ({"vocab_size": 80, "top_k": 3}, {"mask_places": np.array([[1], [1]])}),
}
every_model = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)


def build(kind, dtype="float32", **changes):
    backbone = tiny.backbone(dtype=dtype, **changes)
    return tiny.fill(kind(backbone, **MODELS[kind][0]), 2)


def outputs(kind, model):
    """Returns the outputs of a model, a flat list of arrays."""
    arrays = keras.tree.flatten(model(BATCH | MODELS[kind][1]))
    return [keras.ops.convert_to_numpy(array) for array in arrays]


def assert_same(kind, ours, theirs):
    assert type(ours) is kind and ours.name == theirs.name
    assert [x.path for x in ours.weights] == [x.path for x in theirs.weights]
    for a, b in zip(outputs(kind, ours), outputs(kind, theirs), strict=True):
        np.testing.assert_array_equal(a, b)


@every_model
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_keras_file_gives_equal_outputs(kind, dtype, tmp_path):
    model = build(kind, dtype, hidden_act="gelu_new")
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    assert loaded.dtype_policy.name == loaded.backbone.dtype_policy.name == dtype
    assert loaded.backbone.config == model.backbone.config
    assert_same(kind, loaded, model)


@every_model
def test_weights_alone(kind, tmp_path):
    model = build(kind)
    model.save_weights(tmp_path / "x.weights.h5")
    other = build(kind)
    tiny.fill(other, 3).load_weights(tmp_path / "x.weights.h5")
    assert_same(kind, other, model)


def test_the_backbone(tmp_path):
    model = tiny.backbone()
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    assert type(loaded) is BertBackbone
    for name, array in model(BATCH).items():
        np.testing.assert_array_equal(loaded(BATCH)[name], array)


def test_dropout_goes_on_where_it_was(tmp_path):
    model = tiny.backbone(**tiny.dropping(0.3))
    first = model(BATCH, training=True)["pooled_output"]
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    ours, theirs = (
        each(BATCH, training=True)["pooled_output"] for each in (loaded, model)
    )
    np.testing.assert_array_equal(ours, theirs)
    assert not np.allclose(ours, first)


def test_a_file_holds_no_code(tmp_path):
    build(Classifier).save(tmp_path / "x.keras")
    with zipfile.ZipFile(tmp_path / "x.keras") as file:
        names = {name.partition("/")[0] for name in file.namelist()}
        config = json.loads(file.read("config.json"))
    assert names <= {"config.json", "metadata.json", "model.weights.h5", "assets"}
    assert config["registered_name"] == "bert_tf>Classifier"
    assert config["config"]["backbone"]["registered_name"] == "bert_tf>BertBackbone"
    assert "__lambda__" not in json.dumps(config)


@pytest.mark.slow
def test_training_goes_on_from_a_checkpoint(tmp_path):
    keras.utils.set_random_seed(1)
    model = build(Classifier)
    model.backbone.embeddings.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss, metrics=["accuracy"])
    save = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    labels = np.array([4, 0])
    model.fit(BATCH, labels, epochs=2, callbacks=[save], verbose=0)
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    assert_same(Classifier, loaded, model)
    assert loaded.optimizer.iterations == 2
    for each in (model, loaded):
        each.fit(BATCH, labels, verbose=0)
    assert_same(Classifier, loaded, model)
    ours, theirs = (
        [weight.path for weight in each.trainable_variables] for each in (loaded, model)
    )
    assert ours == theirs and not any("embeddings" in path for path in ours)


def test_clones_have_new_weights():
    model = build(Classifier)
    clone = keras.models.clone_model(model)
    assert type(clone) is Classifier and clone.num_labels == 5
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    clone.set_weights(model.get_weights())
    assert_same(Classifier, clone, model)


def test_adapters_are_merged(tmp_path):
    model = build(Classifier)
    lora.add_adapters(model, 2, 8.0)
    tiny.fill(model, 4)
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    np.testing.assert_allclose(loaded(BATCH), model(BATCH), atol=1e-5)
    assert len(loaded.trainable_variables) == len(build(Classifier).weights)
