"""Losses of both tasks, and scores from sums, worked by hand; phases of lengths."""

import re

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks.pretraining import Pretraining

VOCAB = ["[MASK]", "[CLS]", "[SEP]", "a"]
ROWS = {
    "masked_lm_ids": tf.constant([2, 3]),
    "next_sentence_labels": tf.constant([0, 1, 1]),
}
# Probabilities of the tokens are 1/8 1/8 1/4 1/2; then those of "next" and "random".
OUTPUTS = {
    "masked_lm_logits": tf.math.log([[0.125, 0.125, 0.25, 0.5]] * 2),
    "next_sentence_logits": tf.math.log([[0.5, 0.5], [0.25, 0.75], [0.8, 0.2]]),
}


def task(**options):
    return Pretraining(VOCAB, Pretraining.Options(max_seq_length=9, **options))


def test_losses_by_hand():
    losses = task().losses(ROWS, OUTPUTS)
    np.testing.assert_allclose(losses["masked_lm"], -np.log([0.25, 0.5]), rtol=1e-6)
    np.testing.assert_allclose(
        losses["next_sentence"], -np.log([0.5, 0.75, 0.2]), rtol=1e-6
    )
    weights = task().weights(ROWS)
    np.testing.assert_array_equal(weights["masked_lm"], [1, 1])
    np.testing.assert_array_equal(weights["next_sentence"], [1, 1, 1])


def test_scores_by_hand():
    sums = task().measure(ROWS, OUTPUTS)
    # Twice the same batch has the scores of one.
    totals = {name: 2 * float(value) for name, value in sums.items()}
    scores = task().score({}, totals)
    assert scores == pytest.approx(
        {
            "masked_lm_loss": -np.log([0.25, 0.5]).mean(),
            "masked_lm_accuracy": 1 / 2,
            "next_sentence_loss": -np.log([0.5, 0.75, 0.2]).mean(),
            "next_sentence_accuracy": 2 / 3,  # Of two equal ones the first.
        }
    )


def test_without_next_sentence():
    alone = task(nsp=False)
    assert set(alone.losses(ROWS, OUTPUTS)) == {"masked_lm"}
    sums = alone.measure(ROWS, OUTPUTS)
    assert set(alone.score({}, sums)) == {"masked_lm_loss", "masked_lm_accuracy"}


class TestOptions:
    def test_phases(self):
        options = Pretraining.Options(phases="24:5, 48:2")
        assert options.parse_phases() == [(24, 5), (48, 2)]
        assert Pretraining(VOCAB, options).options.longest == (48,)
        assert Pretraining.Options(max_seq_length=9).parse_phases() == [(9, None)]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"phases": "24"}, "phases must be lengths and updates .* received '24'"),
            ({"phases": "24:0"}, "received '24:0'"),
            (
                {"masking": "letter"},
                "masking must be one of piece, word, span; received",
            ),
            (
                {"masked_lm_prob": 1.0},
                r"masked_lm_prob must be in \(0, 1\); received 1.0",
            ),
            ({"max_eval_steps": -1}, "max_eval_steps must be at least 0; received -1"),
        ],
    )
    def test_a_value_out_of_its_range_is_an_error(self, options, message):
        with pytest.raises(ValueError, match=message):
            Pretraining.Options(**options)

    @pytest.mark.parametrize("missing", VOCAB[:3])
    def test_a_vocabulary_without_a_special_token_is_an_error(self, missing):
        vocab = [token for token in VOCAB if token != missing]
        with pytest.raises(ValueError, match=re.escape(missing)):
            Pretraining(vocab)
