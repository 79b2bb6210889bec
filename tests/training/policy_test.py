"""What is due after each update."""

import pytest

from bert_tf.training.config import TrainConfig
from bert_tf.training.policy import Policy


def due(method, last=12, **options):
    """Returns the steps from 1 to `last` at which something is due; 5 are an epoch."""
    config = TrainConfig(**options)
    policy = Policy(config, 5, "f1", now=None, numbers={})
    return [step for step in range(1, last + 1) if getattr(policy, method)(step)]


def test_the_first_line_comes_at_once():
    assert due("logs", logging_steps=4) == [1, 4, 8, 12]


@pytest.mark.parametrize(
    ("strategy", "steps"), [("epoch", [5, 10]), ("steps", [3, 6, 9, 12]), ("no", [])]
)
def test_evaluations(strategy, steps):
    assert due("evaluates", eval_strategy=strategy, eval_steps=3) == steps


def test_checkpoints():
    assert due("saves", save_steps=6) == [6, 12]
    assert due("saves", save_steps=0) == []


def test_the_end_of_a_run_by_updates():
    """Its clock is never read: among several workers that would take time."""
    assert due("ended", num_train_epochs=2) == [10, 11, 12]
    assert due("ended", max_steps=11) == [11, 12]


def test_a_run_by_time_follows_the_clock():
    now = [100.0]
    config = TrainConfig(train_minutes=1.0, warmup_ratio=0.25)
    policy = Policy(config, 5, "f1", now=lambda: now[0], numbers={"seconds": 20.0})
    policy.clock.start()
    now[0] += 10.0
    assert policy.clock.read() == policy.numbers()["seconds"] == 30.0
    assert policy.warmup_end(8) == 4.0  # A quarter of 16 updates.
    assert policy.time_left() == ", 0.5 minutes left"
    assert not policy.ended(1000)
    now[0] += 30.0
    assert policy.ended(8)
