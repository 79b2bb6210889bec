"""Framing and truncation: worked examples and properties."""

import numpy as np
import pytest
import tensorflow as tf
from tiny import ragged

from bert_tf.tokenization.framing import frame, pair_lengths, truncate

CLS, SEP = 101, 102


def framed(pieces, pair=None, max_seq_length=9):
    example = frame(
        ragged(pieces),
        None if pair is None else ragged(pair),
        cls_id=CLS,
        sep_id=SEP,
        max_seq_length=max_seq_length,
    )
    return example["input_ids"].to_list(), example["segment_ids"].to_list()


class TestFrame:
    def test_single(self):
        input_ids, segment_ids = framed([[7, 8], [], [9]])
        assert input_ids == [[CLS, 7, 8, SEP], [CLS, SEP], [CLS, 9, SEP]]
        assert segment_ids == [[0, 0, 0, 0], [0, 0], [0, 0, 0]]

    def test_pair(self):
        input_ids, segment_ids = framed([[7, 8], [5], []], [[9], [], [6]])
        assert input_ids == [
            [CLS, 7, 8, SEP, 9, SEP],
            [CLS, 5, SEP, SEP],
            [CLS, SEP, 6, SEP],
        ]
        assert segment_ids == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]]

    def test_a_long_single_loses_its_end(self):
        input_ids, _ = framed([[1, 2, 3, 4], [5, 6, 7]], max_seq_length=5)
        assert input_ids == [[CLS, 1, 2, 3, SEP], [CLS, 5, 6, 7, SEP]]

    def test_a_long_pair_loses_the_ends_of_both(self):
        input_ids, segment_ids = framed(
            [[1, 2, 3, 4, 5, 6]], [[11, 12, 13, 14]], max_seq_length=8
        )
        assert input_ids == [[CLS, 1, 2, 3, SEP, 11, 12, SEP]]
        assert segment_ids == [[0, 0, 0, 0, 0, 1, 1, 1]]

    def test_types(self):
        example = frame(
            ragged([[7]]), ragged([[8]]), cls_id=CLS, sep_id=SEP, max_seq_length=9
        )
        assert {value.dtype for value in example.values()} == {tf.int32}

    def test_no_examples(self):
        assert framed([]) == ([], [])
        assert framed([], []) == ([], [])


class TestTruncate:
    def test_one_length_for_all(self):
        assert truncate(ragged([[1, 2, 3], [], [4]]), 2).to_list() == [[1, 2], [], [4]]

    def test_a_length_for_each(self):
        lengths = tf.constant([1, 5, 0], tf.int64)
        pieces = ragged([[1, 2, 3], [4, 5], [6]])
        assert truncate(pieces, lengths).to_list() == [[1], [4, 5], []]


def longest_first(first, second, budget):
    """Hugging Face tokenizers, `truncate_encodings`, transcribed."""
    if first + second <= budget:
        return first, second
    short, long = min(first, second), max(first, second)
    long = short if short > budget else max(short, budget - short)
    if short + long > budget:
        short = budget // 2
        long = short + budget % 2
    return (long, short) if first > second else (short, long)


class TestPairLengths:
    @pytest.mark.parametrize(
        ("first", "second", "kept"),
        [
            (3, 4, (3, 4)),  # Fits.
            (10, 2, (5, 2)),  # Only the longer text is cut.
            (2, 10, (2, 5)),
            (0, 10, (0, 7)),
            (6, 5, (4, 3)),  # Both are cut; the longer keeps the odd token.
            (5, 6, (3, 4)),
            (5, 5, (3, 4)),  # Of two equals, the second keeps the odd token.
        ],
    )
    def test_budget_of_7(self, first, second, kept):
        lengths = pair_lengths(*tf.constant([[first], [second]], tf.int64), 7)
        assert tuple(int(length[0]) for length in lengths) == kept

    def test_equals_hugging_face(self):
        first, second = np.indices((11, 11)).reshape(2, -1)
        for budget in range(9):
            kept = np.stack(pair_lengths(first, second, budget), 1).tolist()
            assert kept == [
                list(longest_first(a, b, budget)) for a, b in zip(first, second)
            ]
