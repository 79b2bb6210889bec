"""Greedy generation with fixed sizes equals that in batches, and TFLite converts it."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_decoder
import tiny_seq2seq

from bert_tf.models.backbone import as_rows
from bert_tf.models.decoding import generate
from bert_tf.models.generation.fixed import greedy_fixed

SIZE = 24
NAMES = ("input_ids", "input_mask", "segment_ids")
SOURCES = tiny_decoder.sources(12)
LENGTH = 11
OPTIONS = {
    "max_target_length": LENGTH,
    "num_beams": 1,
    "length_penalty": 0.8,
    "min_target_length": 0,
    "no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "do_sample": False,
}
TOKENS = {"start_id": tiny.CLS, "end_id": tiny.SEP}


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


def sources():
    padded = tiny_seq2seq.padded()
    del padded["target_ids"]
    return padded


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"min_target_length": 4},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "max_target_length": 30},
        {"max_target_length": 2},
    ],
)
def test_it_generates_what_one_beam_generates(shared, changes):
    model = tiny_seq2seq.model(shared=shared)
    options = types.SimpleNamespace(**OPTIONS | changes)
    expected = generate(model, as_rows(sources()), options, **TOKENS)
    texts = greedy_fixed(model, sources(), options, **TOKENS)
    np.testing.assert_array_equal(texts["ids"], expected["ids"])
    np.testing.assert_allclose(texts["scores"], expected["scores"], atol=1e-5)
    assert texts["ids"].shape == (4, 1, options.max_target_length)
    if changes.get("no_repeat_ngram_size") == 1:
        for (text,) in texts["ids"].numpy():
            words = text[text > 0].tolist()
            assert len(set(words)) == len(words)


def test_an_end_fills_the_rest_with_padding():
    """A bias makes the end certain, after the fewest tokens."""
    model = tiny_seq2seq.model()
    bias = model.decoder.predictions.output_bias
    bias.assign(np.where(np.arange(bias.shape[0]) == tiny.SEP, 50.0, 0.0))
    options = types.SimpleNamespace(**OPTIONS | {"min_target_length": 3})
    (ids,) = greedy_fixed(model, _first(sources()), options, **TOKENS)["ids"].numpy()
    assert (ids[0, :3] > tiny.SEP).all()
    assert ids[0, 3:].tolist() == [tiny.SEP] + [0] * (LENGTH - 4)


def _first(batch):
    return {name: array[:1] for name, array in batch.items()}
