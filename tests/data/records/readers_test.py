"""Readers turn files or lines into records; every error is one line."""

import pathlib
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.records.readers import read_table, read_texts

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"
PAIR = {"text": "premise", "text_pair": "hypothesis", "label": "label"}
SINGLE = {"text": "review", "label": "stars"}

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


class TestTraining:
    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.tsv", "", ["a.tsv: the file is empty"]),
            ("a.tsv", "text\tlabel\n", ["header", "'text', 'label'", "no rows"]),
            ("a.tsv", "text\tlabel\na\t1\n \t1\n", ["line 3", "text", "empty"]),
            ("a.tsv", "text\tlabel\na\t1\nb\t\n", ["line 3", "label", "empty"]),
            (
                "a.csv",
                "sentence1,sentence2,label\na,,1\n",
                ["line 2", "text_pair ('sentence2') is empty"],
            ),
            (
                "a.jsonl",
                '{"text": "a", "label": 1}\n{"text": "b"}\n',
                ["line 2", "no 'label'", "'text'"],
            ),
            ("a.jsonl", '{"text": null, "label": 1}', ["line 1", "null", "string"]),
            ("a.jsonl", '{"text": [1], "label": 1}', ["line 1", "[", "string"]),
            ("a.jsonl", '{"text": "", "label": 1}', ["line 1", "text", "empty"]),
            ("a.jsonl", '{"text": "\\ud83d", "label": 1}', ["line 1", "half a"]),
        ],
    )
    def test_faults(self, write, refusal, name, content, words):
        message = refusal(read_table, write(name, content))
        assert message.startswith("a.")
        assert all(word in message for word in words), message


class TestPrediction:
    def test_labels_are_not_needed_and_texts_may_be_empty(self, write):
        path = write("a.csv", "text\nb\n\nc\n")
        table = read_table(path, with_labels=False)
        assert [record["text"] for record in table.records] == ["b", "", "c"]
        assert table.lines == [2, 3, 4]

    def test_plain_lines_are_texts(self, write):
        path = write("a.txt", "Question, please: text\n\nWhy; then?\tBecause.\n")
        table = read_table(path, with_labels=False, columns=SINGLE)
        assert [record["text"] for record in table.records] == [
            "Question, please: text",
            "",
            "Why; then?\tBecause.",
        ]
        assert "one text a line" in table.description

    def test_two_columns_without_header_are_a_pair_only_for_pairs(self, write, refusal):
        path = write("a.tsv", "a\tb\nc\td\n")
        table = read_table(path, with_labels=False, columns=PAIR)
        assert table.records[1] == {"text": "c", "text_pair": "d"}
        message = refusal(read_table, path, with_labels=False, columns=SINGLE)
        assert message.startswith(
            "a.tsv: which column is the text? There are 'a', 'b'."
        )


class TestTexts:
    def test_lines_are_texts_or_objects(self):
        lines = [b"\xc3\xa9t\xc3\xa9\r\n", b"\n", b'{"text": "a"}\n', b"{hi}\n"]
        table = read_texts(lines, columns=SINGLE)
        texts = [record["text"] for record in table.records]
        assert texts == ["été", "", "a", "{hi}"]
        assert table.lines == [1, 2, 3, 4]
        objects = ['{"review": "a"}', '{"sentence": "b"}', "c\td"]
        texts = [record["text"] for record in read_texts(objects).records]
        assert texts == ["a", "b", "c\td"]

    def test_pairs_are_separated_by_a_tab(self):
        table = read_texts(["a\tb", '{"text": "c", "text_pair": "d"}'], columns=PAIR)
        assert [tuple(record.values()) for record in table.records] == [
            ("a", "b"),
            ("c", "d"),
        ]

    @pytest.mark.parametrize(
        ("lines", "columns", "words"),
        [
            ([], None, ["standard input: nothing to read"]),
            (["a\tb", "c"], PAIR, ["standard input, line 2", "0 TABs", "'c'"]),
            ([b"a\n", b"caf\xe9\n"], None, ["line 2", "0xe9", "'caf'", "UTF-8"]),
            (['{"no": "a"}'], None, ["line 1", "text", "'no'"]),
            (["a", "\udcff"], None, ["line 2", "half a character"]),
            (
                ["a", '{"text": "b", "text_pair": "c"}'],
                None,
                ["line 2: text and text_pair, where line 1 has text. Give"],
            ),
            (
                ['{"text": "b", "text_pair": "c"}', "a"],
                None,
                ["line 2: text, where line 1 has text and text_pair. Give"],
            ),
        ],
    )
    def test_faults(self, refusal, lines, columns, words):
        message = refusal(read_texts, lines, columns=columns)
        assert all(word in message for word in words), message


# Parts that reach the readers' special cases more often than random bytes do.
parts = st.sampled_from(
    [b"text", b"label", b"\t", b",", b";", b'"', b"\n", b"\r", b"{", b"}", b":", b"[1]"]
    + [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xe2\x80\xa8", b"\x85", b" "]
    + [b'{"text": "a", "label": "b"}', b'"text"', b'"label"', b"text\tlabel\n", b"1"]
)
contents = st.one_of(st.binary(), st.lists(parts, max_size=30).map(b"".join))


@settings(max_examples=300, deadline=None)
@given(
    contents,
    st.sampled_from([".tsv", ".csv", ".jsonl", ".txt", ""]),
    st.booleans(),
    st.sampled_from([None, SINGLE, PAIR, {"text": 1, "label": 0}]),
)
def test_any_bytes_give_a_table_or_an_error_of_one_line(
    data, suffix, with_labels, columns
):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"table{suffix}"
        path.write_bytes(data)
        try:
            table = read_table(path, with_labels=with_labels, columns=columns)
        except ValueError as error:
            assert len(str(error).splitlines()) == 1
            assert str(path) in str(error)
        else:
            assert len(table.records) == len(table.lines) > 0
            assert len(table.description.splitlines()) == 1
    try:
        read_texts(data.splitlines(keepends=True), columns=columns)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1


@needs_data
@pytest.mark.parametrize(
    ("name", "options", "rows", "first"),
    [
        ("sst2/train.tsv", {}, 67_349, ("hide new secretions from the", None, "0")),
        ("sst2/dev.tsv", {}, 872, ("it 's a charming and often", None, "1")),
        ("cola/train.tsv", {"text": 3, "label": 1}, 8_551, ("Our friends", None, "1")),
        ("ag_news/train.csv", {"text": 2, "label": 0}, 6_000, ("AP - It's", None, "4")),
        ("rte/dev.tsv", {}, 277, ("Dana", "Christopher", "not_entailment")),
        ("qnli/dev_part.tsv", {}, 4_463, ("What is", "In most", "not_entailment")),
        ("snli/dev.tsv", {}, 9_842, ("Two women", "The sisters", "neutral")),
        ("mrpc/msr_paraphrase_train.txt", {}, 4_076, ("Amrozi", "Referring", "1")),
        ("chnsenticorp/dev.tsv", {}, 1_200, ("這間酒店", None, "1")),
        ("xnli_zh/dev.tsv", {}, 2_490, ("他说", "校车", "neutral")),
        (
            "mnli_sample/mnli_matched.tsv",
            {"text": 1, "text_pair": 2, "label": 0},
            1_000,
            ("In Temple", "There is", "entailment"),
        ),
        (
            "sms_spam/SMSSpamCollection",
            {"text": 1, "label": 0},
            4_490,
            ("Go until", None, "ham"),
        ),
    ],
)
def test_real_tables(name, options, rows, first):
    options = {f"{role}_column": column for role, column in options.items()}
    table = read_table(DATA / name, **options)
    assert len(table.records) == rows
    text, pair, label = first
    assert table.records[0]["text"].startswith(text)
    assert table.records[0].get("text_pair", "").startswith(pair or "")
    assert ("text_pair" in table.records[0]) == (pair is not None)
    assert table.records[0]["label"] == label
    content = (DATA / name).read_text(encoding="utf-8-sig").split("\n")
    last = table.records[-1]["text"]
    assert last in content[table.lines[-1] - 1].replace('""', '"')
