"""Windows over a long text, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.rows.windows import cut, cut_words, take


def windows(lengths, most, overlap, long_text="windows"):
    """[(text, begin, end, first, last)] of all windows."""
    numbers, window = cut(tf.constant(lengths, tf.int64), most, overlap, long_text)
    columns = [numbers.value_rowids(), *window.values()]
    return list(zip(*(column.numpy().tolist() for column in columns)))


def test_a_short_text_has_one():
    assert windows([7, 0], 7, 3) == [(0, 0, 7, 0, 7), (1, 0, 0, 0, 0)]


def test_long_texts_overlap_and_share_in_the_midst():
    assert windows([13, 3], 6, 2) == [
        (0, 0, 6, 0, 5),
        (0, 4, 10, 5, 9),
        (0, 8, 13, 9, 13),
        (1, 0, 3, 0, 3),
    ]


def test_a_size_for_each():
    numbers, window = cut(tf.constant([9, 9], tf.int64), [9, 5], [0, 1])
    assert numbers.to_list() == [[0], [0, 1]]
    assert window["begin"].numpy().tolist() == [0, 0, 4]


def test_the_first_window_alone():
    assert windows([13, 3], 6, 2, "truncate") == [(0, 0, 6, 0, 6), (1, 0, 3, 0, 3)]


def test_no_texts():
    assert windows([], 6, 2) == []


@pytest.mark.parametrize(("most", "overlap"), [(1, 0), (5, 0), (5, 4), (8, 3)])
def test_each_piece_is_owned_once_and_seen(most, overlap):
    found = windows(range(40), most, overlap)
    for length in range(40):
        own = [window[1:] for window in found if window[0] == length]
        owned = [piece for *_, first, last in own for piece in range(first, last)]
        assert owned == list(range(length))
        for begin, end, first, last in own:
            assert begin <= first <= last <= end <= begin + most


def test_pieces_of_any_rows():
    values = tf.ragged.constant([[1, 2, 3, 4], [], [5, 6]])
    taken = take(
        values, *(tf.constant(x, tf.int64) for x in ([2, 0, 0], [1, 0, 2], [2, 3, 4]))
    )
    assert taken.to_list() == [[6], [1, 2, 3], [3, 4]]


class TestWords:
    # Words of 2, 0, 1, 3, 1, 2 pieces, then of 1; windows of 4 that share one.
    PIECES = tf.ragged.constant(
        [[1, 2], [], [3], [4, 5, 6], [7], [8, 9], [10]], dtype=tf.int32
    )
    SPLITS = tf.constant([0, 6, 6, 7], tf.int64)

    def test_each_word_is_asked_once_at_its_first_piece(self):
        found = cut_words(self.PIECES, self.SPLITS, 4)
        assert found["pieces"].to_list() == [
            [1, 2, 3, 4],
            [4, 5, 6, 7],
            [7, 8, 9],
            [],
            [10],
        ]
        np.testing.assert_array_equal(found["record"], [0, 0, 0, 1, 2])
        # Windows begin at 0, 3 and 6, and own what begins there: the overlap of one
        # piece is the later one's.
        assert found["words"].to_list() == [[0, 2], [3], [4, 5], [], [0]]
        assert found["places"].to_list() == [[0, 2], [0], [0, 1], [], [0]]
        assert found["places"].dtype == found["words"].dtype == tf.int32

    def test_what_is_cut_off_is_not_asked(self):
        found = cut_words(self.PIECES, self.SPLITS, 4, "truncate")
        assert found["pieces"].to_list() == [[1, 2, 3, 4], [], [10]]
        assert found["words"].to_list() == [[0, 2, 3], [], [0]]

    def test_no_words(self):
        found = cut_words(self.PIECES[:0], tf.constant([0, 0], tf.int64), 4)
        assert found["pieces"].to_list() == found["places"].to_list() == [[]]
