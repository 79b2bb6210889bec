"""Tagged words: CoNLL's columns and JSON lines, and their errors."""

import json
import pathlib

import pytest

from bert_tf.data.records.tagged import read_tagged, read_tagged_lines

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
CONLL = """-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def words(record):
    return [record["text"][start:end] for start, end in record["words"]]


class TestConll:
    def test_columns_separated_by_spaces(self, write):
        table = read_tagged(write("a.txt", CONLL))
        assert [r["text"] for r in table.records] == ["EU rejects", "Peter Blackburn"]
        assert words(table.records[1]) == ["Peter", "Blackburn"]
        assert [r["tags"] for r in table.records] == [
            ["B-ORG", "O"],
            ["B-PER", "I-PER"],
        ]
        assert table.lines == [3, 6]
        assert "CoNLL's 4 columns, separated by spaces" in table.description
        assert "2 texts, 4 words; entities: ORG 1, PER 1" in table.description

    @pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\t\n"])
    def test_columns_separated_by_tabs_and_any_end_of_file(self, write, end):
        table = read_tagged(write("a.conll", "a b\tO\nc\tB-x\n\t\nd\tO" + end))
        assert [words(r) for r in table.records] == [["a b", "c"], ["d"]]
        assert [r["tags"] for r in table.records] == [["O", "B-x"], ["O"]]

    def test_carriage_returns_and_a_byte_order_mark(self, write):
        name = write("a.txt", b"\xef\xbb\xbfa O\r\nb B-x\r\n\r\nc O\r\n")
        assert [words(r) for r in read_tagged(name).records] == [["a", "b"], ["c"]]

    @pytest.mark.parametrize(
        ("content", "parts"),
        [
            ("a O\nb\n", ["line 2", "1 column", "others have 2", "'b'"]),
            ("a\nb\n", ["line 1", "1 column", "a word and its tag"]),
            ("a x O\nb O\n", ["line 2", "2 columns", "others have 3"]),
            ("a NN\n", ["line 1", "'NN'", "is not O, B-TYPE"]),
            ("a B-\n", ["line 1", "'B-'"]),
            ("-DOCSTART- O\n", ["no words"]),
        ],
    )
    def test_faults(self, write, refusal, content, parts):
        message = refusal(read_tagged, write("a.txt", content))
        assert all(part in message for part in ["a.txt", *parts])

    def test_inside_tags_without_a_begin_tag_are_logged(self, write, caplog):
        content = "a O\nb I-x\nc I-x\n\nd I-y\ne B-x\nf I-y\n"
        table = read_tagged(write("a.txt", content))
        assert table.records[0]["tags"] == ["O", "I-x", "I-x"]
        assert "3 I- tags without a B- tag" in caplog.text
        assert "the first is 'b', line 1" in caplog.text

    def test_no_columns_can_be_chosen(self, write, refusal):
        message = refusal(read_tagged, write("a.txt", CONLL), label_column="3")
        assert "drop label_column" in message


class TestJsonLines:
    def test_tokens_and_tags(self, write):
        line = json.dumps(
            {"tokens": ["New", "York", "!"], "ner_tags": ["B-x", "I-x", "O"]}
        )
        (record,) = read_tagged(write("a.jsonl", line)).records
        assert record["text"] == "New York !"
        assert record["words"] == [(0, 3), (4, 8), (9, 10)]
        assert record["tags"] == ["B-x", "I-x", "O"]

    def test_entities_by_their_places(self, write):
        text = "Anna Lee left Paris-based IBM."
        entities = [
            {"start": 14, "end": 19, "type": "LOC"},
            [0, 8, "PER"],
            {"start": 26, "end": 30, "label": "ORG"},
        ]
        line = json.dumps({"text": text, "entities": entities})
        (record,) = read_tagged(write("a.jsonl", line)).records
        assert list(zip(words(record), record["tags"])) == [
            ("Anna", "B-PER"),
            ("Lee", "I-PER"),
            ("left", "O"),
            ("Paris", "B-LOC"),
            ("-", "O"),
            ("based", "O"),
            ("IBM", "B-ORG"),
            (".", "I-ORG"),
        ]

    def test_adjacent_entities_each_begin_with_b(self, write):
        line = json.dumps({"text": "a b", "entities": [[0, 1, "x"], [2, 3, "x"]]})
        (record,) = read_tagged(write("a.jsonl", line)).records
        assert record["tags"] == ["B-x", "B-x"]

    @pytest.mark.parametrize(
        ("fields", "parts"),
        [
            ({"tokens": ["a"], "tags": ["O", "O"]}, ["1 word", "2 tags"]),
            ({"tokens": ["a"], "tags": [None]}, ["'tags'", "list of strings"]),
            ({"tokens": ["a"], "tags": ["1"]}, ["'1'", "names, not numbers"]),
            ({"tokens": ["a"]}, ["none of 'tags'"]),
            ({"text": "a"}, ["none of 'entities'"]),
            ({"text": "a", "entities": 3}, ["must be a list"]),
            ({"text": "a", "entities": [[0, 2, "x"]]}, ["outside", "1 characters"]),
            ({"text": "ab", "entities": [[0, 2, "x"], [1, 2, "y"]]}, ["share"]),
            ({"text": " a", "entities": [[0, 1, "x"]]}, ["only spaces"]),
            ({"text": "a", "entities": [{"start": 0, "end": 1}]}, ["without a type"]),
            ({"text": "a", "entities": [{"start": "x", "end": 1}]}, ["not an entity"]),
        ],
    )
    def test_faults(self, write, refusal, fields, parts):
        message = refusal(read_tagged, write("a.jsonl", json.dumps(fields)))
        assert all(part in message for part in ["a.jsonl, line 1", *parts])


class TestPrediction:
    def test_texts_are_cut_into_words(self, write):
        table = read_tagged(write("a.txt", "Hi, Anna!\n\nBye.\n"), with_labels=False)
        assert [words(r) for r in table.records] == [
            ["Hi", ",", "Anna", "!"],
            [],
            ["Bye", "."],
        ]

    def test_conll_without_its_tags(self, write):
        table = read_tagged(write("a.txt", CONLL), with_labels=False)
        assert words(table.records[0]) == ["EU", "rejects"]
        assert "tags" not in table.records[0]

    def test_lines(self):
        table = read_tagged_lines(['{"text": "a b."}', "c"])
        assert [words(r) for r in table.records] == [["a", "b", "."], ["c"]]
        table = read_tagged_lines([b'{"tokens": ["a b", "."]}'])
        assert words(table.records[0]) == ["a b", "."]


@needs_data
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("conll2003/train.txt", 14041),
        ("conll2003/valid.txt", 3250),
        ("wnut17/wnut17train.conll", 3394),
        ("wnut17/emerging.dev.conll", 1009),
        ("msra_ner/dev.txt", 2318),
    ],
)
def test_real_files(name, texts, caplog):
    table = read_tagged(DATA / name)
    assert len(table.records) == texts
    assert not caplog.records
