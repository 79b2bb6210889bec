"""Texts longer than the model, worked by hand, and windows against a plain loop."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from bert_tf.data.rows.long_texts import check_long_text, cut_into_windows, frame_long

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
        found = framed(
            [list(range(20)), [7, 8]], long_text="head_tail", max_seq_length=10
        )
        assert found["input_ids"].to_list() == [
            [101, 0, 1, 14, 15, 16, 17, 18, 19, 102],
            [101, 7, 8, 102],
        ]

    def test_each_of_a_pair_keeps_its_own(self):
        found = framed(
            [list(range(10))],
            [list(range(20, 32))],
            long_text="head_tail",
            max_seq_length=12,
        )
        assert found["input_ids"].to_list() == [
            [101, 0, 7, 8, 9, 102, 20, 28, 29, 30, 31, 102]
        ]

    def test_the_beginning_alone(self):
        found = framed([list(range(20))], long_text="truncate", max_seq_length=5)
        assert found["input_ids"].to_list() == [[101, 0, 1, 2, 102]]
        assert "record" not in found


class TestWindows:
    def test_single_texts(self):
        found = framed(
            [list(range(9)), [50], []], long_text="windows", max_seq_length=6
        )
        assert found["input_ids"].to_list() == [
            [101, 0, 1, 2, 3, 102],
            [101, 3, 4, 5, 6, 102],
            [101, 6, 7, 8, 102],
            [101, 50, 102],
            [101, 102],
        ]
        np.testing.assert_array_equal(found["record"], [0, 0, 0, 1, 2])
        assert found["num_records"] == 3
        assert found["record"].dtype == found["num_records"].dtype == tf.int32

    def test_the_longer_of_a_pair_goes_beside_the_other(self):
        found = framed(
            [[1, 2], list(range(10, 19)), [1]],
            [list(range(20, 29)), [5], [2]],
            long_text="windows",
            max_seq_length=9,
        )
        assert found["input_ids"].to_list() == [
            [101, 1, 2, 102, 20, 21, 22, 23, 102],
            [101, 1, 2, 102, 23, 24, 25, 26, 102],
            [101, 1, 2, 102, 26, 27, 28, 102],
            [101, 10, 11, 12, 13, 14, 102, 5, 102],
            [101, 14, 15, 16, 17, 18, 102, 5, 102],
            [101, 1, 102, 2, 102],
        ]
        np.testing.assert_array_equal(found["record"], [0, 0, 0, 1, 1, 2])

    def test_two_long_ones_share_the_room(self):
        found = framed(
            [list(range(9))],
            [list(range(20, 29))],
            long_text="windows",
            max_seq_length=7,
        )
        assert found["input_ids"].to_list() == [
            [101, 0, 1, 102, 20, 21, 102],
            [101, 0, 1, 102, 22, 23, 102],
            [101, 0, 1, 102, 24, 25, 102],
            [101, 0, 1, 102, 26, 27, 102],
            [101, 0, 1, 102, 28, 102],
        ]

    def test_nothing(self):
        found = framed([], [], long_text="windows", max_seq_length=7)
        assert found["input_ids"].to_list() == []
        assert found["num_records"] == 0

    @hypothesis.given(
        strategies.lists(strategies.integers(0, 40), max_size=6),
        strategies.integers(1, 12),
    )
    @hypothesis.settings(deadline=None, max_examples=50)
    def test_every_piece_is_in_a_window(self, lengths, room):
        texts = [list(range(length)) for length in lengths]
        record, (windows,) = cut_into_windows([ragged(texts)], room)
        record, windows = record.numpy(), windows.to_list()
        for number, text in enumerate(texts):
            own = [w for w, of in zip(windows, record) if of == number]
            assert sorted({piece for window in own for piece in window}) == text
            assert len(own) >= 1
            # As few as there can be: each but the last is full.
            assert all(len(window) == room for window in own[:-1])
            assert len(own[-1]) <= room


def test_an_unknown_way_is_an_error():
    assert check_long_text("") == "truncate"
    with pytest.raises(ValueError, match="truncate, head_tail, windows; received 'x'"):
        check_long_text("x")
