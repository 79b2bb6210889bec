"""Texts generated with a cache equal those of the whole model, in any batch."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_decoder
from tiny_decoder import END, LENGTH

from bert_tf.models import decoding

SOURCES = tiny_decoder.sources()


@pytest.fixture(scope="module")
def model():
    return tiny_decoder.model()


@pytest.fixture(scope="module")
def greedy(model):
    return tiny_decoder.generator(model)


@pytest.fixture(scope="module")
def expected(model):
    return [tiny_decoder.decode_greedily(model, source) for source in SOURCES]


def test_the_model_of_these_tests_varies(expected):
    texts = [text for text, _ in expected]
    assert len({len(text) for text in texts}) > 4
    assert any(len(text) == LENGTH and text[-1] != END for text in texts)
    assert np.mean([len(set(text)) for text in texts]) > 3


def test_cached_equals_uncached(greedy, expected):
    outputs = greedy(tiny_decoder.rows(SOURCES))
    assert outputs["ids"].dtype == np.int32
    assert outputs["ids"].shape == (len(SOURCES), 1, LENGTH)
    texts, sums = zip(*expected)
    assert tiny_decoder.unpad(outputs["ids"]) == [[text] for text in texts]
    penalty = (5 + np.array(list(map(len, texts)))) / 6
    np.testing.assert_allclose(outputs["scores"][:, 0], sums / penalty, rtol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3}, {"do_sample": True}])
def test_a_text_depends_on_its_source_alone(model, settings):
    compute = tiny_decoder.generator(model, num_return_sequences=1, **settings)
    whole = compute(tiny_decoder.rows(SOURCES))["ids"]
    order = np.random.default_rng(1).permutation(len(SOURCES))
    shuffled = compute(tiny_decoder.rows([SOURCES[n] for n in order]))["ids"]
    np.testing.assert_array_equal(shuffled, whole[order])
    padded = compute(tiny_decoder.rows(SOURCES, row_length=71))["ids"]
    np.testing.assert_array_equal(padded, whole)
    for number in (0, 7, 12):
        alone = compute(tiny_decoder.rows(SOURCES[number : number + 1]))["ids"]
        np.testing.assert_array_equal(alone, whole[number : number + 1])


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3}, {"do_sample": True}])
def test_no_source_gives_no_text(model, settings):
    compute = tiny_decoder.generator(model, num_return_sequences=2, **settings)
    outputs = compute(tiny_decoder.rows([]))
    count = 1 if not settings else 2
    assert outputs["ids"].shape == (0, count, LENGTH)
    assert outputs["scores"].shape == (0, count)


def test_finished_sentences_leave_the_work(model, expected, monkeypatch):
    work = []

    def logits(self, tokens, *arguments):
        tf.py_function(lambda x: work.append(len(x)), [tokens], [])
        return compute(self, tokens, *arguments)

    compute = decoding.DecoderStep.logits
    monkeypatch.setattr(decoding.DecoderStep, "logits", logits)
    outputs = tiny_decoder.generator(model)(tiny_decoder.rows(SOURCES))
    assert tiny_decoder.unpad(outputs["ids"]) == [[text] for text, _ in expected]
    lengths = np.array([len(text) for text, _ in expected])
    needed = [int((lengths > step).sum()) for step in range(max(lengths))]
    assert len(work) == len(needed)
    assert all(a >= b for a, b in zip(work, needed))
    # Before a quarter of them is done, finished ones stay.
    assert all(a < 1.34 * b + 1 for a, b in zip(work, needed))
    assert sum(work) < 0.9 * len(SOURCES) * max(lengths)


@pytest.mark.slow
def test_shared_weights_and_bfloat16():
    for changes in ({"shared": True}, {"dtype": "mixed_bfloat16"}):
        model = tiny_decoder.model(**changes)
        outputs = tiny_decoder.generator(model)(tiny_decoder.rows(SOURCES))
        assert outputs["scores"].dtype == np.float32
        texts = tiny_decoder.unpad(outputs["ids"])
        for source, (text,), (score,) in zip(SOURCES[:6], texts, outputs["scores"]):
            whole, total = tiny_decoder.decode_greedily(model, source)
            if "shared" in changes:
                assert text == whole
            elif text == whole:  # 8 bits decide some near ties in another way.
                assert score == pytest.approx(total / ((5 + len(text)) / 6), rel=0.1)


def test_lengths_have_bounds(model):
    compute = tiny_decoder.generator(model, max_target_length=7, min_target_length=4)
    outputs = compute(tiny_decoder.rows(SOURCES))
    assert outputs["ids"].shape[-1] == 7
    texts = [text for (text,) in tiny_decoder.unpad(outputs["ids"])]
    lengths = {len(text) for text in texts}
    assert max(lengths) == 7
    assert min(lengths) == 5  # Four tokens and the end.
    with pytest.raises(
        ValueError, match="is 20, but the decoder has only 19 positions"
    ):
        tiny_decoder.generator(model, max_target_length=20)(tiny_decoder.rows(SOURCES))


def test_a_saved_model_generates_the_same(model, greedy, tmp_path):
    spec = {
        name: tf.TensorSpec([None] * x.shape.rank, tf.int32, name=name)
        for name, x in tiny_decoder.rows(SOURCES).items()
    }
    settings = tiny_decoder.options(num_beams=3)
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.generate = tf.function(
        lambda rows: decoding.generate(model, rows, settings, **tiny_decoder.SPECIAL),
        input_signature=[spec],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    rows = tiny_decoder.rows(SOURCES)
    expected = tiny_decoder.generator(model, num_beams=3)(rows)
    np.testing.assert_array_equal(loaded.generate(rows)["ids"], expected["ids"])
