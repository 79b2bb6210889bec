"""Schedules of the learning rate, by value; `tensorflow/optimizer_test.py` has the rest."""

import pytest
import tensorflow as tf

from bert_tf.training.arithmetic import learning_rate, learning_rate_schedule
from bert_tf.training.config import TrainConfig


class TestSchedule:
    @pytest.mark.parametrize(
        ("kind", "rates"),
        [
            ("linear", {0: 0, 1: 1.5, 2: 3, 4: 2.25, 6: 1.5, 10: 0, 11: 0}),
            ("cosine", {0: 0, 1: 1.5, 2: 3, 4: 2.5606602, 6: 1.5, 10: 0, 11: 0}),
            ("constant", {0: 0, 1: 1.5, 2: 3, 6: 3, 10: 3}),
        ],
    )
    def test_ten_steps_with_two_of_warm_up(self, kind, rates):
        schedule = learning_rate_schedule(kind, peak=3.0, total=10, warmup=2)
        for step, expected in rates.items():
            assert float(schedule(step)) == pytest.approx(expected, abs=1e-6), step

    def test_without_warm_up_it_starts_at_the_peak(self):
        schedule = learning_rate_schedule("linear", peak=3.0, total=10, warmup=0)
        assert [float(schedule(step)) for step in (0, 5)] == pytest.approx([3.0, 1.5])

    def test_with_only_warm_up_it_rises(self):
        schedule = learning_rate_schedule("cosine", peak=3.0, total=10, warmup=10)
        assert [float(schedule(step)) for step in (0, 5, 9)] == pytest.approx(
            [0.0, 1.5, 2.7]
        )

    def test_a_fraction_of_a_step_counts_as_a_step(self):
        """As Hugging Face: 5 steps at 0.1 warm up one."""
        schedule = learning_rate_schedule(
            "linear", peak=3.0, total=5, warmup=TrainConfig().warmup_steps(5)
        )
        assert [float(schedule(step)) for step in (0, 1, 5)] == pytest.approx([0, 3, 0])

    def test_an_int64_variable_as_step(self):
        schedule = learning_rate_schedule("linear", peak=3.0, total=10, warmup=2)
        assert float(schedule(tf.Variable(6, dtype=tf.int64))) == pytest.approx(1.5)

    def test_an_unknown_kind_is_an_error(self):
        with pytest.raises(
            ValueError, match="linear, polynomial, cosine, constant; .*'sine'"
        ):
            learning_rate_schedule("sine", peak=1.0, total=1, warmup=0)

    def test_polynomial_by_hand(self):
        """Warm-up of 2, then 8 steps down; a quarter of them leaves (3/4)^power."""
        for power, quarter in ((1.0, 0.75), (0.5, 0.75**0.5), (2.0, 0.5625)):
            schedule = learning_rate_schedule(
                "polynomial", peak=3.0, total=10, warmup=2, power=power
            )
            rates = [float(schedule(step)) for step in (1, 2, 4, 10)]
            assert rates == pytest.approx([1.5, 3.0, 3.0 * quarter, 0.0])

    def test_no_warm_up_is_longer_than_that_of_bert(self):
        config = TrainConfig()
        assert config.warmup_steps(50_000) == 5_000
        assert config.warmup_steps(1_000_000) == 10_000

    def test_in_a_run_by_time_it_follows_the_time(self):
        seconds = tf.Variable(0.0)
        config = TrainConfig(learning_rate=2.0, train_minutes=1.0, warmup_ratio=0.1)
        rate = learning_rate(config, 3, seconds.read_value)
        rates = []
        for second in (0, 3, 6, 33, 60, 70):
            seconds.assign(second)
            rates.append(float(rate(tf.constant(99))))
        assert rates == pytest.approx([0.0, 1.0, 2.0, 1.0, 0.0, 0.0], abs=1e-6)
