"""Batches are functions of their numbers: seekable, complete, in a new order each epoch."""

import itertools

import numpy as np
import pytest
import tiny

from bert_tf.data.rows.pipeline import evaluation_rows, steps_per_epoch, training_rows

COUNT = 13


def numbered(count=COUNT):
    """Returns columns of examples that carry their number."""
    return tiny.columns(count) | {"number": np.arange(count, dtype=np.int32)}


def take(count, **options):
    """Returns the first micro-batches, as dicts of arrays."""
    options = {"batch_size": 3, "seed": 7} | options
    dataset = training_rows(numbered(), tiny.features, **options)
    return [
        {name: value.numpy() for name, value in rows.items()}
        for rows in dataset.take(count)
    ]


def numbers(batches):
    return [rows["number"].tolist() for rows in batches]


def assert_identical(received, expected):
    for one, other in zip(received, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one:
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

    @pytest.mark.parametrize("start_step", [1, 4, 5, 13])
    def test_a_later_start_gives_the_same_batches(self, batches, start_step):
        # An epoch has five steps, so these starts are within it, at its end and beyond.
        assert_identical(
            take(20 - start_step, start_step=start_step), batches[start_step:]
        )

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

    @pytest.mark.parametrize("shape", [None, (4, 64)])
    def test_workers_share_the_micro_batches(self, shape):
        options = {"micro_batches": 4, "batch_size": 2, "start_step": 1, "shape": shape}
        whole = take(12, **options)
        for worker in range(2):
            own = take(6, share=(2, worker), **options)
            assert_identical(own, whole[worker::2])

    def test_every_worker_needs_as_many_micro_batches(self):
        with pytest.raises(ValueError, match="multiple of the 2 workers; received 3"):
            take(1, micro_batches=3, share=(2, 0))

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
    def test_every_example_once_with_its_place(self):
        dataset = evaluation_rows(numbered(), tiny.features, batch_size=5)
        places = [rows["example_number"].numpy() for rows in dataset]
        assert [len(place) for place in places] == [5, 5, 3]
        assert sorted(np.concatenate(places)) == list(range(COUNT))
        for rows in dataset:
            np.testing.assert_array_equal(rows["number"], rows["example_number"])
        assert dataset.cardinality() == 3

    def test_the_longest_texts_come_first(self):
        columns = numbered()
        dataset = evaluation_rows(columns, tiny.features, batch_size=5)
        lengths = [
            len(columns["text"][number])
            for rows in dataset
            for number in rows["example_number"]
        ]
        assert lengths == sorted(lengths, reverse=True)
