"""Labels, repeated texts and leakage, each in a file that has the problem."""

import pathlib

import pytest

from bert_tf.data.records.readers import read_table
from bert_tf.doctor import labels
from bert_tf.doctor.findings import note, ok, problem


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(name, rows):
    lines = ["text\tlabel", *("\t".join(row) for row in rows)]
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_table(name)


def rows(**counts):
    return [(f"{name} {n}", name) for name in counts for n in range(counts[name])]


def found(findings, check):
    """Returns the only finding of a check, or None."""
    (finding,) = [f for f in findings if f["check"] == f"texts/{check}"] or [None]
    return finding


class TestCounts:
    def test_equal_counts(self):
        train = table("train.tsv", rows(bad=10, good=10))
        assert labels.check(train) == [
            ok("texts/labels", "2 labels: bad, good; 10 examples each"),
            ok("texts/repeats", "no text occurs twice"),
        ]

    def test_the_most_frequent_label_is_first(self):
        train = table("train.tsv", rows(bad=11, good=12))
        assert labels.check(train)[0]["says"] == "2 labels: good (12), bad (11)"

    def test_a_single_label(self):
        train = table("train.tsv", rows(good=10))
        assert found(labels.check(train), "labels") == problem(
            "texts/labels",
            "every row of train.tsv has the label 'good', so there is nothing to learn.",
            "If 'label' is not the column of the label, set --label_column=.",
        )

    def test_rare_labels(self):
        train = table("train.tsv", rows(bad=9, fine=2, good=10))
        assert found(labels.check(train), "labels") == note(
            "texts/labels",
            "2 of 3 labels have fewer than 10 examples: bad (9), fine (2).",
            "Add examples until each label has 10, or merge labels.",
        )

    def test_unequal_counts(self):
        train = table("train.tsv", rows(bad=10, good=190))
        balance = found(labels.check(train), "balance")
        assert balance["level"] == "note"
        assert balance["says"] == (
            "good is 19 times as frequent as bad; a model that always predicts good has "
            "an accuracy of 95%."
        )
        assert "eval_macro_f1" in balance["fix"]

    def test_a_column_without_labels(self):
        train = table("train.tsv", [(f"text {n}", f"{n}.5") for n in range(25)])
        assert found(labels.check(train), "labels")["says"] == (
            "25 different labels in 25 rows; a label must occur many times."
        )

    def test_two_spellings_of_a_label(self):
        train = table("train.tsv", rows(good=10, Good=10, bad=10))
        assert found(labels.check(train), "spelling") == note(
            "texts/spelling",
            "'Good' and 'good' are different labels.",
            "If they mean the same, use one spelling in train.tsv.",
        )

    def test_blanks_around_a_label_are_no_spelling(self):
        rows_of_two = [*rows(good=10), *((f"b {n}", "good\u00a0") for n in range(10))]
        train = table("train.tsv", [*rows_of_two, *rows(bad=20)])
        assert labels.check(train)[0] == ok(
            "texts/labels", "2 labels: bad, good; 20 examples each"
        )


class TestRepeats:
    def test_with_the_same_label(self):
        train = table("train.tsv", [*rows(bad=11, good=11), (" bad 3 ", "bad")])
        repeats = found(labels.check(train), "repeats")
        assert repeats["level"] == "note"
        assert repeats["says"] == (
            "1 row of train.tsv with the text of an earlier row: line 24."
        )
        assert found(labels.check(train), "conflicts") is None

    @pytest.mark.parametrize("size, level", [(19, "problem"), (20, "note")])
    def test_with_another_label(self, size, level):
        # 2 of 39 rows are more than a twentieth, 2 of 41 are not.
        train = table("train.tsv", [*rows(bad=size, good=size), ("bad 3", "good")])
        assert found(labels.check(train), "conflicts") == {
            "check": "texts/conflicts",
            "level": level,
            "says": "2 rows of train.tsv have a text that also occurs with another "
            f"label, such as 'bad' (line 5) and 'good' (line {2 * size + 2}).",
            "fix": "Choose one label for each text, and delete the other rows.",
        }


class TestEvaluation:
    def test_without_problems(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", [("so", "bad"), ("la", "good")])
        assert labels.check(train, evaluation)[2:] == [
            ok("texts/eval_labels", "2 labels; the training file has all of them"),
            ok("texts/leakage", "no evaluation text is in the training file"),
        ]

    def test_labels_missing_in_training(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", rows(bad=1, god=2, good=1))
        assert found(labels.check(train, evaluation), "eval_labels") == problem(
            "texts/eval_labels",
            "eval.tsv has labels that the training file does not have: 'god' (2); 'god' "
            "is on lines 3, 4.",
            "Did you mean 'good'?",
        )

    def test_labels_missing_in_evaluation(self):
        train = table("train.tsv", rows(bad=10, good=10))
        evaluation = table("eval.tsv", [("so", "good")])
        unseen = found(labels.check(train, evaluation), "unseen_labels")
        assert unseen["level"] == "note"
        assert unseen["says"].startswith("eval.tsv has no example of bad,")

    def test_labels_of_a_model(self):
        evaluation = table("eval.tsv", [("so", "fine")])
        (unknown, _) = labels.check(None, evaluation, {"bad", "good"})
        assert unknown["says"] == (
            "eval.tsv has labels that the model does not have: 'fine' (1); 'fine' is on "
            "line 2."
        )

    @pytest.mark.parametrize("size, level", [(50, "problem"), (51, "note")])
    def test_texts_of_training(self, size, level):
        train = table("train.tsv", rows(bad=10, good=10))
        fresh = [(f"fresh {n}", "good") for n in range(2 * size - 1)]
        evaluation = table("eval.tsv", [*fresh, ("bad 3", "bad")])
        leakage = found(labels.check(train, evaluation), "leakage")
        assert leakage["level"] == level
        assert leakage["says"].startswith(f"1 of {2 * size} texts (1.0%) in eval.tsv")
        assert leakage["fix"] == f"Delete line {2 * size + 1} from eval.tsv."

    def test_pairs_are_compared_as_pairs(self):
        header = "sentence1\tsentence2\tlabel\n"
        pathlib.Path("a.tsv").write_text(header + "x\ty\t0\nx\tz\t1\n")
        pathlib.Path("b.tsv").write_text(header + "y\tx\t0\nx\tz\t1\n")
        train, evaluation = read_table("a.tsv"), read_table("b.tsv")
        assert found(labels.check_repeats(train), "repeats")["level"] == "ok"
        (leakage,) = labels.check_leakage(train, evaluation)
        assert leakage["says"].startswith("1 of 2 texts (50.0%)")
        assert leakage["fix"] == "Delete line 3 from b.tsv."


def test_long_lists_are_shortened():
    assert labels.join_lines([7]) == "line 7"
    assert labels.join_lines(list(range(1, 11))) == (
        "lines 1, 2, 3, 4, 5, 6, 7, 8 and 2 more"
    )
