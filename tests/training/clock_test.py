"""The training time, also in a resumed run."""

from bert_tf.training.clock import Clock


class Now:
    seconds = 1000.0

    def __call__(self):
        return self.seconds


def test_it_counts_from_its_start():
    now = Now()
    clock = Clock(60.0, now)
    now.seconds += 20  # Compilation.
    assert clock.left() == 60
    clock.start()
    now.seconds += 15
    clock.start()  # Called after every update; only the first call counts.
    assert clock.left() == 45
    assert clock.estimate_steps(30) == 120
    assert clock.read() == 15
    now.seconds += 50
    assert clock.seconds == 15  # As read last.
    assert clock.left() == 0


def test_a_resumed_run_has_the_time_that_is_left():
    now = Now()
    clock = Clock(60.0, now, spent=40.0)
    assert clock.left() == 20
    now.seconds += 7
    clock.start()
    now.seconds += 5
    assert clock.left() == 15
