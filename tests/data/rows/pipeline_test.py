"""Batches are functions of their numbers: seekable, complete, in a new order each epoch.

Both kinds of streams, of TensorFlow and of NumPy, give the same ones.
"""

import itertools

import numpy as np
import pytest
import tiny

from bert_tf.data.rows import pipeline, streams
from bert_tf.data.rows.batches import Order, longest_first, steps_per_epoch

COUNT = 13
KINDS = {"tensorflow": pipeline, "numpy": streams}
both_kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def numbered(count=COUNT):
    """Returns columns of examples that carry their number."""
    return tiny.columns(count) | {"number": np.arange(count, dtype=np.int32)}


def as_arrays(batches):
    return [
        {name: np.asarray(value) for name, value in rows.items()} for rows in batches
    ]


def take(count, kind=pipeline, **options):
    """Returns the first micro-batches, as dicts of arrays."""
    options = {"batch_size": 3, "seed": 7} | options
    return as_arrays(
        kind.training_rows(numbered(), tiny.features, **options).take(count)
    )


def evaluate(kind=pipeline, columns=None, **options):
    """Returns all batches of an evaluation, as dicts of arrays."""
    columns = numbered() if columns is None else columns
    options = {"batch_size": 5} | options
    return as_arrays(kind.evaluation_rows(columns, tiny.features, **options))


def numbers(batches):
    return [rows["number"].tolist() for rows in batches]


def assert_identical(received, expected):
    for one, other in zip(received, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert one[name].dtype == other[name].dtype, name
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def batches():
    """Four epochs of five updates."""
    return take(20)


class TestTraining:
    def test_rows_hold_the_numbered_examples(self, batches):
        pieces = tiny.pieces(numbered())
        for rows in batches:
            for number, begin in zip(rows["number"], rows["first_token"]):
                expected = pieces[number]
                flat = rows["input_ids"].ravel()
                assert flat[begin : begin + len(expected)].tolist() == expected
            assert rows["label"].tolist() == [
                numbered()["label"][number] for number in rows["number"]
            ]

    def test_each_epoch_is_another_permutation(self, batches):
        epochs = [
            list(itertools.chain(*numbers(batches[begin : begin + 5])))
            for begin in range(0, 20, 5)
        ]
        assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) == 4

    def test_the_last_update_of_an_epoch_is_smaller(self, batches):
        assert [len(rows["number"]) for rows in batches[:10]] == [3, 3, 3, 3, 1] * 2

    def test_the_last_micro_batches_of_an_epoch_are_empty(self):
        batches = take(8, micro_batches=4, batch_size=2)
        assert [len(rows["number"]) for rows in batches] == [2, 2, 2, 2, 2, 2, 1, 0]
        empty = batches[-1]
        assert empty["input_ids"].shape == (1, 32)
        assert not empty["sequence_ids"].any()
        assert empty["label"].shape == (0,)

    @both_kinds
    @pytest.mark.parametrize("start_step", [1, 4, 5, 13])
    def test_a_later_start_gives_the_same_batches(self, batches, start_step, kind):
        # An epoch has five steps, so these starts are within it, at its end and beyond.
        assert_identical(
            take(20 - start_step, kind, start_step=start_step), batches[start_step:]
        )

    @pytest.mark.parametrize("row_length", [None, 128])
    def test_numpy_gives_the_same_rows(self, row_length):
        options = {"batch_size": 2, "micro_batches": 4, "row_length": row_length}
        tensors, arrays = (take(12, kind, **options) for kind in KINDS.values())
        assert_identical(arrays, tensors)
        lengths = {rows["input_ids"].shape[1] for rows in arrays}
        assert lengths == ({128} if row_length else {32, 40, 48, 72})

    def test_the_order_of_an_epoch(self):
        """Runs resume, and repeat, with the order that they began with."""
        order = Order(8, batch_size=5, micro_batches=2, seed=7)
        epochs = [np.concatenate([order[2 * n], order[2 * n + 1]]) for n in range(2)]
        assert np.array(epochs).tolist() == [
            [1, 3, 2, 4, 7, 0, 6, 5],
            [6, 5, 4, 2, 7, 3, 1, 0],
        ]

    def test_a_later_start_gives_the_same_micro_batches(self):
        options = {"micro_batches": 4, "batch_size": 2}
        assert_identical(take(8, start_step=3, **options), take(20, **options)[12:])

    def test_micro_batches_divide_an_update(self):
        whole = take(4, batch_size=4)
        halves = take(8, batch_size=2, micro_batches=2)
        joined = [
            one + other
            for one, other in zip(numbers(halves[::2]), numbers(halves[1::2]))
        ]
        assert joined == numbers(whole)

    @both_kinds
    def test_workers_share_the_micro_batches(self, kind):
        options = {"micro_batches": 4, "batch_size": 2, "start_step": 1}
        whole = take(12, **options)
        for worker in range(2):
            own = take(6, kind, share=(2, worker), **options)
            assert_identical(own, whole[worker::2])

    @both_kinds
    def test_every_worker_needs_as_many_micro_batches(self, kind):
        with pytest.raises(ValueError, match="multiple of the 2 workers; received 3"):
            take(1, kind, micro_batches=3, share=(2, 0))

    def test_another_seed_gives_another_order(self, batches):
        assert numbers(take(5, seed=8)) != numbers(batches[:5])

    def test_every_micro_batch_has_its_own_dropout_seed(self, batches):
        seeds = [rows["dropout_seed"].tolist() for rows in batches]
        assert seeds == [[7, number] for number in range(20)]
        assert batches[0]["dropout_seed"].dtype == np.int32

    @pytest.mark.parametrize(
        ("examples", "batch_size", "micro_batches", "steps"),
        [(13, 3, 1, 5), (12, 3, 1, 4), (13, 2, 4, 2), (1, 32, 8, 1)],
    )
    def test_steps_per_epoch(self, examples, batch_size, micro_batches, steps):
        assert steps_per_epoch(examples, batch_size, micro_batches) == steps


class TestEvaluation:
    @both_kinds
    def test_every_example_once_with_its_place(self, kind):
        dataset = kind.evaluation_rows(numbered(), tiny.features, batch_size=5)
        assert len(dataset) == 3
        batches = as_arrays(dataset)
        places = [rows["example_number"] for rows in batches]
        assert [len(place) for place in places] == [5, 5, 3]
        assert sorted(np.concatenate(places)) == list(range(COUNT))
        for rows in batches:
            np.testing.assert_array_equal(rows["number"], rows["example_number"])
        assert_identical(as_arrays(dataset), batches)

    def test_the_longest_texts_come_first(self):
        columns = numbered()
        lengths = [
            len(columns["text"][number])
            for rows in evaluate()
            for number in rows["example_number"]
        ]
        assert lengths == sorted(lengths, reverse=True)

    @pytest.mark.parametrize("characters", [None, 20])
    def test_numpy_gives_the_same_rows(self, characters):
        tensors, arrays = (
            evaluate(kind, characters=characters) for kind in KINDS.values()
        )
        assert_identical(arrays, tensors)
        assert len(arrays) == (8 if characters else 3)

    @both_kinds
    def test_no_examples_are_no_batches(self, kind):
        none = {name: array[:0] for name, array in numbered().items()}
        assert evaluate(kind, none) == []


class TestLongestFirst:
    def test_texts_are_measured_in_bytes_with_their_pairs(self):
        columns = {
            "text": np.array(["aaaa", "ä", b"aaa", ""], object),
            "choices": np.array([["", ""], ["aa", "ä"], ["", "a"], ["", "a"]]),
            "ids": tiny.ragged([[1], [], [1], [1]]),
            "label": np.array([9, 9, 9, 9]),
        }
        (order,) = longest_first(columns, 4)
        # 5, 6, 5 and 2: of equals the first comes first.
        assert order.tolist() == [1, 0, 2, 3]
        assert order.dtype == np.int32

    def test_a_long_text_counts_as_several(self):
        columns = {"text": np.array(["a" * n for n in (90, 31, 30, 10, 10, 10)])}
        batches = longest_first(columns, 3, characters=20)
        # They count as 5, 2, 2, 1, 1 and 1.
        assert [batch.tolist() for batch in batches] == [[0], [1], [2, 3], [4, 5]]
