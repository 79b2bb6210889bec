"""Texts longer than the model's input: worked examples, and properties of windows."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from both_kinds import check_both, texts
from hypothesis import strategies

from bert_tf.data.rows.long_texts import LONG_TEXTS, cut_into_windows, frame_long

SPECIAL = {"cls_id": 101, "sep_id": 102}


def ragged(rows):
    flat = [piece for row in rows for piece in row]
    lengths = np.array([len(row) for row in rows], np.int64)
    return tf.RaggedTensor.from_row_lengths(np.array(flat, np.int32), lengths)


def framed(*texts, long_text, max_seq_length):
    return frame_long(
        [ragged(rows) for rows in texts],
        long_text=long_text,
        max_seq_length=max_seq_length,
        **SPECIAL,
    )


class TestEnds:
    def test_a_quarter_is_the_beginning(self):
        example = framed(
            [list(range(20)), [7, 8]], long_text="head_tail", max_seq_length=10
        )
        assert example["input_ids"].to_list() == [
            [101, 0, 1, 14, 15, 16, 17, 18, 19, 102],
            [101, 7, 8, 102],
        ]

    def test_each_text_of_a_pair_keeps_both_ends(self):
        example = framed(
            [list(range(10))],
            [list(range(20, 32))],
            long_text="head_tail",
            max_seq_length=12,
        )
        assert example["input_ids"].to_list() == [
            [101, 0, 7, 8, 9, 102, 20, 28, 29, 30, 31, 102]
        ]

    def test_the_beginning_alone(self):
        example = framed([list(range(20))], long_text="truncate", max_seq_length=5)
        assert example["input_ids"].to_list() == [[101, 0, 1, 2, 102]]
        assert "record" not in example


class TestWindows:
    def test_single_texts(self):
        example = framed(
            [list(range(9)), [50], []], long_text="windows", max_seq_length=6
        )
        assert example["input_ids"].to_list() == [
            [101, 0, 1, 2, 3, 102],
            [101, 3, 4, 5, 6, 102],
            [101, 6, 7, 8, 102],
            [101, 50, 102],
            [101, 102],
        ]
        np.testing.assert_array_equal(example["record"], [0, 0, 0, 1, 2])
        np.testing.assert_array_equal(example["records"], [0, 1, 2])
        assert example["record"].dtype == example["records"].dtype == tf.int32

    def test_the_longer_text_of_a_pair_is_cut_into_windows(self):
        example = framed(
            [[1, 2], list(range(10, 19)), [1]],
            [list(range(20, 29)), [5], [2]],
            long_text="windows",
            max_seq_length=9,
        )
        assert example["input_ids"].to_list() == [
            [101, 1, 2, 102, 20, 21, 22, 23, 102],
            [101, 1, 2, 102, 23, 24, 25, 26, 102],
            [101, 1, 2, 102, 26, 27, 28, 102],
            [101, 10, 11, 12, 13, 14, 102, 5, 102],
            [101, 14, 15, 16, 17, 18, 102, 5, 102],
            [101, 1, 102, 2, 102],
        ]
        np.testing.assert_array_equal(example["record"], [0, 0, 0, 1, 1, 2])

    def test_of_two_long_texts_each_gets_half_the_room(self):
        example = framed(
            [list(range(9))],
            [list(range(20, 29))],
            long_text="windows",
            max_seq_length=7,
        )
        assert example["input_ids"].to_list() == [
            [101, 0, 1, 102, 20, 21, 102],
            [101, 0, 1, 102, 22, 23, 102],
            [101, 0, 1, 102, 24, 25, 102],
            [101, 0, 1, 102, 26, 27, 102],
            [101, 0, 1, 102, 28, 102],
        ]

    def test_no_texts(self):
        example = framed([], [], long_text="windows", max_seq_length=7)
        assert example["input_ids"].to_list() == []
        assert example["records"].shape == [0]

    @hypothesis.given(
        strategies.lists(strategies.integers(0, 40), max_size=6),
        strategies.integers(1, 12),
    )
    @hypothesis.settings(deadline=None, max_examples=50)
    def test_every_token_is_in_a_window(self, lengths, room):
        texts = [list(range(length)) for length in lengths]
        record, (windows,) = cut_into_windows([ragged(texts)], room)
        record, windows = record.numpy(), windows.to_list()
        for number, text in enumerate(texts):
            own = [window for window, n in zip(windows, record) if n == number]
            assert sorted({token for window in own for token in window}) == text
            assert len(own) >= 1
            # As few windows as possible: each but the last is full.
            assert all(len(window) == room for window in own[:-1])
            assert len(own[-1]) <= room


@pytest.mark.parametrize("count", [0, 1, 30])
@pytest.mark.parametrize("long_text", LONG_TEXTS)
def test_numpy_cuts_the_same(count, long_text):
    random = np.random.default_rng(count)
    pair = [texts(random, count, longest) for longest in (70, 40)]
    for sides in ([pair[0]], pair, pair[::-1], [pair[0], pair[0]]):
        check_both(frame_long, sides, long_text=long_text, max_seq_length=24, **SPECIAL)
