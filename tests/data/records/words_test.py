"""Running text into words, worked by hand."""

import itertools

import pytest

from bert_tf.data.records.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EU rejects German call.", ["EU", "rejects", "German", "call", "."]),
        ("the U.S. and (Paris)", ["the", "U.S.", "and", "(", "Paris", ")"]),
        ("on 1996-08-22, 3.5%", ["on", "1996-08-22", ",", "3.5", "%"]),
        ("Obama's don't it’s", ["Obama", "'s", "do", "n't", "it", "’s"]),
        ("'s n't", ["'", "s", "n't"]),
        ("wait ... what?!", ["wait", ".", ".", ".", "what", "?", "!"]),
        ("他在 Berlin工作。", ["他", "在", "Berlin", "工", "作", "。"]),
        ("  \t\n", []),
        ("", []),
    ],
)
def test_words(text, words):
    spans = split_words(text)
    assert [text[start:end] for start, end in spans] == words


def test_words_end_at_bounds():
    text = "New York-based"
    assert [text[a:b] for a, b in split_words(text, {8})] == [
        "New",
        "York",
        "-",
        "based",
    ]


def test_nothing_but_spaces_is_lost():
    text = "a (b) c's -- \u4e2d\u56fd x.y.z. 'n't'"
    spans = split_words(text)
    assert "".join(text[a:b] for a, b in spans) == "".join(text.split())
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
