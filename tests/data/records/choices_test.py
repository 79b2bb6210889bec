"""Questions with choices, in the layouts of their data sets."""

import json
import pathlib

import pytest

from bert_tf.data.records.choices import read_choice_lines, read_choices

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


class TestLayouts:
    def test_swag(self, write):
        table = read_choices(
            write(
                "a.csv",
                ",startphrase,sent1,sent2,ending0,ending1,label\n"
                '0,He stood. She,He stood.,She,"sat, too.",ran.,1\n',
            )
        )
        assert table.records == [
            {"text": "He stood.", "choices": ["She sat, too.", "She ran."], "label": 1}
        ]
        assert "SWAG's layout; 1 question of 2 choices" in table.description

    def test_codah_counts_from_0(self, write):
        table = read_choices(write("a.tsv", "o\tI am\tin.\tout.\tup.\toff.\t3\n"))
        (record,) = table.records
        assert record == {
            "text": "I am",
            "choices": ["in.", "out.", "up.", "off."],
            "label": 3,
        }
        assert "CODAH's layout" in table.description

    def test_arc_has_letters_or_counts_from_1(self, write):
        table = read_choices(write("a.csv", '"Why, then?",a,b,c,B\nHow?,a,b,c,3\n'))
        assert [record["label"] for record in table.records] == [1, 2]
        assert table.records[0]["text"] == "Why, then?"
        assert "ARC's layout" in table.description

    @pytest.mark.parametrize(
        ("label", "number"),
        [({"label": 1}, 1), ({"answer": "B"}, 1), ({"answer": "x y"}, 0)]
        + [({"label": "0"}, 0), ({"answerKey": "2"}, 1)],
    )
    def test_json_lines(self, write, label, number):
        line = json.dumps({"question": "?", "choices": ["x y", "z"]} | label)
        assert read_choices(write("a.jsonl", line)).records == [
            {"text": "?", "choices": ["x y", "z"], "label": number}
        ]

    def test_arc_of_hugging_face(self, write):
        choices = {"text": ["x", "y"], "label": ["1", "2"]}
        line = json.dumps({"question": "?", "choices": choices, "answerKey": "2"})
        assert read_choices(write("a.jsonl", line)).records[0]["label"] == 1


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "content", "parts"),
        [
            ("a.tsv", "o\tq\ta\tb\t0\no\tq\ta\t0\n", ["line 2", "4 fields"]),
            ("a.csv", "q,a,1\n", ["3 columns", "a question, two choices"]),
            ("a.jsonl", '{"question": "?"}', ["line 1", "no question and choices"]),
            ("a.jsonl", '{"question": "?", "choices": ["a"]}', ["fewer than two"]),
            ("a.jsonl", '{"question": "?", "choices": ["a", 3.5]}', ["which choice"]),
            (
                "a.jsonl",
                '{"question": "?", "choices": ["a", null]}',
                ["must be a string"],
            ),
            ("a.jsonl", '{"question": "?", "choices": ["a", "b"]}', ["which choice"]),
            (
                "a.jsonl",
                (
                    '{"question": "?", "choices": ["a", "b"], "label": 0}\n'
                    '{"question": "?", "choices": ["a", "b", "c"], "label": 0}'
                ),
                ["line 2", "3 choices", "has 2"],
            ),
            (
                "a.jsonl",
                '{"question": "?", "choices": ["a", "b"], "label": 7}',
                ["no answer is one of its choices"],
            ),
        ],
    )
    def test_message_names_the_fault(self, write, refusal, name, content, parts):
        message = refusal(read_choices, write(name, content))
        assert all(part in message for part in [name, *parts])

    def test_rows_without_an_answer_are_left_out_and_counted(self, write, caplog):
        table = read_choices(write("a.csv", "p,a,b,A\nq,a,b,E\ns,,,A\nr,a,b,B\n"))
        assert [record["text"] for record in table.records] == ["p", "r"]
        assert table.lines == [1, 4]
        assert "2 questions whose answer is none of the choices" in caplog.text
        assert "line 2" in caplog.text

    def test_lines_to_predict(self, refusal):
        line = json.dumps({"question": "?", "choices": ["a", "b"]})
        assert read_choice_lines([line]).records == [
            {"text": "?", "choices": ["a", "b"]}
        ]
        assert "not a JSON object" in refusal(read_choice_lines, ["?"])


@needs_data
@pytest.mark.parametrize(
    ("name", "questions", "layout"),
    [
        ("swag_sample/swag.csv", 11, "SWAG"),
        ("swag_sample/sample.jsonl", 10, "JSON lines"),
        ("codah/train.tsv", 2200, "CODAH"),
        ("arc_easy/arc_easy_dev.csv", 2147, "ARC"),
    ],
)
def test_real_files(name, questions, layout):
    table = read_choices(DATA / name)
    assert len(table.records) == questions
    assert layout in table.description
    assert {len(record["choices"]) for record in table.records} == {4}
