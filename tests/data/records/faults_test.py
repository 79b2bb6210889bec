"""Bad rows: all are listed at once, or left out and counted."""

import logging

import pytest

from bert_tf.data.records.choices import read_choices
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.readers import read_table
from bert_tf.data.records.squad import read_questions
from bert_tf.data.records.tagged import read_tagged

CSV = 'text,label\na,1\nb,\nc\n,2\nd,1,3\n"x"y,1\nok,2\n'
JSON = (
    '{"text": "a", "label": 1}\n{"text"\n[]\n{"text": "b"}\n{"text": 1, "label": []}\n'
)
QUESTION = '{"question": "Who?", "context": "Rome fell.", "answers": ["Rome"]}\n'
CHOICE = '{"question": "Who?", "choices": ["a", "b"], "label": 0}\n'


def test_equal_problems_stand_together_and_twenty_are_shown(refusal):
    faults = Faults("a.csv")
    for number in range(30, 0, -1):
        faults.add(number, "torn" if number % 10 else "empty", "Mend it.")
    lines = [str(n) for n in range(1, 20) if n != 10]
    assert refusal(faults.settle, 5) == (
        f"a.csv: 30 bad rows found: lines {', '.join(lines)}: torn; lines 10, 20: empty; "
        "and 10 more. Mend it. bad_rows=skip leaves such rows out."
    )
    assert len(faults) == 30
    assert 30 in faults


def test_a_single_bad_row_is_a_plain_error(refusal):
    faults = Faults("a.csv", "row")
    with faults.catch(3):
        raise Fault("anywhere", "torn", "Mend it.")
    assert refusal(faults.settle, 1) == "a.csv, row 3: torn. Mend it."
    assert Faults("a.csv").settle(1) == 0
    assert "bad_rows must be one of error, skip" in refusal(Faults, "a", "row", "drop")


def test_all_bad_rows_of_a_table(write, refusal, caplog):
    assert refusal(read_table, write("a.csv", CSV)) == (
        "a.csv: 5 bad rows found: line 3: the label ('label') is empty; line 4: 1 field "
        "where the header has 2: received 'c' for 'text', 'label'; line 5: the text "
        "('text') is empty; line 6: 3 fields where the header has 2: received 'd', '1', "
        "'3' for 'text', 'label'; line 7: text right after a closing quote. Put the field "
        'in quotes and write each " in it as "", or save the table as TSV. bad_rows=skip '
        "leaves such rows out."
    )
    with caplog.at_level(logging.WARNING):
        table = read_table("a.csv", bad_rows="skip")
    assert table.records == [
        {"text": "a", "label": "1"},
        {"text": "ok", "label": "2"},
    ]
    assert (table.lines, table.skipped) == ([2, 8], 5)
    assert table.description.endswith("; 2 rows; 5 bad rows skipped")
    assert caplog.messages[0].startswith("a.csv: 5 bad rows skipped: line 3: the label")


def test_a_quote_that_never_closes_costs_one_row(write):
    text = 'text,label\n"a,1\nb,2\n"c",1\nd,2\n'
    table = read_table(write("a.csv", text), bad_rows="skip")
    assert [record["text"] for record in table.records] == ["b", "c", "d"]
    assert table.lines == [3, 4, 5]


def test_lines_of_another_encoding(write, refusal):
    data = b"text,label\na,1\nb\xff,2\n" + "é,1\n".encode() * 2
    table = read_table(write("a.csv", data), bad_rows="skip")
    assert (len(table.records), table.skipped) == (3, 1)
    # If most lines are wrong, the encoding is.
    data = "text,label\n" + "".join(f"é{n},1\n" for n in range(11))
    path = write("b.csv", data.encode("cp1252"))
    assert "not UTF-8" in refusal(read_table, path, bad_rows="skip")


def test_no_good_row_is_an_error_even_if_bad_rows_are_skipped(write, refusal):
    path = write("a.csv", "text,label\na\nb\n")
    message = refusal(read_table, path, bad_rows="skip")
    assert message.startswith(
        "a.csv: 2 bad rows found: line 2: 1 field where the header"
    )
    assert message.endswith(". Add the missing fields.")


@pytest.mark.parametrize(
    ("read", "name", "content", "good", "problems"),
    [
        (
            read_table,
            "a.jsonl",
            JSON,
            1,
            [
                "line 2: not JSON",
                "line 3: not an",
                "line 4: there is no 'label'",
                "line 5",
            ],
        ),
        (
            read_questions,
            "a.jsonl",
            QUESTION + '{"question": 1}\n' + QUESTION + '{"question": "a", "context"\n',
            2,
            ["line 2: no question", "line 4: not JSON"],
        ),
        (
            read_choices,
            "a.jsonl",
            CHOICE + '{"question": "a"}\n' + CHOICE.replace('"b"', '"b", "c"'),
            1,
            ["line 2: no question and choices", "line 3: 3 choices where the first"],
        ),
        (
            read_tagged,
            "a.conll",
            "EU B-ORG\nis O\n\nhe X\nO\nran O\n\nto O\n\nI\n",
            2,
            ["line 4: the tag 'X'", "line 5: 1 column", "line 10: 1 column"],
        ),
        (
            read_tagged,
            "a.jsonl",
            '{"tokens": ["a"], "tags": ["O"]}\n{"tokens": ["a"], "tags": "O"}\n{"x": 1}\n',
            1,
            ["line 2: 'tags' must be a list", "line 3: none of 'text'"],
        ),
    ],
)
def test_every_reader_lists_and_skips(
    write, refusal, read, name, content, good, problems
):
    path = write(name, content)
    message = refusal(read, path)
    assert message.startswith(f"{name}: {len(problems)} bad rows found: {problems[0]}")
    assert all(problem in message for problem in problems), message
    table = read(path, bad_rows="skip")
    assert (len(table.records), table.skipped) == (good, len(problems))
    assert f"{len(problems)} bad rows skipped" in table.description


def test_labels_that_must_be_numbers(write, refusal):
    path = write("a.tsv", "text\tlabel\na\t1.5\nb\t2,5\nc\tnan\n")
    assert refusal(read_table, path, number_labels=True) == (
        "a.tsv: 2 bad rows found: line 3: the label must be a number, for regression; "
        "received '2,5'; line 4: the label must be a number, for regression; received "
        "'nan'. Write a decimal point. bad_rows=skip leaves such rows out."
    )
    table = read_table(path, number_labels=True, bad_rows="skip")
    assert table.records == [{"text": "a", "label": "1.5"}]


def test_squad_with_wrong_types_at_any_level(write, refusal):
    for content, problem in [
        (
            '{"data": "x"}',
            "no list 'data' where SQuAD's JSON has one; received '\"x\"'",
        ),
        ('{"data": ["x"]}', "no list 'paragraphs'"),
        ('{"data": [{"paragraphs": {"qas": []}}]}', "no list 'paragraphs'"),
        ('{"data": [{"paragraphs": [{"qas": "Who?"}]}]}', "no list 'qas'"),
        ('{"data": [{"paragraphs": [{"qas": [7]}]}]}', "a question is not an object"),
        ('{"data": ' + "[" * 100_000, "nested too deep"),
    ]:
        message = refusal(read_questions, write("a.json", content))
        assert message.startswith("a.json")
        assert problem in message
    for start in ("1e400", '"x"', "[1]", "9" * 5000):
        answers = f'[{{"text": "Rome", "answer_start": {start}}}]'
        path = write("a.jsonl", QUESTION.replace('["Rome"]', answers))
        message = refusal(read_questions, path)
        assert message.startswith("a.jsonl, line 1: ")
        assert "number" in message
