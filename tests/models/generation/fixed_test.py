"""Greedy generation with fixed sizes equals that in batches, and TFLite converts it."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_decoder

from bert_tf.models.generation.fixed import greedy_fixed

SIZE = 24
NAMES = ("input_ids", "input_mask", "segment_ids")
SOURCES = tiny_decoder.sources(12)


@pytest.fixture(scope="module")
def model():
    return tiny_decoder.model()


@pytest.fixture(scope="module")
def expected(model):
    return tiny_decoder.generator(model)(tiny_decoder.rows(SOURCES))


@pytest.fixture(scope="module")
def function(model):
    def compute(*inputs):
        batch = dict(zip(NAMES, inputs))
        return greedy_fixed(
            model, batch, tiny_decoder.options(), **tiny_decoder.SPECIAL
        )

    signature = [tf.TensorSpec([1, SIZE], tf.int32, name=name) for name in NAMES]
    return tf.function(compute, input_signature=signature, autograph=False)


def inputs():
    """Yields the padded inputs of each source."""
    for source in SOURCES:
        ids = np.zeros([1, SIZE], np.int32)
        ids[0, : len(source)] = source
        mask = np.int32(np.arange(SIZE) < len(source))[None]
        yield dict(zip(NAMES, (ids, mask, 0 * ids)))


def check(outputs, expected):
    for number, output in enumerate(outputs):
        np.testing.assert_array_equal(output["ids"][0], expected["ids"][number])
        np.testing.assert_allclose(
            output["scores"][0], expected["scores"][number], rtol=1e-4
        )


def test_equals_generation_in_batches(function, expected):
    check([function(*batch.values()) for batch in inputs()], expected)


def test_tflite_has_built_in_operations_only(model, function, expected, tmp_path):
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    tf.saved_model.save(module, str(tmp_path), {"serving_default": function})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path), signature_keys=["serving_default"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = interpreters.Interpreter(model_content=converter.convert())
    runner = interpreter.get_signature_runner("serving_default")
    check([runner(**batch) for batch in inputs()], expected)
