"""Labels, repeats and leakage, each on a file that has the fault."""

import pathlib

import pytest

from bert_tf.data.records.readers import read_table
from bert_tf.doctor import labels
from bert_tf.doctor.findings import note, ok, problem


@pytest.fixture(autouse=True)
def stand_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(name, rows):
    lines = ["text\tlabel", *("\t".join(row) for row in rows)]
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_table(name)


def rows(**counts):
    return [(f"{name} {n}", name) for name in counts for n in range(counts[name])]


def found(findings, check):
    """The one finding of that check, None where there is none."""
    (finding,) = [f for f in findings if f["check"] == f"texts/{check}"] or [None]
    return finding


class TestCounts:
    def test_as_many_of_each(self):
        train = table("train.tsv", rows(bad=10, good=10))
        assert labels.check(train) == [
            ok("texts/labels", "2: bad, good; 10 examples each"),
            ok("texts/repeats", "no text comes twice"),
        ]

    def test_the_most_frequent_first(self):
        train = table("train.tsv", rows(bad=11, good=12))
        assert labels.check(train)[0]["says"] == "2: good 12, bad 11"

    def test_one_only(self):
        train = table("train.tsv", rows(good=10))
        assert found(labels.check(train), "labels") == problem(
            "texts/labels",
            "every row of train.tsv has the label 'good': nothing to learn.",
            "Is column 'label' the label? --label_column= chooses another.",
        )

    def test_few(self):
        train = table("train.tsv", rows(bad=9, fine=2, good=10))
        assert found(labels.check(train), "labels") == note(
            "texts/labels",
            "fewer than 10 examples of 2 of 3 labels: bad (9), fine (2).",
            "Add examples, up to 10 of each at least, or give them another label.",
        )

    def test_many_more_of_one(self):
        train = table("train.tsv", rows(bad=10, good=190))
        balance = found(labels.check(train), "balance")
        assert balance["level"] == "note"
        assert balance["says"] == (
            "good comes 19 times as often as bad; good for every text would be right "
            "95% of the time."
        )
        assert "eval_macro_f1" in balance["fix"]

    def test_a_column_that_holds_no_labels(self):
        train = table("train.tsv", [(f"text {n}", f"{n}.5") for n in range(25)])
        assert found(labels.check(train), "labels")["says"] == (
            "25 labels in 25 rows: are those labels?"
        )

    def test_the_same_in_other_letters(self):
        train = table("train.tsv", rows(good=10, Good=10, bad=10))
        assert found(labels.check(train), "spelling") == note(
            "texts/spelling",
            "'Good' and 'good' count as different labels.",
            "Write them alike in train.tsv.",
        )


class TestRepeats:
    def test_with_the_same_label(self):
        train = table("train.tsv", [*rows(bad=11, good=11), (" bad 3 ", "bad")])
        repeats = found(labels.check(train), "repeats")
        assert repeats["level"] == "note"
        assert repeats["says"] == (
            "1 row of train.tsv with a text that stands above already: line 24."
        )
        assert found(labels.check(train), "conflicts") is None

    @pytest.mark.parametrize("size, level", [(19, "problem"), (20, "note")])
    def test_with_another_label(self, size, level):
        # 2 of 39 rows are over a twentieth, 2 of 41 are not.
        train = table("train.tsv", [*rows(bad=size, good=size), ("bad 3", "good")])
        assert found(labels.check(train), "conflicts") == {
            "check": "texts/conflicts",
            "level": level,
            "says": "2 rows of train.tsv have a text that has other labels elsewhere: "
            f"'bad' (line 5) and 'good' (line {2 * size + 2}).",
            "fix": "Decide on one label a text, and delete the other rows.",
        }


class TestEvaluation:
    def test_in_order(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", [("so", "bad"), ("la", "good")])
        assert labels.check(train, evaluation)[2:] == [
            ok("texts/eval_labels", "2, all of them known to the training file"),
            ok("texts/leakage", "no text of the evaluation is in training"),
        ]

    def test_labels_that_training_lacks(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", rows(bad=1, god=2, good=1))
        assert found(labels.check(train, evaluation), "eval_labels") == problem(
            "texts/eval_labels",
            "eval.tsv has labels that the training file lacks: 'god' (2); 'god' in "
            "lines 3, 4.",
            "Did you mean 'good'?",
        )

    def test_labels_that_evaluation_lacks(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", [("so", "good")])
        unseen = found(labels.check(train, evaluation), "unseen_labels")
        assert unseen["level"] == "note"
        assert unseen["says"].startswith("eval.tsv has no example of bad:")

    def test_labels_of_a_model(self):
        evaluation = table("eval.tsv", [("so", "fine")])
        (strange, _) = labels.check(None, evaluation, {"bad", "good"})
        assert strange["says"] == (
            "eval.tsv has labels that the model lacks: 'fine' (1); 'fine' in line 2."
        )

    @pytest.mark.parametrize("size, level", [(50, "problem"), (51, "note")])
    def test_texts_of_training(self, size, level):
        train = table("train.tsv", rows(bad=10, good=10))
        fresh = [(f"fresh {n}", "good") for n in range(2 * size - 1)]
        evaluation = table("eval.tsv", [*fresh, ("bad 3", "bad")])
        leakage = found(labels.check(train, evaluation), "leakage")
        assert leakage["level"] == level
        assert leakage["says"].startswith(f"1 of {2 * size} texts (1.0%) in eval.tsv")
        assert leakage["fix"] == f"Delete from eval.tsv: line {2 * size + 1}."

    def test_pairs_are_compared_as_pairs(self):
        header = "sentence1\tsentence2\tlabel\n"
        pathlib.Path("a.tsv").write_text(header + "x\ty\t0\nx\tz\t1\n")
        pathlib.Path("b.tsv").write_text(header + "y\tx\t0\nx\tz\t1\n")
        train, evaluation = read_table("a.tsv"), read_table("b.tsv")
        assert found(labels.check_repeats(train), "repeats")["level"] == "ok"
        (leakage,) = labels.check_leakage(train, evaluation)
        assert leakage["says"].startswith("1 of 2 texts (50.0%)")
        assert leakage["fix"] == "Delete from b.tsv: line 3."


def test_long_lists_are_cut_short():
    assert labels.join_lines([7]) == "line 7"
    assert labels.join_lines(list(range(1, 11))) == (
        "lines 1, 2, 3, 4, 5, 6, 7, 8 and 2 more"
    )
