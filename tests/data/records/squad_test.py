"""Questions on contexts: SQuAD's JSON and JSON lines, and their errors."""

import json
import pathlib

import pytest

from bert_tf.data.records.squad import read_question_lines, read_questions

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def squad(*questions, context="Rome lies on the Tiber."):
    qas = [
        {"id": f"q{number}", "question": f"Where {number}?"} | question
        for number, question in enumerate(questions)
    ]
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]})


def answer(text, start):
    return {"text": text, "answer_start": start}


class TestSquad:
    def test_questions_contexts_and_answers(self, write):
        content = squad(
            {"answers": [answer("the Tiber", 13), answer("Tiber", 17)]},
            {"answers": [], "is_impossible": True},
        )
        table = read_questions(write("a.json", content))
        first, second = table.records
        assert first == {
            "id": "q0",
            "question": "Where 0?",
            "context": "Rome lies on the Tiber.",
            "answers": [
                {"text": "the Tiber", "start": 13},
                {"text": "Tiber", "start": 17},
            ],
        }
        assert second["answers"] == []
        assert table.where(1) == "a.json, question 2"
        assert "SQuAD's JSON; 2 questions on 1 context, 1 without" in table.description

    def test_for_prediction_answers_are_not_read(self, write):
        table = read_questions(write("a.json", squad({})), with_labels=False)
        assert table.records[0].keys() == {"id", "question", "context"}

    def test_a_question_without_answers_is_an_error_in_1_1(self, write, refusal):
        message = refusal(read_questions, write("a.json", squad({"answers": []})))
        assert "a.json, question 1" in message
        assert "no answers" in message
        assert "is_impossible" in message

    def test_misplaced_answers_are_moved_counted_and_listed(self, write, caplog):
        content = squad(
            {"answers": [answer("Tiber", 0)]},
            {"answers": [answer("Po", 3)]},
            {"answers": [answer("Rome", 0)]},
        )
        table = read_questions(write("a.json", content))
        starts = [record["answers"][0]["start"] for record in table.records]
        assert starts == [17, None, 0]
        assert "2 answers are not where the file says: 1 found elsewhere" in caplog.text
        assert "1 not in the context" in caplog.text
        assert "q0, q1." in caplog.text

    def test_the_nearest_place_is_taken(self, write):
        content = squad({"answers": [answer("a", 5)]}, context="a b c a d")
        (record,) = read_questions(write("a.json", content)).records
        assert record["answers"][0]["start"] == 6

    @pytest.mark.parametrize("length", [40, 90, -3, -1])
    def test_cut_in_the_middle(self, write, refusal, length):
        content = squad({"answers": [answer("Rome", 0)]})[:length]
        message = refusal(read_questions, write("a.json", content))
        assert "a.json, line 1: not JSON" in message
        assert "cut short" in message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('{"data": 3}', "no list 'data'"),
            ('{"data": [{"paragraphs": [3]}]}', "no list 'qas'"),
            (squad({"question": " ", "answers": [answer("Rome", 0)]}), "no question"),
            (squad({"answers": [{"text": ""}]}), "an answer without text"),
            (squad({"answers": [answer("Rome", "x")]}), "must be a number"),
            ('{"data": []}', "no questions"),
        ],
    )
    def test_faults(self, write, refusal, content, message):
        assert message in refusal(read_questions, write("a.json", content))


class TestJsonLines:
    def test_answers_in_all_their_forms(self, write):
        base = {"question": "Where?", "context": "In Rome."}
        forms = [
            {"answers": {"text": ["Rome"], "answer_start": [3]}},
            {"answers": [answer("Rome", 3)]},
            {"answers": [{"text": "Rome", "start": 3}]},
            {"answer": "Rome"},
            {"answers": {"text": [], "answer_start": []}},
        ]
        lines = "\n".join(json.dumps(base | form) for form in forms)
        table = read_questions(write("a.jsonl", lines))
        answers = [record["answers"] for record in table.records]
        assert answers == [[{"text": "Rome", "start": 3}]] * 4 + [[]]

    def test_a_missing_context(self, write, refusal):
        message = refusal(read_questions, write("a.jsonl", '{"question": "Who?"}'))
        assert "a.jsonl, line 1: no context" in message

    def test_lines_to_predict(self, refusal):
        line = json.dumps({"question": "Who?", "context": "She."})
        table = read_question_lines([line.encode()])
        assert table.records == [{"id": "0", "question": "Who?", "context": "She."}]
        assert "line 1: not a JSON object" in refusal(read_question_lines, ["Who?"])


@needs_data
class TestRealFiles:
    @pytest.mark.parametrize(
        ("name", "questions", "without"),
        [
            ("squad_v1/train-v1.1-part.json", 3838, 0),
            ("squad_v1/dev-v1.1-part.json", 2108, 0),
            ("squad_v2/dev-v2.0-part.json", 4318, 2210),
        ],
    )
    def test_squad(self, name, questions, without, caplog):
        table = read_questions(DATA / name)
        assert len(table.records) == questions
        assert sum(not record["answers"] for record in table.records) == without
        assert not caplog.records

    def test_cmrc_has_200_answers_elsewhere(self, caplog):
        table = read_questions(DATA / "cmrc2018" / "cmrc2018_dev.json")
        assert len(table.records) == 3219
        assert "200 answers are not where the file says" in caplog.text
        for record in table.records:
            for own in record["answers"]:
                start, text = own["start"], own["text"]
                assert start is None or record["context"].startswith(text, start)
