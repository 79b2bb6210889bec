"""Splitting lines into sentences: worked examples."""

import time

import pytest

from bert_tf.data.corpus.sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["It rained.", "We stayed in!", "Why not?", "Ha…", "Yes."],
        ["Mr. Smith met Dr. J. Jones at 5 p.m. on Fig. 3."],
        ["He said, “Stop.”", "“Why?” she asked.", "(No answer.)", "Then he left."],
        ["It cost 3.50 dollars, i.e. nothing.", "2 days later it was gone."],
        ["...and so on.", "Élan came."],
        ["今天天气很好。", "我们去公园吧！", "“好吗？”", "好。"],
        ["no end at all"],
        ["What?!", "Never."],
    ],
)
def test_split(sentences):
    chinese = "。" in "".join(sentences)
    assert split_sentences(("" if chinese else " ").join(sentences)) == sentences


def test_a_lowercase_letter_begins_no_sentence():
    line = "See www.example.com. it is good? perhaps."
    assert split_sentences(line) == [line]


def test_a_blank_line_has_no_sentence():
    assert split_sentences("  ") == []


@pytest.mark.parametrize(
    "line",
    ["." * 10**6, "….…" * 10**5, "J. " * 10**5, '. "' * 10**5, "A fine day. " * 10**5],
)
def test_time_is_linear(line):
    start = time.perf_counter()
    assert "".join("".join(split_sentences(line)).split()) == "".join(line.split())
    assert time.perf_counter() - start < 20  # Seconds; it was hours.


def test_a_long_row_of_stops_ends_at_its_end():
    assert split_sentences("a" + "." * 1000 + " B") == ["a" + "." * 1000, "B"]
