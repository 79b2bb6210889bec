"""The thread that makes batches ahead: order, errors, and its end."""

import gc
import itertools
import threading
import time

import pytest

from bert_tf.data.rows.streams import Stream, prefetch


def running():
    """Returns the number of threads that make rows."""
    return sum(thread.name == "rows" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def no_thread_is_left():
    assert running() == 0
    yield
    gc.collect()
    assert running() == 0


def test_elements_come_in_their_order():
    assert list(prefetch(iter(range(50)), ahead=3)) == list(range(50))


def test_few_are_made_ahead():
    made = []
    elements = prefetch(map(made.append, itertools.count()), ahead=3)
    next(elements)
    deadline = time.monotonic() + 10
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    # One was taken, three wait, and one waits for a place.
    assert made == list(range(5))
    elements.close()


def test_an_error_comes_after_the_elements_before_it():
    def elements():
        yield 1
        yield 2
        raise ValueError("store is damaged")

    received = prefetch(elements(), ahead=4)
    assert [next(received), next(received)] == [1, 2]
    with pytest.raises(ValueError, match="store is damaged") as caught:
        next(received)
    assert caught.traceback[-1].name == "elements"  # The place of the error.
    assert list(received) == []


def test_the_thread_ends_with_its_consumer():
    for number in prefetch(itertools.count(), ahead=1):
        if number == 3:
            assert running() == 1
            break
    gc.collect()
    assert running() == 0


def test_streams_begin_anew_and_follow_each_other():
    squares = Stream([(lambda number: number**2, range(1, 10**9, 2))])
    first = squares.take(3)
    assert [list(first), list(first), len(first)] == [[1, 9, 25], [1, 9, 25], 3]
    both = first.concatenate(Stream([(str, range(2))]))
    assert list(both) == [1, 9, 25, "0", "1"]
    assert list(both.take(4)) == [1, 9, 25, "0"]
    assert len(both.take(2)) == 2
