"""TSV, CSV and JSON lines: detection, exact parsing, and errors."""

import csv
import io
import json
import pathlib
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.records.labels import has_line_end, strip_label
from bert_tf.data.records.readers import read_table


class TestFormats:
    def test_tsv_keeps_quotes_as_text(self, write):
        path = write("a.tsv", 'sentence\tlabel\n"good\t1\n5" disk\t0\n')
        table = read_table(path)
        assert table.records == [
            {"text": '"good', "label": "1"},
            {"text": '5" disk', "label": "0"},
        ]
        assert table.lines == [2, 3]
        assert table.columns == {"text": "sentence", "label": "label"}
        assert table.description == (
            "a.tsv: SST-2's layout: TSV, header; "
            "text = 'sentence', label = 'label'; 2 rows"
        )

    def test_csv_quotes_may_hold_commas_quotes_and_lines(self, write):
        path = write("a.csv", 'label,text\nx,"a, ""b""\nc"\n\ny,d\n')
        table = read_table(path)
        assert table.records == [
            {"text": 'a, "b"\nc', "label": "x"},
            {"text": "d", "label": "y"},
        ]
        assert table.lines == [2, 5]

    def test_byte_order_mark_and_windows_lines(self, write):
        path = write("a.csv", b'\xef\xbb\xbf"text","label"\r\ngood,1\r\n')
        assert read_table(path).records == [{"text": "good", "label": "1"}]
        path = write("a.tsv", b"\xef\xbb\xbftext\tlabel\r\ngood\t1\r\n")
        assert read_table(path).records == [{"text": "good", "label": "1"}]

    def test_carriage_returns_end_lines_in_a_file_without_line_feeds(self, write):
        path = write("a.tsv", "text\tlabel\rgood\t1\rbad\t0\r")
        assert [record["label"] for record in read_table(path).records] == ["1", "0"]
        path = write("b.csv", "text,label\rgood,1\rbad,0\r")
        assert read_table(path).lines == [2, 3]

    def test_json_lines_keep_numbers_as_written(self, write):
        path = write(
            "a.jsonl",
            '{"text": "a\\u2028b", "label": 1.0}\n\n{"label": true, "text": 7}\n',
        )
        table = read_table(path)
        assert table.records == [
            {"text": "a\u2028b", "label": "1.0"},
            {"text": "7", "label": "true"},
        ]
        assert table.lines == [1, 3]

    @pytest.mark.parametrize(
        ("name", "content", "form"),
        [
            ("a.csv", "x, y\tp\nz\tq\n", "TSV, no header"),
            ("a.csv", "text;label\na, b;1\n", "CSV with ';', header"),
            ("a.tsv", "text,label\na,1\n", "CSV, header"),
            ("a.txt", "text\tlabel\na\t1\n", "TSV, header"),
            ("a.txt", '{"text": "a", "label": 1}\n', "JSON lines"),
            ("labels", "a\t1\n", "TSV, no header"),
        ],
    )
    def test_content_takes_precedence_over_the_extension(
        self, write, name, content, form
    ):
        header = "no header" not in form
        columns = {} if header else {"text_column": 0, "label_column": 1}
        assert f": {form};" in read_table(write(name, content), **columns).description

    def test_a_field_longer_than_the_limit_of_csv(self, write):
        limit = csv.field_size_limit()
        long = "word " * limit
        table = read_table(write("a.csv", f'text,label\n"{long}",1\n'))
        assert table.records == [{"text": long, "label": "1"}]
        assert csv.field_size_limit() == limit


class TestFaults:
    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            (
                "a.tsv",
                "text\tlabel\ngood\t1\nbad\n",
                ["a.tsv, line 3", "1 field", "header has 2", "'bad'"],
            ),
            (
                "a.tsv",
                "text\tlabel\ngood\t1\t2\n",
                ["a.tsv, line 2", "3 fields", "contains a TAB"],
            ),
            (
                "a.csv",
                'text,label\n"a\nb",1\nc,d,0\n',
                ["a.csv, line 4", "3 fields", "header has 2", "quotes"],
            ),
            ("a.csv", 'text,label\na,1\n"b,1\nc,1\n', ["line 3", "never closes"]),
            ("a.csv", 'text,label\n"a"b,1\n', ["line 2", "closing quote"]),
            ("a.csv", "text,label\na\rb,1\n", ["line 2", "carriage return"]),
            (
                "a.jsonl",
                '{"text": "a", "label": 1}\n{"text": "b", label}\n',
                ["a.jsonl, line 2", "not JSON", "column 15", "label}"],
            ),
            ("a.jsonl", '["a"]\n', ["line 1", "not an object", "one object a line"]),
            ("a.jsonl", "[" * 100_000, ["line 1", "nested too deep"]),
        ],
    )
    def test_message_names_fault_and_place(self, write, refusal, name, content, words):
        message = refusal(read_table, write(name, content))
        assert message.startswith("a.")
        assert all(word in message for word in words), message


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
words = cells.filter(str.strip)
names = words.map(strip_label).filter(lambda x: x and not has_line_end(x))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(words, names), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_any_table_is_read_exactly(rows, end):
    texts = io.StringIO(newline="")
    writer = csv.writer(texts, lineterminator=end, quoting=csv.QUOTE_ALL)
    begins = []
    for row in [("text", "label"), *rows]:
        begins.append(texts.getvalue().count("\n") + 1)
        writer.writerow(row)
    objects = [json.dumps({"text": text, "label": label}) for text, label in rows]
    # A quote may enclose a cell of TSV; delimiters_test.py has such files.
    flat = [[" ".join(cell.replace('"', "'").split()) for cell in row] for row in rows]
    lines = ["\t".join(row) for row in [("text", "label"), *flat]]
    expected = [{"text": text, "label": label} for text, label in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table"
        path.write_bytes(texts.getvalue().encode())
        table = read_table(path.replace(path.with_suffix(".csv")))
        assert (table.records, table.lines) == (expected, begins[1:])
        path.write_bytes(end.join([*objects, ""]).encode())
        table = read_table(path.replace(path.with_suffix(".jsonl")))
        assert (table.records, table.lines) == (
            expected,
            list(range(1, len(rows) + 1)),
        )
        path.write_bytes(end.join([*lines, ""]).encode())
        table = read_table(path.replace(path.with_suffix(".tsv")))
        assert [list(record.values()) for record in table.records] == flat
        assert table.lines == list(range(2, len(rows) + 2))
