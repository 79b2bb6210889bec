"""Random tokens follow the distribution, and depend on seed and source alone."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_decoder

from bert_tf.models.generation.sampling import draw
from bert_tf.models.generation.source import places_of_sentences

SOURCES = tiny_decoder.sources(12)
PROBABILITIES = np.float32([0.1, 0.0, 0.4, 0.3, 0.2])


def frequencies(draws=2000, **options):
    """Returns the frequency of each token, for evenly spaced random numbers."""
    settings = {"top_k": 0, "top_p": 1.0} | options
    logits = tf.tile(tf.math.log(PROBABILITIES)[None], [draws, 1])
    uniform = tf.range(draws, dtype=tf.float32) / draws
    tokens = draw(logits, uniform, **settings).numpy()
    assert tokens.dtype == np.int32
    return np.bincount(tokens, minlength=5) / draws


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PROBABILITIES),
        ({"top_k": 2}, [0, 0, 4 / 7, 3 / 7, 0]),
        ({"top_k": 100}, PROBABILITIES),
        # 0.4 + 0.3 reach 0.65; 0.4 alone reaches 0.39.
        ({"top_p": 0.65}, [0, 0, 4 / 7, 3 / 7, 0]),
        ({"top_p": 0.39}, [0, 0, 1, 0, 0]),
        ({"top_p": 0.0001}, [0, 0, 1, 0, 0]),
        # Of the best three, 0.4 is 4/9 and 0.4 + 0.3 are 7/9.
        ({"top_k": 3, "top_p": 0.5}, [0, 0, 4 / 7, 3 / 7, 0]),
    ],
)
def test_frequencies_are_probabilities(options, expected):
    np.testing.assert_allclose(frequencies(**options), expected, atol=0.002)


def test_the_largest_random_number_draws_a_possible_token():
    logits = tf.math.log([[0.5, 0.5, 0.0, 0.0]])
    largest = tf.constant([1 - 2**-23])
    assert draw(logits, largest, top_k=0, top_p=1.0).numpy() == [1]


@pytest.fixture(scope="module")
def model():
    return tiny_decoder.model()


def sample(model, sources=SOURCES, **changes):
    settings = {"do_sample": True, "num_return_sequences": 4} | changes
    return tiny_decoder.generator(model, **settings)(tiny_decoder.rows(sources))


def test_a_seed_repeats_and_another_does_not(model):
    first = sample(model)
    np.testing.assert_array_equal(sample(model)["ids"], first["ids"])
    other = sample(model, sample_seed=2)["ids"]
    assert (other != first["ids"]).any((1, 2)).all()


def test_texts_of_a_source_differ_and_are_sorted(model):
    outputs = sample(model)
    for texts in tiny_decoder.unpad(outputs["ids"]):
        assert len(set(map(tuple, texts))) > 1
    assert (np.diff(outputs["scores"]) <= 0).all()


def test_scores_are_those_of_the_model(model):
    outputs = sample(model, SOURCES[:3], sample_temperature=0.7, sample_top_k=9)
    texts = tiny_decoder.unpad(outputs["ids"])
    for source, drawn, scores in zip(SOURCES, texts, outputs["scores"]):
        for text, score in zip(drawn, scores):
            total = sum(
                tiny_decoder.log_probabilities(model, source, [text[:n]])[0, token]
                for n, token in enumerate(text)
            )
            assert score == pytest.approx(total / ((5 + len(text)) / 6), rel=1e-4)


def test_cold_or_narrow_sampling_is_greedy(model):
    greedy = tiny_decoder.generator(model)(tiny_decoder.rows(SOURCES))["ids"][:, 0]
    for changes in (
        {"sample_top_k": 1},
        {"sample_top_p": 1e-6},
        {"sample_temperature": 1e-3},
    ):
        texts = sample(model, **changes)["ids"]
        np.testing.assert_array_equal(texts, np.repeat(greedy[:, None], 4, 1))


def test_first_tokens_follow_the_model(model):
    source, count = SOURCES[4], 1000
    outputs = sample(model, [source], num_return_sequences=count, max_target_length=1)
    drawn = np.bincount(outputs["ids"][0, :, 0], minlength=tiny_decoder.VOCAB) / count
    expected = np.exp(tiny_decoder.log_probabilities(model, source, [[]])[0])
    # Five standard deviations of a frequency.
    assert (abs(drawn - expected) < 5 * np.sqrt(expected / count) + 1e-3).all()
    assert drawn[tiny_decoder.FORBIDDEN].sum() == 0


def test_places_of_sentences():
    rows = {
        "sequence_ids": tf.constant([[1, 1, 3, 3, 3, 0], [2, 0, 0, 0, 0, 0]]),
        "first_token": tf.constant([0, 6, 2]),
    }
    places, within = places_of_sentences(rows)
    np.testing.assert_array_equal(within, [[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(
        np.where(within, places, -1), [[0, 1, -1], [6, -1, -1], [2, 3, 4]]
    )
