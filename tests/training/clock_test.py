"""Time that is left, over an interruption, too."""

import pytest
import tensorflow as tf

from bert_tf.training.clock import Clock
from bert_tf.training.tensorflow.distribution import make_strategy


class Now:
    seconds = 1000.0

    def __call__(self):
        return self.seconds


def test_it_counts_from_its_start():
    now = Now()
    clock = Clock(60.0, now=now)
    now.seconds += 20  # Compiling.
    assert clock.left() == 60
    clock.start()
    now.seconds += 15
    clock.start()  # Every update says so; the first one counts.
    assert clock.left() == 45
    assert clock.steps(30) == 120
    clock.tick()
    now.seconds += 50
    assert clock.left() == 0
    assert float(clock.read()) == 15  # As told at the last tick.


def test_a_resumed_run_has_what_is_left():
    now = Now()
    clock = Clock(60.0, now=now)
    clock.state()["elapsed"].assign(40.0)  # As a checkpoint would.
    assert clock.left() == 20
    now.seconds += 7
    clock.start()
    now.seconds += 5
    assert clock.left() == 15


def test_each_replica_reads_the_same():
    strategy = make_strategy("mirrored")
    with strategy.scope():
        clock = Clock(60.0, now=Now())
    clock.state()["elapsed"].assign(7.0)

    @tf.function
    def read():
        return strategy.run(clock.read)

    values = strategy.experimental_local_results(read())
    assert [float(value) for value in values] == pytest.approx([7.0, 7.0])
