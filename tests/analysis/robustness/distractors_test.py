"""Irrelevant sentences: their choice by hand, and attacks on rules and on a tiny model."""

import json

import pytest

import bert_tf
from bert_tf.analysis.robustness import distractors

CONTEXT = "Ann won the race in 1990. It rained."
OTHER = "Bob won the race of Rome in 1985. He was tired! Bob won the race in 1990. Sun."
RECORD = {"question": "When did Ann win the race?", "context": CONTEXT}
CONTEXTS = {
    CONTEXT: ["Ann won the race in 1990.", "It rained."],
    OTHER: [
        "Bob won the race of Rome in 1985.",
        "He was tired!",
        "Race in 1990.",
        "Sun.",
    ],
    "b": ["A race.", "Ann did win the race.", "Ann saw a race there."],
}


def test_sentences_share_some_words_and_hold_no_answer():
    # Of the question's words ann, win and race; equals come shortest first.
    assert distractors.choose_sentences(RECORD, ["1990"], CONTEXTS) == [
        "Ann saw a race there.",  # Two words.
        "A race.",
        "Bob won the race of Rome in 1985.",
    ]
    assert distractors.choose_sentences(RECORD, ["1990"], CONTEXTS, most=1) == [
        "Ann saw a race there."
    ]
    held = distractors.choose_sentences(RECORD, ["Rome"], CONTEXTS)
    assert "Bob won the race of Rome in 1985." not in held and "Race in 1990." in held
    assert distractors.choose_sentences(RECORD, [], {CONTEXT: CONTEXTS[CONTEXT]}) == []


def last_year(records):
    """Answers with the last word that is a number, so that only what follows confuses it."""
    words = [record["context"].replace(".", " ").split() for record in records]
    return [{"answer": [w for w in row if w.isdecimal()][-1]} for row in words]


def test_the_worst_sentence_at_the_worst_place():
    found = distractors.attack(
        last_year, RECORD, ["1990"], ["A race.", "Bob won in 1985."]
    )
    assert found == distractors.Outcome(
        question=RECORD["question"],
        sentence="Bob won in 1985.",
        place="after",
        before="1990",
        after="1985",
        f1_before=1.0,
        f1_after=0.0,
        queries=5,
    )
    assert found.success


def test_without_true_answers_the_prediction_counts():
    found = distractors.attack(last_year, RECORD, [], ["Bob won in 1985."])
    assert (found.f1_before, found.f1_after, found.success) == (1, 0, True)


def test_what_no_sentence_changes():
    found = distractors.attack(last_year, RECORD, ["1990"], ["A race.", "Sun."])
    assert not found.success and found.sentence == "" and found.queries == 5
    assert (found.before, found.after, found.f1_after) == ("1990", "1990", 1)
    assert distractors.attack(last_year, RECORD, ["1990"], []).queries == 1


CONTEXTS_OF_FILMS = {
    "the film is good .": "is it good ?",
    "it was a bad film . the film is very good .": "was it bad ?",
    "a fine film .": "is the film fine ?",
}


@pytest.fixture(scope="module")
def report(folders, tmp_path_factory):
    """What an analysis finds, its page, and the records, whose answers are the model's."""
    home = tmp_path_factory.mktemp("distractors")
    model = bert_tf.Model(folders["question_answering"])
    records = [{"question": q, "context": c} for c, q in CONTEXTS_OF_FILMS.items()]
    lines = [
        record | {"answers": [{"text": row["answer"], "answer_start": row["start"]}]}
        for record, row in zip(records, model.predict(records))
    ]
    (home / "data.jsonl").write_text("\n".join(map(json.dumps, lines)))
    config = bert_tf.AnalyzeConfig(
        model=folders["question_answering"],
        data=str(home / "data.jsonl"),
        part="robustness",
        output_dir=str(home / "report"),
    )
    page = home / "report" / "report.html"
    return bert_tf.analyze(config), page.read_text(encoding="utf-8"), model, lines


def test_figures_are_those_of_the_model(report):
    result, page, model, lines = report
    found = result["parts"]["robustness"]["irrelevant_sentences"]
    contexts = {
        context: distractors._END.split(context) for context in CONTEXTS_OF_FILMS
    }
    outcomes = []
    for line in lines:
        truths = [line.pop("answers")[0]["text"]]
        sentences = distractors.choose_sentences(line, truths, contexts)
        if sentences:
            outcomes.append(distractors.attack(model.predict, line, truths, sentences))
    assert found["records"] == len(outcomes) > 0
    assert found["without_a_sentence"] == len(lines) - len(outcomes)
    assert found["f1_before"] == 1
    assert found["success"] == sum(o.success for o in outcomes) / len(outcomes)
    assert found["f1_after"] == pytest.approx(
        sum(o.f1_after for o in outcomes) / len(outcomes)
    )
    low, high = found["success_95"]
    assert 0 <= low <= found["success"] <= high <= 1
    assert "Answers that an irrelevant sentence changes" in page
