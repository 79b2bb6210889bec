"""Splitting lines into sentences: worked examples."""

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
