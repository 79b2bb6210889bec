"""Packing: worked examples and properties."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from both_kinds import check_both, texts
from hypothesis import strategies
from tiny import ragged

from bert_tf.data.rows.packing import first_fit, pack, row_lengths
from bert_tf.tokenization.ragged import Ragged


def examples_of(rows, **rest):
    """Returns framed examples, with segment 1 from the third token on."""
    segments = [[int(place >= 2) for place in range(len(row))] for row in rows]
    return {"input_ids": ragged(rows), "segment_ids": ragged(segments), **rest}


class TestPack:
    def test_rows_are_filled_longest_first(self):
        rows = pack(
            examples_of([[11, 12, 13], [21, 22, 23, 24, 25], [31, 32, 33, 34]]),
            row_length=8,
        )
        expected = {
            "input_ids": [
                [21, 22, 23, 24, 25, 11, 12, 13],
                [31, 32, 33, 34, 0, 0, 0, 0],
            ],
            "segment_ids": [[0, 0, 1, 1, 1, 0, 0, 1], [0, 0, 1, 1, 0, 0, 0, 0]],
            "position_ids": [[0, 1, 2, 3, 4, 0, 1, 2], [0, 1, 2, 3, 0, 0, 0, 0]],
            "sequence_ids": [[2, 2, 2, 2, 2, 1, 1, 1], [3, 3, 3, 3, 0, 0, 0, 0]],
            "first_token": [5, 0, 8],
        }
        assert rows.keys() == expected.keys()
        for name, value in expected.items():
            assert rows[name].dtype == tf.int32
            assert rows[name].numpy().tolist() == value, name

    def test_other_features_are_returned_unchanged(self):
        label, weight = tf.constant([1, 0]), tf.constant([0.5, 2.0])
        rows = pack(examples_of([[7], [8, 9]], label=label, weight=weight))
        assert rows["label"] is label
        assert rows["weight"] is weight

    @pytest.mark.parametrize(
        ("lengths", "shape"),
        [
            ([1], (1, 32)),
            ([33], (1, 40)),
            ([512], (1, 512)),
            # Three examples take 3 rows of 32, 2 rows of 48, or 1 row of 64.
            ([21, 21, 21], (1, 64)),
            # 2 rows of 56 are 112 tokens; 3 rows of 40 are 120.
            ([37, 37, 19, 18], (2, 56)),
            # Rows of 32 and of 64 have equally many tokens, but attention is cheaper in
            # short ones.
            ([32, 32, 32, 32], (4, 32)),
        ],
    )
    def test_row_length_is_the_cheapest(self, lengths, shape):
        rows = pack(examples_of([[9] * length for length in lengths]))
        assert rows["input_ids"].shape == shape
        assert np.count_nonzero(rows["input_ids"] == 9) == sum(lengths)

    @pytest.mark.parametrize(
        ("lengths", "shape"), [([5], (1, 5)), ([5, 1], (1, 32)), ([], (1, 32))]
    )
    def test_one_example_may_have_a_row_of_its_length(self, lengths, shape):
        example = examples_of([[9] * length for length in lengths])
        assert pack(example, trim_one=True)["input_ids"].shape == shape

    def test_no_examples_are_an_empty_row(self):
        rows = pack(examples_of([]))
        assert rows["input_ids"].shape == (1, 32)
        assert not any(rows[name].numpy().any() for name in rows)
        assert rows["first_token"].shape == (0,)

    def test_an_example_longer_than_the_row_is_an_error(self):
        example = examples_of([[7, 8, 9], [10, 11]])
        with pytest.raises(tf.errors.InvalidArgumentError, match="longer than a row"):
            pack(example, row_length=2)
        arrays = {name: Ragged([7, 8, 9, 10, 11], [0, 3, 5]) for name in example}
        with pytest.raises(ValueError, match="example longer than a row: 3 > 2"):
            pack(arrays, row_length=2)


class TestRowLengths:
    @pytest.mark.parametrize(
        ("longest", "expected"),
        [
            (1, [32, 40, 48, 48, 56, 56, 64, 64]),
            (56, [56, 64, 72, 80, 88, 96, 104, 112]),
            (57, [64, 72, 80, 88, 96, 104, 112, 120]),
        ],
    )
    def test_eight_from_the_longest_to_twice_it(self, longest, expected):
        choices = row_lengths(tf.constant([3, longest]))
        assert choices.numpy().tolist() == expected


class TestFirstFit:
    def test_each_takes_the_first_row_with_room(self):
        row, place = first_fit(self.one_side(2, 6, 3, 5, 2), self.one_side(8, 11))
        assert row.numpy().tolist() == [[0, 0, 1, 1, 2], [1, 0, 1, 0, 1]]
        assert place[..., 0].numpy().tolist() == [[6, 0, 5, 0, 0], [3, 0, 0, 6, 5]]

    def test_equal_lengths_keep_their_order(self):
        row, place = first_fit(self.one_side(3, 3, 3, 3), self.one_side(7))
        assert row.numpy().tolist() == [[0, 0, 1, 1]]
        assert place[..., 0].numpy().tolist() == [[0, 3, 0, 3]]

    def test_a_row_needs_room_on_both_sides(self):
        # In parts of both sides together the examples take 5/12 + 1/9, 4/12 + 6/9 and
        # 3/12 + 2/9: the second comes first, and the first does not fit beside it.
        lengths = tf.constant([[5, 1], [4, 6], [3, 2]])
        row, place = first_fit(lengths, tf.constant([[8, 8], [9, 6], [12, 9]]))
        assert row.numpy().tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]
        assert place.numpy().tolist() == [
            [[0, 0], [0, 0], [4, 6]],
            [[0, 0], [0, 0], [5, 1]],
            [[4, 6], [0, 0], [9, 7]],
        ]

    @staticmethod
    def one_side(*values):
        return tf.constant(values)[:, None]


@tf.function(
    input_signature=[
        tf.RaggedTensorSpec([None, None], tf.int32),
        tf.RaggedTensorSpec([None, None], tf.int32),
    ]
)
def pack_in_graph(input_ids, segment_ids):
    return pack({"input_ids": input_ids, "segment_ids": segment_ids})


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
    strategies.lists(
        strategies.integers(1, 150) | strategies.integers(1, 9), max_size=40
    )
)
def test_every_token_has_its_own_place(lengths):
    """Unpacking returns the examples, and the rows hold no other tokens."""
    numbers = iter(range(1, 10**6))
    examples = [[next(numbers) for _ in range(length)] for length in lengths]
    example = examples_of(examples)
    rows = pack_in_graph(example["input_ids"], example["segment_ids"])
    flat = {name: value.numpy().ravel() for name, value in rows.items()}
    row_length = rows["input_ids"].shape[1]
    longest = max(32, -(-max(lengths, default=1) // 8) * 8)
    assert longest <= row_length <= 2 * longest
    segments = example["segment_ids"].to_list()
    for number, (pieces, begin) in enumerate(zip(examples, flat["first_token"])):
        own = slice(begin, begin + len(pieces))
        assert begin // row_length == (own.stop - 1) // row_length
        assert flat["input_ids"][own].tolist() == pieces
        assert flat["segment_ids"][own].tolist() == segments[number]
        assert flat["position_ids"][own].tolist() == list(range(len(pieces)))
        assert (flat["sequence_ids"][own] == number + 1).all()
    assert np.count_nonzero(flat["input_ids"]) == sum(lengths)
    assert np.count_nonzero(flat["sequence_ids"]) == sum(lengths)
    # First fit leaves at most one row half empty.
    used = (rows["sequence_ids"].numpy() > 0).sum(axis=1)
    assert (used <= row_length // 2).sum() <= 1


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
@pytest.mark.parametrize("longest", [2, 30, 130, 512])
def test_numpy_gives_the_same_rows(count, longest):
    random = np.random.default_rng(count)
    ids = texts(random, count, longest, empty=False)
    segments = ids.with_values((ids.values % 2).astype(np.int32))
    label = np.arange(count, dtype=np.int32)
    example = {"input_ids": ids, "segment_ids": segments, "label": label}
    for row_length in (None, 512):
        rows = check_both(pack, example, row_length=row_length)
        assert np.count_nonzero(rows["input_ids"]) == len(ids.values)


class TestTargets:
    def examples(self):
        target_ids = ragged([[2, 41, 3], [2, 51, 52, 53, 3], [2, 3]])
        return examples_of([[11, 12], [21, 22, 23], [31]], target_ids=target_ids)

    def test_they_lie_in_the_rows_of_their_sources(self):
        rows = pack(self.examples(), row_length=4, target_row_length=5)
        expected = {
            "input_ids": [[21, 22, 23, 31], [11, 12, 0, 0]],
            "sequence_ids": [[2, 2, 2, 3], [1, 1, 0, 0]],
            "first_token": [4, 0, 3],
            # All but the last token, and all but the first.
            "target_input_ids": [[2, 51, 52, 53, 2], [2, 41, 0, 0, 0]],
            "target_labels": [[51, 52, 53, 3, 3], [41, 3, 0, 0, 0]],
            "target_position_ids": [[0, 1, 2, 3, 0], [0, 1, 0, 0, 0]],
            "target_sequence_ids": [[2, 2, 2, 2, 3], [1, 1, 0, 0, 0]],
            "target_first_token": [5, 0, 4],
        }
        assert rows.keys() - expected.keys() == {"segment_ids", "position_ids"}
        for name, value in expected.items():
            assert rows[name].dtype == tf.int32
            assert rows[name].numpy().tolist() == value, name

    def test_a_target_longer_than_the_row_is_an_error(self):
        with pytest.raises(tf.errors.InvalidArgumentError, match="longer than a row"):
            pack(self.examples(), row_length=4, target_row_length=3)

    def test_short_targets_get_short_rows(self):
        """Long contexts, short answers: a row of answers is not as long as one of contexts."""
        rows = pack(
            examples_of([[9] * 90] * 6, target_ids=ragged([[2, 8, 8, 3]] * 6)),
        )
        assert rows["input_ids"].shape[1] % 8 == rows["target_labels"].shape[1] % 8 == 0
        assert rows["target_labels"].shape[1] <= 8
        assert np.count_nonzero(rows["target_labels"]) == 6 * 3

    @pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
    def test_rows_are_full_on_both_sides(self, factor):
        """Sentences and their translations, as long as in Multi30k."""
        random = np.random.default_rng(3)
        source = np.clip(random.gamma(9, 1.8, 64), 5, 50).astype(int)
        target = np.clip(source * factor * random.normal(1, 0.15, 64), 4, 60)
        rows = pack(
            {
                "input_ids": (ids := ones(source)),
                "segment_ids": ids,
                "target_ids": ones(target.astype(int)),
            }
        )
        for name in ("sequence_ids", "target_sequence_ids"):
            assert (rows[name] > 0).mean() > 0.88, name

    @pytest.mark.parametrize("count", [0, 1, 7, 64])
    @pytest.mark.parametrize("longest", [9, 120])
    def test_numpy_gives_the_same_rows(self, count, longest):
        random = np.random.default_rng(count + longest)
        ids = texts(random, count, longest, empty=False)
        targets = random.integers(2, longest + 1, count)
        targets = Ragged.from_row_lengths(
            random.integers(5, 99, targets.sum()).astype(np.int32), targets
        )
        example = {"input_ids": ids, "segment_ids": ids, "target_ids": targets}
        for lengths in (
            {},
            {"row_length": 256},
            {"row_length": 128, "target_row_length": 128},
        ):
            rows = check_both(pack, example, **lengths)
            assert np.count_nonzero(rows["input_ids"]) == len(ids.values)
            held = targets.values.size - count
            assert np.count_nonzero(rows["target_labels"]) == held
            # An example is in the same row on both sides.
            sides = (
                ("first_token", "input_ids"),
                ("target_first_token", "target_labels"),
            )
            at = [rows[place] // rows[grid].shape[1] for place, grid in sides]
            np.testing.assert_array_equal(*at)


def ones(lengths):
    return Ragged.from_row_lengths(np.ones(lengths.sum(), np.int32), lengths)
