"""All checks together, and the script that prints them."""

import json
import pathlib
import subprocess
import sys

import pytest
import tiny_folder

import bert_tf
from bert_tf import doctor
from bert_tf.training.loop import TrainConfig

ROOT = pathlib.Path(__file__).parents[2]
ROWS = [("the film is good .", "pos"), ("it was very bad", "neg")]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, rows, header="text,label"):
    lines = [header, *(",".join(row) for row in rows)]
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def make_rows(count):
    """Returns `count` different texts of each label."""
    return [(f"{text} {'a ' * n}", label) for n in range(count) for text, label in ROWS]


def examine(**config):
    """Returns {check: finding}."""
    findings = doctor.examine(doctor.DoctorConfig(**config))
    return {finding["check"]: finding for finding in findings}


def problems(found):
    return {check for check in found if found[check]["level"] == "problem"}


def test_defaults():
    found = examine()
    assert "installation/import" in found
    assert "machine/bf16" in found
    assert not [check for check in found if check.startswith(("model/", "texts/"))]


def test_a_model_and_files_without_problems():
    tiny_folder.write("start")
    train, evaluation = write("train.csv", make_rows(10)), write("eval.csv", ROWS[::-1])
    pathlib.Path("eval.csv").write_text("text,label\nfine film,pos\npoor film,neg\n")
    found = examine(
        model="start", train_file=train, eval_file=evaluation, max_seq_length=24
    )
    assert not problems(found)
    assert found["texts/train_file"]["says"] == (
        "train.csv: CSV, header; text = 'text', label = 'label'; 20 rows"
    )
    assert found["texts/labels"]["says"] == "2 labels: neg, pos; 10 examples each"
    assert found["texts/lengths"]["says"].endswith("; none is truncated at 24")
    assert found["texts/leakage"]["level"] == "ok"


def test_labels_without_a_model():
    found = examine(train_file=write("train.csv", make_rows(3)))
    assert found["texts/labels"]["level"] == "note"
    assert "texts/lengths" not in found


def test_a_missing_file():
    write("train.csv", ROWS)
    found = examine(train_file="trein.csv")
    assert found["texts/train_file"]["says"] == "trein.csv: no such file."
    assert found["texts/train_file"]["fix"] == "Did you mean 'train.csv'?"
    assert problems(found) == {"texts/train_file"}


def test_empty_texts_are_counted():
    write("train.csv", [*ROWS, (" ", "pos"), ("", "neg")])
    assert examine(train_file="train.csv")["texts/train_file"] == {
        "check": "texts/train_file",
        "level": "problem",
        "says": "train.csv: 2 of 4 texts are empty: lines 4, 5.",
        "fix": "Fill them in, or delete these rows.",
    }


def test_an_empty_label_is_the_error_of_the_reader():
    write("train.csv", [*ROWS, ("so", "")])
    found = examine(train_file="train.csv")["texts/train_file"]
    assert "line 4: the label ('label') is empty" in found["says"]


def test_columns_by_name():
    write("train.csv", [("1", *row) for row in make_rows(2)], header="id,words,kind")
    check = "texts/train_file"
    assert examine(train_file="train.csv")[check]["level"] == "problem"
    found = examine(train_file="train.csv", text_column="words", label_column="kind")
    assert "text = 'words', label = 'kind'" in found[check]["says"]


def test_a_fine_tuned_model_and_its_labels():
    tiny_folder.write("start")
    write("train.csv", make_rows(4), header="words,kind")
    config = bert_tf.FinetuneConfig(
        model="start",
        train_file="train.csv",
        output_dir="model",
        max_seq_length=16,
        text_column="words",
        label_column="kind",
    )
    bert_tf.finetune(config, TrainConfig(max_steps=1))
    write("eval.csv", [("so bad", "neg"), ("is it", "neutral")], header="words,kind")
    found = examine(model="model", eval_file="eval.csv")
    assert found["model/labels"]["says"] == "2 labels: 'neg', 'pos'"
    assert found["model/weights"]["level"] == "ok"
    assert (
        "the model does not have: 'neutral' (1)" in found["texts/eval_labels"]["says"]
    )


def test_without_tensorflow_the_other_checks_still_run(monkeypatch):
    def fail():
        return doctor.problem("installation/import", "bert_tf cannot be imported.", "…")

    monkeypatch.setattr(doctor.installation, "check_import", fail)
    write("train.csv", [("so", "pos"), ("la", "pos")])
    found = examine(model="start", train_file="train.csv")
    assert problems(found) == {"installation/import", "texts/labels"}
    assert "machine/processors" in found


def test_importing_it_does_not_import_tensorflow():
    program = (
        "import sys; from bert_tf import doctor; print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("labels, status", [(("pos", "neg"), 0), (("pos", "pos"), 1)])
def test_the_script(labels, status):
    write("train.csv", [("the film", labels[0]), ("it was", labels[1])])
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/doctor.py", "--train_file=train.csv"],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == status
    assert result["findings"][-2]["check"] == "texts/labels"
    assert done.stderr.startswith("installation\n  ✓ python")
    assert done.stderr.count("✗") == 2 * status  # In the finding and in the last line.


class TestOtherTasks:
    """Numbers and sets of labels are not checked as classes."""

    @pytest.mark.parametrize(
        ("task", "labels"),
        [("regression", ["1.5", "2.25", "4.0"]), ("multi_label", ["a|b", "b", ""])],
    )
    def test_only_the_texts_are_checked(self, task, labels):
        texts = ("a film", "a good film", "a bad film")
        train = write("train.csv", zip(texts, labels))
        evaluation = write("eval.csv", [("a film", labels[0]), ("another", labels[1])])
        found = examine(task=task, train_file=train, eval_file=evaluation)
        checks = {check for check in found if check.startswith("texts/")}
        assert checks == {"texts/train_file", "texts/eval_file", "texts/leakage"}
        assert "1 of 2 texts" in found["texts/leakage"]["says"]

    def test_unknown_task(self):
        with pytest.raises(ValueError, match="received 'sorting'"):
            examine(task="sorting")
