"""Windows over a long text, worked by hand."""

import pytest

from bert_tf.data.windows import Window, windows


def test_a_short_text_has_one():
    assert windows(7, 7, 3) == [Window(0, 7, 0, 7)]
    assert windows(0, 7, 3) == [Window(0, 0, 0, 0)]


def test_long_texts_overlap_and_share_in_the_midst():
    assert windows(13, 6, 2) == [
        Window(0, 6, 0, 5),
        Window(4, 10, 5, 9),
        Window(8, 13, 9, 13),
    ]


@pytest.mark.parametrize("length", range(40))
@pytest.mark.parametrize(("most", "overlap"), [(1, 0), (5, 0), (5, 4), (8, 3)])
def test_each_piece_is_owned_once_and_seen(length, most, overlap):
    found = windows(length, most, overlap)
    owned = [piece for w in found for piece in range(w.first, w.last)]
    assert owned == list(range(length))
    assert all(w.begin <= w.first <= w.last <= w.end for w in found)
    assert all(w.end - w.begin <= most for w in found)


@pytest.mark.parametrize("overlap", [-1, 5])
def test_an_overlap_without_progress_is_an_error(overlap):
    with pytest.raises(ValueError, match=f"overlap must be in .* received {overlap}"):
        windows(9, 5, overlap)
