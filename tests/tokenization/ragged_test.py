"""`Ragged` and its operations give what TensorFlow's give, bit for bit."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from both_kinds import assert_same, check_both, texts, to_tensorflow

from bert_tf.tokenization import arrays
from bert_tf.tokenization.framing import (
    frame,
    keep_ends,
    pair_lengths,
    places_of,
    truncate,
)
from bert_tf.tokenization.ragged import Ragged

ROWS = Ragged([7, 8, 9, 4], [0, 2, 2, 3, 4])  # Four rows, the second of which is empty.
NONE = Ragged(np.zeros(0, np.int32), [0])

METHODS = {
    "row_lengths": lambda rows: rows.row_lengths(),
    "row_starts": lambda rows: rows.row_starts(),
    "value_rowids": lambda rows: rows.value_rowids(),
    "with_values": lambda rows: rows.with_values(rows.values + 1),
    "to_tensor": lambda rows: rows.to_tensor(-1),
    "a width": lambda rows: rows.to_tensor(shape=[None, 1]),
    "a larger width": lambda rows: rows.to_tensor(5, shape=[None, 4]),
}
each_kind = pytest.mark.parametrize("rows", [ROWS, NONE], ids=["rows", "none"])


@each_kind
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods(rows, method):
    check_both(method, rows)


def test_rows():
    assert ROWS.nrows() == len(ROWS) == 4
    assert ROWS.shape == tuple(to_tensorflow(ROWS).shape)
    assert ROWS.to_list() == to_tensorflow(ROWS).to_list() == [[7, 8], [], [9], [4]]
    assert ROWS[-1].tolist() == [4]
    assert [row.tolist() for row in ROWS] == ROWS.to_list()


def test_makers():
    values = np.array([7, 8, 9, 4])
    for made in (
        Ragged.from_row_splits(values, [0, 2, 2, 3, 4]),
        Ragged.from_row_lengths(values, [2, 0, 1, 1]),
        Ragged.from_value_rowids(values, [0, 0, 2, 3]),
    ):
        assert_same(to_tensorflow(ROWS), made)
    more = Ragged.from_value_rowids(values, [0, 0, 2, 3], nrows=6)
    assert more.row_lengths().tolist() == [2, 0, 1, 1, 0, 0]
    assert Ragged.from_value_rowids([], []).nrows() == 0


@pytest.mark.parametrize("splits", [[0, 3], [1, 4], [0, 3, 2, 4], [0, 5]])
def test_wrong_splits_are_refused(splits):
    with pytest.raises(ValueError, match="must rise from 0 to 4, the number of values"):
        Ragged.from_row_splits(np.arange(4), splits)


def test_row_ids_in_disorder_are_refused():
    with pytest.raises(ValueError, match="value_rowids must not decrease"):
        Ragged.from_value_rowids(np.arange(3), [0, 2, 1])


def test_operations_are_those_of_the_arrays_kind():
    for array in (ROWS, np.zeros(2), np.int64(3)):
        assert arrays.operations(array) is arrays
    assert arrays.operations(tf.zeros(2)).RaggedTensor is tf.RaggedTensor


def test_operations():
    def call(name, *args, **kwargs):
        def function(*args):
            module = arrays.operations(args[0] if args else 0)
            return functools.reduce(getattr, name.split("."), module)(*args, **kwargs)

        return check_both(function, *args)

    call("gather", ROWS, np.array([3, 0, 1, 0]))
    call("gather", NONE, np.zeros(0, np.int64))
    call("gather", np.array([5, 6]), np.array([1, 1, 0]))
    call("ragged.range", np.array([3, 0, 2], np.int32))
    call("ragged.range", np.array([3, 0, 7]), np.array([5, 4, 2]))
    numbers = np.arange(6).reshape(2, 3)
    for axis in (0, 1, -1):
        assert_same(tf.unstack(numbers, axis=axis), arrays.unstack(numbers, axis=axis))
    for axis in (0, 1):
        pair = [ROWS, ROWS.with_values(ROWS.values * 2)]
        both = arrays.concat(pair, axis=axis)
        assert_same(tf.concat(to_tensorflow(pair), axis=axis), both)


def random_pairs():
    """Yields two batches of texts, of no example, of one, and of many."""
    random = np.random.default_rng(1)
    for count in (0, 1, 40):
        for longest in (1, 9, 60):
            yield [texts(random, count, longest) for _ in "ab"]


@pytest.mark.parametrize("max_seq_length", [3, 4, 11, 32, 200])
@pytest.mark.parametrize("head_tail", [False, True])
def test_frame(max_seq_length, head_tail):
    options = {
        "cls_id": 2,
        "sep_id": 3,
        "max_seq_length": max_seq_length,
        "head_tail": head_tail,
    }
    for first, second in random_pairs():
        check_both(frame, first, **options)
        framed = check_both(frame, first, second, **options)
        assert framed["input_ids"].row_lengths().max(initial=3) <= max_seq_length


def test_places_and_lengths():
    for first, second in random_pairs():
        check_both(places_of, first)
        for cut in (truncate, keep_ends):
            check_both(cut, first, 7)
            check_both(cut, first, second.row_lengths())
        check_both(pair_lengths, first.row_lengths(), second.row_lengths(), 17)
