"""Entities in tags, and their scores, worked by hand."""

import random

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score

from bert_tf.tasks.metrics.entities import entities, entity_scores


class TestEntities:
    @pytest.mark.parametrize(
        ("tags", "found"),
        [
            ("O B-x I-x O", [("x", 1, 3)]),
            ("B-x B-x", [("x", 0, 1), ("x", 1, 2)]),
            ("B-x I-y", [("x", 0, 1), ("y", 1, 2)]),
            ("I-x I-x O I-y", [("x", 0, 2), ("y", 3, 4)]),  # As conlleval.
            ("S-x B-y I-y E-y S-y", [("x", 0, 1), ("y", 1, 4), ("y", 4, 5)]),
            ("B-x E-x I-x", [("x", 0, 2), ("x", 2, 3)]),
            ("O O", []),
            ("", []),
            ("B-a-b I-a-b", [("a-b", 0, 2)]),
        ],
    )
    def test_by_hand(self, tags, found):
        assert entities(tags.split()) == found


class TestScores:
    def test_by_hand(self):
        truths = [["B-x", "I-x", "O", "B-y"], ["B-y", "O"]]
        answers = [["B-x", "I-x", "O", "B-x"], ["B-y", "B-y"]]
        scores = entity_scores(truths, answers)
        # True 3, answered 4, right 2.
        assert scores["precision"] == pytest.approx(2 / 4)
        assert scores["recall"] == pytest.approx(2 / 3)
        assert scores["f1"] == pytest.approx(4 / 7)
        assert scores["per_type"]["x"] == {
            "precision": 0.5,
            "recall": 1.0,
            "f1": pytest.approx(2 / 3),
            "support": 1,
        }
        assert scores["per_type"]["y"]["recall"] == 0.5
        assert scores["per_type"]["y"]["support"] == 2

    def test_half_an_entity_is_wrong(self):
        assert entity_scores([["B-x", "I-x"]], [["B-x", "O"]])["f1"] == 0.0

    def test_nothing_to_count(self):
        scores = entity_scores([["O"]], [["O"]])
        assert scores == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "per_type": {}}

    def test_seqeval_agrees(self):
        draw = random.Random(1)
        tags = ["O", *(f"{p}-{kind}" for p in "BIES" for kind in ("x", "y"))]
        sides = [
            [draw.choices(tags, k=draw.randint(1, 9)) for _ in range(200)] for _ in "ab"
        ]
        truths, answers = sides
        answers = [
            [draw.choice([t, t, a]) for t, a in zip(truth, answer + truth)]
            for truth, answer in zip(truths, answers)
        ]
        scores = entity_scores(truths, answers)
        for name, theirs in (
            ("precision", precision_score),
            ("recall", recall_score),
            ("f1", f1_score),
        ):
            assert scores[name] == pytest.approx(theirs(truths, answers), abs=1e-12)
        assert 0.3 < scores["f1"] < 0.9
