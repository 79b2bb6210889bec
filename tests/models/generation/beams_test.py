"""Beam search finds what a plain search over lists finds, and what all texts hold."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny_decoder
from tiny_decoder import END, VOCAB

from bert_tf.models.decoding import generate
from bert_tf.models.generation import beams

SOURCES = tiny_decoder.sources(8)


@pytest.fixture(scope="module")
def model():
    return tiny_decoder.model(end=2.5)


def penalty(length, exponent):
    return ((5 + length) / 6) ** exponent


def search(model, source, width, length, exponent):
    """Returns the `width` best texts with their scores: no cache, no early end."""
    live, finished = [(0.0, [])], []
    for step in range(1, length + 1):
        rows = tiny_decoder.log_probabilities(model, source, [t for _, t in live])
        candidates = [
            (total + row[token], [*text, token])
            for (total, text), row in zip(live, rows)
            for token in range(VOCAB)
        ]
        candidates.sort(key=lambda candidate: -candidate[0])
        for total, text in candidates[:width]:
            if text[-1] == END or step == length:
                finished.append((total / penalty(step, exponent), text))
        live = [c for c in candidates[: 2 * width] if c[1][-1] != END][:width]
    return sorted(finished, key=lambda text: -text[0])[:width]


@pytest.mark.parametrize(
    ("width", "length", "exponent"),
    [(2, 8, 1.0), (4, 11, 0.6), (4, 6, 0.0), (3, 9, -0.5), (5, 1, 1.0)],
)
def test_beams_equal_a_plain_search(model, width, length, exponent):
    settings = {"max_target_length": length, "length_penalty": exponent}
    rows = tiny_decoder.rows(SOURCES)
    for returned in (1, width):
        compute = tiny_decoder.generator(
            model, num_beams=width, num_return_sequences=returned, **settings
        )
        outputs = compute(rows)
        texts = tiny_decoder.unpad(outputs["ids"])
        for source, found, scores in zip(SOURCES, texts, outputs["scores"]):
            expected = search(model, source, width, length, exponent)[:returned]
            assert found == [text for _, text in expected]
            np.testing.assert_allclose(scores, [s for s, _ in expected], rtol=1e-4)


def test_many_beams_find_the_best_of_all_texts(model):
    source, length = SOURCES[0], 2
    tokens = [token for token in range(VOCAB) if token not in tiny_decoder.FORBIDDEN]
    first = tiny_decoder.log_probabilities(model, source, [[]])[0]
    rest = [token for token in tokens if token != END]
    second = tiny_decoder.log_probabilities(model, source, [[t] for t in rest])
    scores = {(END,): first[END] / penalty(1, 0.8)}
    for (n, token), last in itertools.product(enumerate(rest), tokens):
        scores[token, last] = (first[token] + second[n, last]) / penalty(2, 0.8)
    best = sorted(scores, key=scores.get, reverse=True)[:5]
    compute = tiny_decoder.generator(
        model,
        num_beams=len(tokens),
        num_return_sequences=5,
        max_target_length=length,
        length_penalty=0.8,
    )
    (texts,) = tiny_decoder.unpad(compute(tiny_decoder.rows([source]))["ids"])
    assert list(map(tuple, texts)) == best


def test_one_beam_is_greedy(model, monkeypatch):
    rows = tiny_decoder.rows(SOURCES)
    greedy = tiny_decoder.generator(model, length_penalty=0.0)(rows)
    monkeypatch.setattr(
        "bert_tf.models.decoding.Greedy",
        lambda options, end_id: beams.Beams(options, end_id),
    )
    one = tiny_decoder.generator(model, length_penalty=0.0)(rows)
    np.testing.assert_array_equal(one["ids"], greedy["ids"])
    np.testing.assert_allclose(one["scores"], greedy["scores"], rtol=1e-5)


def test_texts_that_do_not_exist_score_minus_infinity(model):
    rows = tiny_decoder.rows(SOURCES[:1])
    settings = tiny_decoder.options(
        num_beams=VOCAB, num_return_sequences=VOCAB, max_target_length=1
    )
    outputs = generate(model, rows, settings, **tiny_decoder.SPECIAL)
    scores = outputs["scores"].numpy()[0]
    missing = len(tiny_decoder.FORBIDDEN)
    assert np.isfinite(scores[:-missing]).all()
    assert (scores[-missing:] == -np.inf).all()
    assert not outputs["ids"].numpy()[0, -missing:].any()


def test_largest_values_are_found_by_blocks():
    values = np.random.default_rng(2).integers(0, 300, [5, 64 * 9]).astype(np.float32)
    found, places = beams.top_k(tf.constant(values), 6)
    expected, order = tf.math.top_k(values, 6)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(places, order)  # Many values are equal.
