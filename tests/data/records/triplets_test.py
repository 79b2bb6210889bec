"""Triplets: a text, one that belongs to it, and hard negatives."""

import json

import pytest

from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.pairs_or_texts import read_pairs_or_texts
from bert_tf.data.records.triplets import read_triplets

RECORDS = [
    {"text": "a cat", "text_pair": "cats", "negatives": ["dogs"]},
    {"text": "a dog", "text_pair": "dogs", "negatives": ["a bird"]},
]


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return str(path)


def lines(*objects):
    return "\n".join(map(json.dumps, objects))


class TestForms:
    @pytest.mark.parametrize("anchor", ["anchor", "query", "Query"])
    def test_json_lines(self, tmp_path, anchor):
        objects = [
            {
                anchor: x["text"],
                "positive": x["text_pair"],
                "negative": x["negatives"][0],
            }
            for x in RECORDS
        ]
        table = read_triplets(write(tmp_path, "a.jsonl", lines(*objects)))
        assert table.records == RECORDS
        assert table.columns == {"text": anchor.lower(), "text_pair": "positive"}
        assert table.lines == [1, 2]
        assert table.description == (
            f"{tmp_path}/a.jsonl: JSON lines; triplets of {anchor.lower()}, positive and "
            "1 negative; 2 rows"
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"negatives": ["x", "y z"]},
            {"negative": "x", "negative_2": "y z"},
            {"negative_1": "x", "negative_2": "y z"},
            {"negative": ["x"], "negative2": ["y z"]},
        ],
    )
    def test_several_negatives(self, tmp_path, fields):
        content = lines({"anchor": "a", "positive": "b"} | fields)
        (record,) = read_triplets(write(tmp_path, "a.jsonl", content)).records
        assert record == {"text": "a", "text_pair": "b", "negatives": ["x", "y z"]}

    @pytest.mark.parametrize(("suffix", "mark"), [("tsv", "\t"), ("csv", ",")])
    def test_a_table_with_names(self, tmp_path, suffix, mark):
        rows = [["positive", "anchor", "other", "negative"]]
        rows += [[x["text_pair"], x["text"], "?", *x["negatives"]] for x in RECORDS]
        path = write(tmp_path, f"a.{suffix}", "\n".join(map(mark.join, rows)))
        table = read_triplets(path, id_column="other")
        assert table.records == [record | {"id": "?"} for record in RECORDS]
        assert table.lines == [2, 3]

    def test_three_texts_a_line(self, tmp_path):
        rows = [[x["text"], x["text_pair"], *x["negatives"]] for x in RECORDS]
        path = write(tmp_path, "a.tsv", "\n".join(map("\t".join, rows)))
        assert read_triplets(path).records == RECORDS

    def test_memory(self):
        rows = [
            {
                "query": x["text"],
                "positive": x["text_pair"],
                "negatives": x["negatives"],
            }
            for x in RECORDS
        ]
        table = read_triplets(take_rows(rows, "train_data"))
        assert (table.records, table.unit) == (RECORDS, "row")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.tsv", "a\tb\nc\td"),
            ("a.tsv", "a\tb\t0\nc\td\t1\ne\tf\t1"),  # The last is a label.
            ("a.tsv", "text\ttext_pair\na\tb"),
            ("a.jsonl", '{"anchor": "a", "positive": "b"}'),
            ("a.jsonl", '{"text": "a", "text_pair": "b"}'),
            ("a.csv", "a b,c d,e f"),
        ],
    )
    def test_other_files_are_none(self, tmp_path, name, content):
        assert read_triplets(write(tmp_path, name, content)) is None

    def test_named_columns_are_those_of_pairs(self, tmp_path):
        path = write(tmp_path, "a.tsv", "anchor\tpositive\tnegative\na\tb\tc d")
        assert read_triplets(path, text_column="anchor") is None
        named = {"text_column": "anchor", "text_pair_column": "positive"}
        table = read_pairs_or_texts(path, with_labels=False, triplets=True, **named)
        assert table.records == [{"text": "a", "text_pair": "b"}]

    def test_pairs_are_read_as_before(self, tmp_path):
        path = write(tmp_path, "a.tsv", "text\ttext_pair\na\tb")
        table = read_pairs_or_texts(path, with_labels=False, triplets=True)
        assert table.records == [{"text": "a", "text_pair": "b"}]


class TestBadRows:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"anchor": "a", "positive": ["b"], "negative": "c"}, "received '"),
            ({"anchor": "a", "positive": " ", "negative": "c"}, "string with words"),
            ({"anchor": "a", "positive": "b", "negative": None}, "received 'null'"),
            ({"anchor": "a", "positive": "b", "negatives": []}, "no negative"),
            ({"anchor": "a", "negative": "b"}, "no anchor and positive"),
            ({"anchor": "a", "positive": "b", "negatives": ["c", "d"]}, "2 negatives"),
            ({"anchor": "\ud800", "positive": "b", "negative": "c"}, "half a|escapes"),
        ],
    )
    def test_all_are_named(self, tmp_path, fields, message):
        good = {"anchor": "a", "positive": "b", "negative": "c"}
        path = write(tmp_path, "a.jsonl", lines(good, fields))
        with pytest.raises(ValueError, match=rf"a.jsonl, line 2.*({message})"):
            read_triplets(path)
        table = read_triplets(path, bad_rows="skip")
        assert (len(table.records), table.skipped) == (1, 1)

    def test_a_torn_row(self, tmp_path):
        path = write(tmp_path, "a.tsv", "anchor\tpositive\tnegative\na\tb\tc\nd\te")
        with pytest.raises(ValueError, match="line 3: 2 fields where the header has 3"):
            read_triplets(path)

    def test_a_header_alone(self, tmp_path):
        path = write(tmp_path, "a.tsv", "anchor\tpositive\tnegative\n")
        with pytest.raises(ValueError, match="a header and no rows"):
            read_triplets(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read_triplets(str(tmp_path / "a.tsv"))
