"""Scores on the screen: the table, the hint, and one line of JSON."""

from bert_tf import report


def test_table_of_other_scores():
    scores = {
        "precision": 0.5,
        "loss": 0.25,
        "per_type": {"place": {"precision": 0.5, "recall": 1.0, "support": 3}},
        "confusion_matrix": [[1]],
        "threshold": None,
    }
    assert report.format_scores(scores).splitlines() == [
        "           precision  recall  support",
        "place          0.500   1.000        3",
        "precision      0.500",
    ]
    assert report.format_scores({"exact_match": 0.25, "has_answer_f1": 1.0}) == (
        "exact match        0.250\nhas answer F1      1.000"
    )


def test_a_score_of_zero_has_a_hint():
    scores = {"eval_f1": 0.0, "eval_accuracy": 0.5, "train_loss": 1.0}
    table, hint = report.describe(scores, "f1").rsplit("\n", 1)
    assert table.splitlines() == ["F1            0.000", "accuracy      0.500"]
    assert hint.startswith(
        "F1 is 0: the model has not learnt the task yet. Train longer"
    )
    assert "0:" not in report.describe(scores | {"eval_f1": 0.01}, "f1")


def test_metrics_are_strict_json_without_the_matrix():
    metrics = {
        "eval_per_class": {"体育": {"f1": float("nan")}},
        "eval_confusion_matrix": [[1]],
        "train_steps": 3,
    }
    assert report.as_json(metrics) == (
        '{"eval_per_class": {"体育": {"f1": null}}, "train_steps": 3}'
    )
