"""Questions whose answers are generated: texts, not places in a context."""

import json

import pytest

from bert_tf.data.records.answers import read_answer_lines, read_answers
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.sources import hold_out


def lines(*objects):
    return "".join(json.dumps(fields) + "\n" for fields in objects)


def question(**fields):
    return {"question": "Who?", "context": "Ann came.", **fields}


def squad(*questions):
    paragraph = {"context": "Ann came.", "qas": list(questions)}
    return json.dumps({"data": [{"title": "Visits", "paragraphs": [paragraph]}]})


def test_squads_answers_are_texts(write, caplog):
    answers = [{"text": "Ann", "answer_start": 0}, {"text": "it was Ann"}]
    content = squad(
        {"id": "a", "question": "Who?", "answers": answers},
        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
    )
    table = read_answers(write("a.json", content))
    shared = {"text_pair": "Ann came.", "title": "Visits"}
    assert table.records == [
        shared
        | {
            "id": "a",
            "text": "Who?",
            "target": "Ann",
            "answers": ["Ann", "it was Ann"],
        },
        shared | {"id": "b", "text": "Why?", "target": "", "answers": []},
    ]
    assert table.description == (
        "a.json: SQuAD's JSON; 2 questions on 1 context, 1 without an answer"
    )
    assert caplog.text == ""  # An answer may stand nowhere in its context.


@pytest.mark.parametrize(
    "given",
    [
        {"answer": "Ann"},
        {"answers": "Ann"},
        {"answers": ["Ann"]},
        {"answers": [{"text": "Ann"}]},
        {"answers": {"text": ["Ann"]}},
    ],
)
def test_forms_of_json_lines(write, given):
    (record,) = read_answers(write("a.jsonl", lines(question(**given)))).records
    assert record["target"] == "Ann"
    assert record["answers"] == ["Ann"]


def test_the_field_of_the_id(write):
    path = write("a.jsonl", lines(question(answer="Ann", order=7)))
    assert read_answers(path, id_column="order").records[0]["id"] == 7


def test_for_prediction_answers_are_not_read(write):
    path = write("a.jsonl", lines(question()))
    expected = {"id": "0", "text": "Who?", "text_pair": "Ann came."}
    assert read_answers(path, with_labels=False).records == [expected]
    assert read_answer_lines([json.dumps(question())]).records == [expected]


def test_rows_in_memory():
    names = ["question", "context", "answer"]
    rows = Rows("train_data", "list of dicts", names, [("Who?", "Ann.", "Ann")], [0])
    (record,) = read_answers(rows).records
    assert record["target"] == "Ann"


@pytest.mark.parametrize("fields", [{}, {"answer": ""}, {"answer": 3}])
def test_no_answer_is_refused(write, refusal, fields):
    path = write("a.jsonl", lines(question(answer="Ann"), question(**fields)))
    assert "a.jsonl, line 2: " in refusal(read_answers, path)
    assert len(read_answers(path, bad_rows="skip").records) == 1


def test_columns_are_refused(write, refusal):
    path = write("a.jsonl", lines(question(answer="Ann")))
    assert "drop label_column" in refusal(read_answers, path, label_column="a")


def test_held_out_questions_have_contexts_of_their_own(write):
    objects = [
        question(question=f"Who {n}?", context=f"Context {n // 5}.", answer="Ann")
        for n in range(100)
    ]
    table = read_answers(write("a.jsonl", lines(*objects)))
    train, evaluation = hold_out(table, 0.3)
    sides = [{r["text_pair"] for r in side.records} for side in (train, evaluation)]
    assert not sides[0] & sides[1]
    assert len(train.records) + len(evaluation.records) == 100
