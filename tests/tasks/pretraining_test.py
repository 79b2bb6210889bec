"""Losses of both tasks by hand, and what makes scores of sums."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.corpus.masking import Masking
from bert_tf.tasks.pretraining import Pretraining

VOCAB = ["[PAD]", "[MASK]", "a", "b"]
ROWS = {
    "masked_lm_ids": tf.constant([2, 3]),
    "next_sentence_labels": tf.constant([0, 1, 1]),
}
# Chances of the pieces: 1/8 1/8 1/4 1/2; and of next and random.
OUTPUTS = {
    "masked_lm_logits": tf.math.log([[0.125, 0.125, 0.25, 0.5]] * 2),
    "next_sentence_logits": tf.math.log([[0.5, 0.5], [0.25, 0.75], [0.8, 0.2]]),
}


def task(**options):
    return Pretraining(Masking(VOCAB), cls_id=0, sep_id=0, max_seq_length=9, **options)


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
    # Two batches of it are scored as one.
    scores = task().score({name: 2 * float(value) for name, value in sums.items()})
    assert scores == pytest.approx(
        {
            "masked_lm_loss": -np.log([0.25, 0.5]).mean(),
            "masked_lm_accuracy": 1 / 2,
            "next_sentence_loss": -np.log([0.5, 0.75, 0.2]).mean(),
            "next_sentence_accuracy": 2 / 3,  # Of two equals the first.
        }
    )


def test_without_next_sentence():
    alone = task(next_sentence=False)
    assert set(alone.losses(ROWS, OUTPUTS)) == {"masked_lm"}
    sums = alone.measure(ROWS, OUTPUTS)
    assert set(alone.score(sums)) == {"masked_lm_loss", "masked_lm_accuracy"}
