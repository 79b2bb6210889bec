"""Streams packed rows of NumPy, for engines other than TensorFlow's.

The functions and their batches are those of `pipeline`. Rows are dicts of arrays.
"""

import queue
import sys
import threading

import numpy as np

from bert_tf.data.rows import pretraining
from bert_tf.data.rows.batches import Order, first_number, longest_first
from bert_tf.data.rows.fixed_shapes import in_few_shapes
from bert_tf.data.rows.packing import pack
from bert_tf.tokenization.arrays import gather


class Stream:
    """Batches that a thread makes before they are needed, each from its number.

    Each iteration starts anew, and ends its thread when it is closed or forgotten.

    Args:
        parts: list of (function from a number to rows, `range` of numbers), one part
            after the other.
        ahead: most batches that wait.
    """

    def __init__(self, parts, ahead=4):
        self._parts, self._ahead = parts, ahead

    def __len__(self):
        return sum(len(numbers) for _, numbers in self._parts)

    def __iter__(self):
        rows = (make_rows(n) for make_rows, numbers in self._parts for n in numbers)
        return prefetch(rows, self._ahead)

    def take(self, count):
        """Returns a stream of the first batches only."""
        parts = []
        for make_rows, numbers in self._parts:
            parts.append((make_rows, numbers[:count]))
            count -= len(parts[-1][1])
        return Stream(parts, self._ahead)

    def in_few_shapes(self, micro_batches):
        """Returns a stream of the same batches, padded; see `fixed_shapes.in_few_shapes`."""
        parts = [(in_few_shapes(make, micro_batches), n) for make, n in self._parts]
        return Stream(parts, self._ahead)

    def concatenate(self, other):
        """Returns a stream of these batches and then those of `other`."""
        return Stream(self._parts + other._parts, self._ahead)


def prefetch(batches, ahead):
    """Yields the elements of an iterator, which a thread computes before they are needed.

    An error of the iterator is raised where the element would have been.

    Args:
        ahead: most elements that wait.
    """
    waiting, stopped, end = queue.Queue(ahead), threading.Event(), object()

    def put(element, error=None):
        while not stopped.is_set():
            try:
                return waiting.put((element, error), timeout=0.1)
            except queue.Full:
                pass

    def compute():
        try:
            for element in batches:
                put(element)
                if stopped.is_set():
                    return
            put(end)
        except BaseException as error:  # noqa: BLE001 It is raised by the consumer.
            put(end, error)

    thread = threading.Thread(target=compute, name="rows", daemon=True)
    thread.start()
    try:
        while True:
            element, error = waiting.get()
            if error is not None:
                raise error
            if element is end:
                return
            yield element
    finally:
        stopped.set()
        thread.join()


def training_rows(
    columns,
    features,
    *,
    batch_size,
    micro_batches=1,
    seed=0,
    start_step=0,
    share=(1, 0),
    **row_lengths,
):
    """Streams packed micro-batches without end; see `pipeline.training_rows`.

    Args:
        columns: dict of arrays [N, …] or `Ragged` [N, (…)].
        features: as in `pipeline`, of NumPy.
    """
    begin = first_number(start_step, micro_batches, share)
    count = len(next(iter(columns.values())))
    plan = {"batch_size": batch_size, "micro_batches": micro_batches, "seed": seed}
    order = Order(count, **plan)

    def make_rows(number):
        batch = features(_take(columns, order[number]))
        dropout_seed = np.array([seed, number]).astype(np.int32)
        return pack(batch, **row_lengths) | {"dropout_seed": dropout_seed}

    return _endless(make_rows, begin, share, micro_batches)


def _take(columns, examples):
    return {name: gather(array, examples) for name, array in columns.items()}


def evaluation_rows(
    columns, features, *, batch_size, characters=None, take=_take, **row_lengths
):
    """Streams every example once; see `pipeline.evaluation_rows`.

    Args:
        take: function(columns, examples) → the columns of a batch, for `features`.
    """
    batches = longest_first(columns, batch_size, characters)

    def make_rows(number):
        examples = batches[number]
        rows = pack(features(take(columns, examples)), **row_lengths)
        return rows | {"example_number": examples}

    return Stream([(make_rows, range(len(batches)))])


def pretraining_rows(
    examples, features, *, micro_batches=1, start_step=0, share=(1, 0), **options
):
    """Streams masked micro-batches without end; see `pipeline.pretraining_rows`."""
    begin = first_number(start_step, micro_batches, share)
    make_rows = pretraining.training_maker(examples, features, **options)
    return _endless(make_rows, begin, share, micro_batches)


def held_out_rows(examples, features, **options):
    """Streams examples once, always masked alike; see `pipeline.held_out_rows`."""
    make_rows, count = pretraining.held_out_maker(examples, features, **options)
    return Stream([(make_rows, range(count))])


def _endless(make_rows, begin, share, micro_batches):
    """Returns a stream without end, two updates of which wait."""
    numbers = range(begin, sys.maxsize, share[0])
    return Stream([(make_rows, numbers)], ahead=2 * micro_batches // share[0])
