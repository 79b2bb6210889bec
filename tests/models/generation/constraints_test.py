"""Length penalty, shortest length and repeated sequences, by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_decoder

from bert_tf.models.generation.constraints import Constraints, length_penalty

END = 3


def test_length_penalty_of_wu():
    # (5 + 7)^2 / 6^2 = 4, (5 + 1)^a / 6^a = 1.
    np.testing.assert_allclose(length_penalty(np.float32([7, 1]), 2.0), [4, 1])
    np.testing.assert_allclose(length_penalty(np.float32([7, 1]), 0.0), [1, 1])


def allowed(ids, number, vocab_size=9, **options):
    """Returns the tokens that may follow each text, sets."""
    logits = tf.zeros([len(ids), vocab_size])
    constraints = Constraints(tiny_decoder.options(**options), END)
    logits = constraints.apply(logits, tf.constant([ids]), tf.constant(number))
    return [set(np.flatnonzero(row == 0)) for row in logits.numpy()]


def test_the_end_is_forbidden_before_the_shortest_length():
    ids = [[5, 0, 0, 0]]
    everything = set(range(9))
    assert allowed(ids, 1) == [everything]
    assert allowed(ids, 1, min_target_length=1) == [everything]
    assert allowed(ids, 1, min_target_length=2) == [everything - {END}]


@pytest.mark.parametrize(
    ("size", "forbidden"),
    [
        (1, [{5, 6, 7}, {4}]),
        (2, [{6, 7}, {4}]),  # 5 6 and 5 7 are there; 4 4.
        (3, [{7}, {4}]),  # 6 5 7
        (4, [set(), {4}]),
        (5, [set(), set()]),
    ],
)
def test_no_sequence_occurs_twice(size, forbidden):
    ids = [[5, 6, 5, 7, 6, 5, 0, 0], [4, 4, 4, 4, 4, 4, 0, 0]]
    if size == 5:
        ids[1] = [4, 4, 4, 4, 8, 4, 0, 0]
    result = allowed(ids, 6, no_repeat_ngram_size=size)
    # Padding is forbidden with them; the step never allows it.
    assert [set(range(1, 9)) - tokens for tokens in result] == forbidden


@pytest.mark.slow
def test_no_sequence_of_generated_texts_occurs_twice():
    model = tiny_decoder.model(end=0.0)
    rows = tiny_decoder.rows(tiny_decoder.sources())
    for size in (1, 2):
        for settings in ({}, {"num_beams": 3}, {"do_sample": True}):
            compute = tiny_decoder.generator(
                model, no_repeat_ngram_size=size, **settings
            )
            for (text,) in tiny_decoder.unpad(compute(rows)["ids"]):
                grams = [tuple(text[n : n + size]) for n in range(len(text) - size + 1)]
                assert len(set(grams)) == len(grams)
