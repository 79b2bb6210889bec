"""Labels: blanks around them are removed, and near twins are named."""

import logging

import pytest

from bert_tf.data.records.labels import find_twins, strip_label
from bert_tf.data.records.readers import read_table
from bert_tf.data.records.tagged import read_tagged

BLANKS = ["x ", " x", "\u00a0x\u00a0", "x\u3000", "\u200bx", "\ufeff x \u200b"]


@pytest.mark.parametrize("label", BLANKS)
def test_blanks_and_invisible_characters_are_removed(label):
    assert strip_label(label) == "x"
    assert strip_label(f"a {label}") == f"a {label}".rstrip("\u200b \u00a0\u3000")


def test_labels_that_differ_by_blanks_are_one_and_the_log_counts_them(write, caplog):
    rows = "".join(f"text {n},{label}\n" for n, label in enumerate([*BLANKS, "x", "y"]))
    with caplog.at_level(logging.WARNING):
        table = read_table(write("a.csv", f"text,label\n{rows}"))
    assert [record["label"] for record in table.records] == ["x"] * 7 + ["y"]
    assert caplog.messages == [
        "a.csv: removed the blanks around 6 labels, such as 'x '."
    ]


def test_tags_have_no_blanks_either(write):
    path = write("a.jsonl", '{"tokens": ["EU", "a"], "tags": ["B-ORG ", " O"]}\n')
    assert read_tagged(path).records[0]["tags"] == ["B-ORG", "O"]
    entity = '{"start": 0, "end": 2, "type": "ORG\u00a0"}'
    path = write("b.jsonl", f'{{"text": "EU a", "entities": [{entity}]}}\n')
    assert read_tagged(path).records[0]["tags"] == ["B-ORG", "O"]


def test_near_twins_are_named_in_one_line_and_not_merged(write, caplog):
    labels = ["Lieferung", "lieferung ", "lieferung", "neu e", "neue", "ｎｅｕｅ", "a"]
    rows = "".join(f"text {n},{label}\n" for n, label in enumerate(labels))
    with caplog.at_level(logging.WARNING):
        table = read_table(write("a.csv", f"text,label\n{rows}"))
    assert len({record["label"] for record in table.records}) == 6
    _, message = caplog.messages
    assert message == (
        "a.csv: labels that look alike are different labels: 'Lieferung' (1) and "
        "'lieferung' (2); 'neu e' (1) and 'neue' (1) and 'ｎｅｕｅ' (1)."
    )


def test_twins_by_case_blanks_and_unicode_form():
    assert find_twins(["é", "e\u0301", "e", "Straße", "STRASSE"]) == [
        ["é", "e\u0301"],
        ["Straße", "STRASSE"],
    ]
    assert find_twins(["a", "b", "1", "1.0"]) == []


def test_a_label_of_several_lines_is_refused(write, refusal):
    path = write("a.csv", 'text,label\na,"x\ny"\nb,"z\n"\n')
    message = (
        "a.csv, line 2: the label 'x\\ny' has several lines. Write it on one line."
    )
    assert refusal(read_table, path) == message
    path = write("a.jsonl", '{"text": "a", "label": ["b", "c\\u2028d"]}\n')
    assert "'c\\u2028d' has several" in refusal(read_table, path, many_labels=True)
    path = write("b.jsonl", '{"tokens": ["a"], "tags": ["B-x\\ny"]}\n')
    assert "holds 'B-x\\ny', which is not O" in refusal(read_tagged, path)
