"""Several labels for a text: lists, cells with a separator, columns of 0 and 1."""

import json

import pytest

from bert_tf.data.records.readers import read_table


def read(path, **options):
    return read_table(path, many_labels=True, **options)


def labels(table):
    return [record["label"] for record in table.records]


class TestCells:
    @pytest.mark.parametrize("mark", ["|", ",", ";"])
    def test_the_separator_is_detected_and_described(self, write, mark):
        path = write("a.tsv", f"text\tlabels\na\tx{mark} y\nb\t\nc\tz\nd\ty{mark}y\n")
        table = read(path)
        assert labels(table) == [["x", "y"], [], ["z"], ["y"]]
        assert table.columns == {
            "text": "text",
            "label": "labels",
            "label_separator": mark,
        }
        assert f"label = 'labels' (separated by '{mark}'); 4 rows" in table.description

    def test_two_separators_are_an_error_without_a_flag(self, write, refusal):
        path = write("a.tsv", "text\tlabel\na\tyes, no\nb\tx, y|z\n")
        assert refusal(read, path) == (
            "a.tsv: which character separates the labels? They contain '|', ',', as in 'x, y|z'. "
            "Give label_separator."
        )
        assert labels(read(path, label_separator="|")) == [["yes, no"], ["x, y", "z"]]

    def test_the_separator_of_training_applies_to_evaluation(self, write):
        columns = {"text": "text", "label": "label", "label_separator": "|"}
        path = write("a.tsv", "text\tlabel\na\tyes, no\n")
        assert labels(read(path, columns=columns)) == [["yes, no"]]
        assert labels(read(path, columns=columns, label_separator=",")) == [
            ["yes", "no"]
        ]

    def test_no_separator_if_a_cell_is_one_label(self, write):
        table = read(write("a.tsv", "text\tlabel\na\tvery good\nb\t\n"))
        assert labels(table) == [["very good"], []]
        assert "(at most one label for each text)" in table.description
        assert "label_separator" not in table.columns

    def test_labels_in_quotes_of_csv(self, write):
        path = write("a.csv", 'text,label\n"a, b","x,y"\nc,z\n')
        assert labels(read(path)) == [["x", "y"], ["z"]]

    def test_without_header(self, write):
        path = write("a.tsv", "a\tx|y\nb\t\n")
        table = read(path, text_column=0, label_column=1)
        assert labels(table) == [["x", "y"], []]
        assert table.columns == {"text": 0, "label": 1, "label_separator": "|"}

    def test_a_text_may_still_not_be_empty(self, write, refusal):
        message = refusal(read, write("a.tsv", "text\tlabel\na\tx\n\tx\n"))
        assert "line 3: the text ('text') is empty" in message


class TestLists:
    def test_of_json(self, write):
        lines = [["x", "y"], [], ["y", "y", 7], "z"]
        path = write(
            "a.jsonl",
            "".join(json.dumps({"text": "a", "label": own}) + "\n" for own in lines),
        )
        assert labels(read(path)) == [["x", "y"], [], ["y", "7"], ["z"]]

    def test_lists_have_no_separator(self, write):
        table = read(write("a.jsonl", '{"text": "a", "label": ["x, y", "u|v"]}'))
        assert labels(table) == [["x, y", "u|v"]]
        assert "(lists)" in table.description

    @pytest.mark.parametrize("label", ["[null]", "[[1]]", "null", '{"x": 1}'])
    def test_lists_hold_strings(self, write, refusal, label):
        path = write("a.jsonl", f'{{"text": "a", "label": {label}}}')
        assert "line 1: 'label' must be a string; received" in refusal(read, path)

    def test_other_tasks_refuse_them(self, write, refusal):
        path = write("a.jsonl", '{"text": "a", "label": ["x"]}')
        message = refusal(read_table, path)
        assert message.endswith("For lists of labels, use the task multi_label.")


class TestColumns:
    CSV = "id,comment,toxic,insult,threat\n1,a,1,0,1\n2,b,0,0,0\n3,c,0,1.0,false\n"

    def test_each_column_holds_0_or_1(self, write):
        table = read(write("a.csv", self.CSV), label_column="toxic, insult,threat")
        assert labels(table) == [["toxic", "threat"], [], ["insult"]]
        assert table.columns == {
            "text": "comment",
            "label": ("toxic", "insult", "threat"),
        }
        assert (
            "label = 'toxic', 'insult', 'threat' (one column for each label)"
        ) in table.description
        again = json.loads(json.dumps(table.columns))
        assert read("a.csv", columns=again).records == table.records
        alone = read_table("a.csv", columns=again, with_labels=False)
        assert alone.records == [{"text": "a"}, {"text": "b"}, {"text": "c"}]

    def test_by_position(self, write):
        path = write("a.tsv", "a\t1\t0\nb\t1\t1\n")
        table = read(path, text_column=0, label_column="1,2")
        assert labels(table) == [["1"], ["1", "2"]]
        assert table.columns == {"text": 0, "label": (1, 2)}

    def test_of_json(self, write):
        lines = '{"text": "a", "x": 1, "y": false}\n{"text": "b", "x": 0, "y": true}\n'
        table = read(write("a.jsonl", lines), label_column="x,y")
        assert labels(table) == [["x"], ["y"]]

    def test_another_file_may_have_one_column(self, write):
        columns = {"text": "comment", "label": ["toxic", "insult"]}
        path = write("b.tsv", "text\tlabel\na\ttoxic|insult\n")
        assert labels(read(path, columns=columns)) == [["toxic", "insult"]]

    @pytest.mark.parametrize(
        ("column", "part"),
        [
            ("toxic,insul", "no column 'insul' for the label; there are 'id', 'comm"),
            ("toxic,toxic", "cannot share a column"),
            ("comment,toxic", "which column is the text?"),
            (
                "id,toxic",
                "a.csv: 2 bad rows found: line 3: the label column 'id' must be 0 or 1",
            ),
        ],
    )
    def test_faults(self, write, refusal, column, part):
        assert part in refusal(read, write("a.csv", self.CSV), label_column=column)

    def test_other_tasks_refuse_them(self, write, refusal):
        message = refusal(read_table, write("a.csv", self.CSV), label_column="toxic,id")
        assert "no column 'toxic,id' for the label" in message
