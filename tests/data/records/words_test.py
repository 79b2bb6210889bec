"""Words of running text: worked examples in Python, and the same words in the graph."""

import itertools

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies

from bert_tf.data.records import words, words_in_graph

ODD_TEXTS = [
    "The U.S. isn't (really) at John's, 1996-08-22.",
    "",
    "  \t\n ",
    "'Tis 'em. ... a.b. c.. don't! WON'T we'll THEY'RE I'd he's 's n't 't",
    "北京是中国的首都,在 U.S.A.\u3000北 a北b",
    'naïve\u00a0café\u2028x \x1c y.) z.") (a) ((b)) .a .a. ’s it’s o’',
    "“Quoted,” she said… e.g., etc.) x.y.z.",
    "👍🏽 tick👍. a\u200bb \x00.",
]


class TestPython:
    @pytest.mark.parametrize(
        ("text", "expected"),
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
    def test_worked_examples(self, text, expected):
        spans = words.split_words(text)
        assert [text[start:end] for start, end in spans] == expected

    def test_words_end_at_bounds(self):
        text = "New York-based"
        spans = words.split_words(text, {8})
        assert [text[a:b] for a, b in spans] == ["New", "York", "-", "based"]

    def test_nothing_but_spaces_is_lost(self):
        text = "a (b) c's -- \u4e2d\u56fd x.y.z. 'n't'"
        spans = words.split_words(text)
        assert "".join(text[a:b] for a, b in spans) == "".join(text.split())
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@pytest.fixture(scope="module")
def split():
    return tf.function(
        words_in_graph.split_words,
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )


def check_equals_python(split, texts):
    starts, ends, strings = split(tf.constant(texts, tf.string))
    for text, start, end, string in zip(
        texts, starts.to_list(), ends.to_list(), strings.to_list(), strict=True
    ):
        expected = words.split_words(text)
        assert list(zip(start, end)) == expected, text
        assert [s.decode() for s in string] == [text[a:b] for a, b in expected]


class TestGraph:
    def test_odd_texts(self, split):
        check_equals_python(split, ODD_TEXTS)
        for text in ODD_TEXTS:
            check_equals_python(split, [text])

    def test_no_texts(self, split):
        assert split(tf.constant([], tf.string))[0].to_list() == []

    @hypothesis.given(
        strategies.lists(
            strategies.text(strategies.sampled_from("ab.'’nt,s 北S京m()-\u00a0d"))
            | strategies.text(
                strategies.characters(codec="utf-8", exclude_characters="\x00"),
                max_size=9,
            ),
            max_size=4,
        )
    )
    @hypothesis.settings(deadline=None, max_examples=300)
    def test_any_text(self, split, texts):
        check_equals_python(split, texts)

    def test_bytes_that_are_not_utf8(self, split):
        starts, ends, _ = split(tf.constant([b"a \xff b"]))
        assert starts.to_list()[0][0] == 0
        assert len(starts.to_list()[0]) == len(ends.to_list()[0])
