"""A student's losses: worked by hand, and against NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from bert_tf.compression import soft_losses

RANDOM = np.random.default_rng(5)


def divergence(wanted, own):
    """KL(wanted ‖ own) over the last axis, by scipy."""
    return special.rel_entr(wanted, own).sum(axis=-1)


def logits(*shape):
    return RANDOM.normal(0, 2, shape).astype(np.float32)


class TestByHand:
    def test_two_labels(self):
        # The teacher says 3/4 and 1/4, the student 1/2 and 1/2:
        # 3/4 ln(3/2) + 1/4 ln(1/2) = 0.1308.
        teacher, student = [[math.log(3), 0.0]], [[0.0, 0.0]]
        (loss,) = soft_losses.compare("softmax", student, [teacher], 1.0)
        expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
        assert float(loss) == pytest.approx(expected, abs=1e-6)
        assert expected == pytest.approx(0.1308, abs=1e-4)

    def test_a_temperature_of_two(self):
        # Twice these logits are the same distributions at T = 2; the loss is 2² times.
        teacher, student = [[2 * math.log(3), 0.0]], [[0.0, 0.0]]
        (loss,) = soft_losses.compare("softmax", student, [teacher], 2.0)
        assert float(loss) == pytest.approx(4 * 0.13081204, abs=1e-6)

    def test_probabilities_of_teachers_are_averaged(self):
        # 3/4 and 1/4, and the reverse: together 1/2 and 1/2, which the student says.
        teachers = [[[math.log(3), 0.0]], [[0.0, math.log(3)]]]
        (loss,) = soft_losses.compare("softmax", [[0.0, 0.0]], teachers, 1.0)
        assert float(loss) == pytest.approx(0.0, abs=1e-6)
        # The mean of logits would be something else here: (1 + e)/2 of the first label.
        teachers = [[[math.log(9), 0.0]], [[0.0, 0.0]]]
        (loss,) = soft_losses.compare("softmax", [[math.log(7 / 3), 0.0]], teachers, 1)
        assert float(loss) == pytest.approx(0.0, abs=1e-6)

    def test_yes_and_no(self):
        # One label of two agrees; the other: 3/4 against 1/2, of which half is the mean.
        teacher, student = [[math.log(3), 1.0]], [[0.0, 1.0]]
        (loss,) = soft_losses.compare("sigmoid", student, [teacher], 1.0)
        assert float(loss) == pytest.approx(0.13081204 / 2, abs=1e-6)

    def test_numbers(self):
        teachers = [[[1.0], [2.0]], [[3.0], [2.0]]]
        losses = soft_losses.compare("square", [[0.0], [5.0]], teachers, 7.0)
        assert losses.numpy().tolist() == [4.0, 9.0]


def test_softmax_of_several_teachers():
    student, teachers = logits(5, 3), [logits(5, 3) for _ in range(2)]
    wanted = np.mean([special.softmax(x / 3, axis=-1) for x in teachers], axis=0)
    expected = 9 * divergence(wanted, special.softmax(student / 3, axis=-1))
    received = soft_losses.compare("softmax", student, teachers, 3.0)
    np.testing.assert_allclose(received, expected, rtol=1e-5)


def test_sigmoid_of_several_teachers():
    student, teachers = logits(5, 3), [logits(5, 3) for _ in range(2)]
    yes = np.mean([special.expit(x / 3) for x in teachers], axis=0)
    own = special.expit(student / 3)
    sides = divergence(
        np.stack([yes, 1 - yes], axis=-1), np.stack([own, 1 - own], axis=-1)
    )
    received = soft_losses.compare("sigmoid", student, teachers, 3.0)
    np.testing.assert_allclose(received, 9 * sides.mean(axis=-1), rtol=1e-4)


def test_the_gradient_is_the_difference_of_probabilities():
    student, teacher = tf.constant(logits(5, 3)), logits(5, 3)
    with tf.GradientTape() as tape:
        tape.watch(student)
        loss = tf.reduce_sum(soft_losses.compare("softmax", student, [teacher], 2.0))
    own, wanted = (
        special.softmax(np.array(x) / 2, axis=-1) for x in (student, teacher)
    )
    # Hinton et al., equation 2, times T².
    np.testing.assert_allclose(
        tape.gradient(loss, student), 2 * (own - wanted), atol=1e-5
    )


def test_places_that_are_none_have_no_loss_and_no_gradient():
    """Padding of spans has logits of -1e9."""
    student = tf.constant([[1.0, 0.0, -1e9], [2.0, -1e9, -1e9]])
    teacher = [[1.0, 0.0, -1e9], [3.0, -1e9, -1e9]]
    with tf.GradientTape() as tape:
        tape.watch(student)
        losses = soft_losses.compare("softmax", student, [teacher], 2.0)
    np.testing.assert_allclose(losses, [0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(
        tape.gradient(losses, student), np.zeros([2, 3]), atol=1e-6
    )


def test_hidden_states():
    pairs = [(logits(7, 4), logits(7, 4)), (logits(7, 3), logits(7, 3))]
    expected = np.mean([np.square(a - b).mean(axis=-1) for a, b in pairs], axis=0)
    np.testing.assert_allclose(soft_losses.compare_states(pairs), expected, rtol=1e-5)


def test_attention():
    own, wanted = (special.softmax(logits(2, 3, 5, 5), axis=-1) for _ in range(2))
    received = soft_losses.compare_attention([(own, wanted)])
    expected = divergence(wanted, own).mean(axis=1).reshape(-1)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)
