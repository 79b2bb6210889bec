"""The heads of fine-tuning."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.layers.dropout import fold_in


@pytest.fixture(scope="module")
def model():
    return tiny.classifier()


BATCH = {
    "input_ids": np.array([[2, 7, 11, 13, 3], [2, 17, 3, 0, 0], [2, 5, 9, 3, 0]]),
    "input_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]),
    "segment_ids": np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 0]]),
}


def test_logits_equal_the_references(model):
    expected = [
        reference.classify(
            tiny.arrays(model), tiny.CONFIG, ids[mask == 1], segments[mask == 1]
        )
        for ids, mask, segments in zip(*BATCH.values())
    ]
    logits = model(BATCH)
    assert logits.shape == (3, tiny.LABELS)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_head_has_the_published_names(model):
    paths = [weight.path for weight in model.weights]
    assert paths[-2:] == ["classifier/kernel", "classifier/bias"]
    assert all(path.startswith("bert/") for path in paths[:-2])


def test_logits_are_float32_in_any_policy():
    assert tiny.classifier(dtype="mixed_bfloat16")(BATCH).dtype == "float32"


def test_dropout_of_the_head(model):
    """The backbone has no dropout here, so only the head's makes training differ."""
    dropping = tiny.classifier(classifier_dropout=0.5)
    np.testing.assert_allclose(dropping(BATCH), model(BATCH), atol=1e-6)
    kernel, bias = dropping.classifier.get_weights()
    pooled = dropping.backbone(BATCH)["pooled_output"].numpy()
    seed = tf.constant([3, 5])
    logits = dropping(BATCH | {"dropout_seed": seed}, training=True).numpy()
    again = dropping(BATCH | {"dropout_seed": seed}, training=True).numpy()
    np.testing.assert_array_equal(logits, again)
    # Each value is doubled or 0.
    ones = tf.ones_like(pooled)
    mask = dropping.dropout(ones, seed=fold_in(seed, 1), training=True).numpy()
    assert set(mask.ravel()) == {0.0, 2.0}
    np.testing.assert_allclose(logits, (pooled * mask) @ kernel + bias, atol=1e-5)


def test_compile_and_fit():
    """Keras can train it on a classic padded batch."""
    keras.utils.set_random_seed(1)
    model = tiny.classifier(num_hidden_layers=1, **tiny.dropping(0.1))
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    labels = np.array([4, 0, 2])
    model.fit(BATCH, labels, epochs=50, verbose=0)
    assert model.evaluate(BATCH, labels, verbose=0, return_dict=True)["accuracy"] == 1
    predicted = model.predict(BATCH, verbose=0).argmax(-1)
    np.testing.assert_array_equal(predicted, labels)
