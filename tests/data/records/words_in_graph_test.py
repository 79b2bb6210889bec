"""Words in the graph are those of Python."""

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies

from bert_tf.data.records import words as in_python
from bert_tf.data.records.words_in_graph import split_words

TEXTS = [
    "The U.S. isn't (really) at John's, 1996-08-22.",
    "",
    "  \t\n ",
    "'Tis 'em. ... a.b. c.. don't! WON'T we'll THEY'RE I'd he's 's n't 't",
    "北京是中国的首都,在 U.S.A.\u3000北 a北b",
    'naïve\u00a0café\u2028x \x1c y.) z.") (a) ((b)) .a .a. ’s it’s o’',
    "“Quoted,” she said… e.g., etc.) x.y.z.",
    "👍🏽 tick👍. a\u200bb \x00.",
]


@pytest.fixture(scope="module")
def split():
    return tf.function(
        split_words, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )


def check(split, texts):
    starts, ends, words = split(tf.constant(texts, tf.string))
    for text, start, end, found in zip(
        texts, starts.to_list(), ends.to_list(), words.to_list(), strict=True
    ):
        expected = in_python.split_words(text)
        assert list(zip(start, end)) == expected, text
        assert [w.decode() for w in found] == [text[a:b] for a, b in expected]


def test_of_odd_texts(split):
    check(split, TEXTS)
    for text in TEXTS:
        check(split, [text])


def test_no_texts(split):
    assert split(tf.constant([], tf.string))[0].to_list() == []


@hypothesis.given(
    strategies.lists(
        strategies.text(strategies.sampled_from("ab.'’nt,s 北S京m()-\u00a0d"))
        | strategies.text(
            strategies.characters(codec="utf-8", exclude_characters="\x00"), max_size=9
        ),
        max_size=4,
    )
)
@hypothesis.settings(deadline=None, max_examples=300)
def test_of_any_text(split, texts):
    check(split, texts)


def test_bytes_that_are_no_text(split):
    starts, ends, _ = split(tf.constant([b"a \xff b"]))
    assert starts.to_list()[0][0] == 0
    assert len(starts.to_list()[0]) == len(ends.to_list()[0])
