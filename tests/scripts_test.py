"""The scripts as a user runs them: processes that print JSON on stdout, text on stderr.

Each process takes seconds to import TensorFlow. So only few are started, together where
they are independent; tests without processes are in run/ and start_test.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import tiny_folder

ROOT = pathlib.Path(__file__).parents[1]
TEXTS = {
    f"{begin} {end}": label
    for begin in ("the film is", "it was", "a very", "film ,", "is it")
    for end, label in (("good .", "pos"), ("bad ,", "neg"), ("fine", "pos"))
}
FINETUNE = (
    "finetune.py",
    "--task=classification",
    "--model=start",
    "--train_file=train.csv",
    "--max_seq_length=16",
    "--seed=1",
)
CHATTER = ("oneDNN", "cuda", "CUDA", "I0000", "E0000", "WARNING: All log", "Traceback")


class Script:
    """A running script."""

    def __init__(self, name, *arguments):
        # A user's shell does not set the variables that silence TensorFlow in tests.
        env = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP_")}
        paths = [str(ROOT), *filter(None, [env.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / name, *arguments],
            env=env | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, text=b""):
        """Returns exit status, stdout and stderr."""
        out, err = self.process.communicate(text, timeout=300)
        return self.process.returncode, out.decode(), err.decode()

    def results(self, text=b""):
        """Returns the JSON objects on stdout, and stderr, of a script that succeeds."""
        status, out, err = self.end(text)
        assert status == 0, err
        assert not [word for word in CHATTER if word in err]
        return [json.loads(line) for line in out.splitlines()], err


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder in which all scripts run, with a model to start from and data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        tiny_folder.write_pretrained("bert")
        rows = [f'"{text}",{label}\n' for text, label in TEXTS.items()]
        pathlib.Path("train.csv").write_text("sentence,verdict\n" + "".join(rows))
        pathlib.Path("dev.csv").write_text("sentence,verdict\n" + "".join(rows[:7]))
        lines = [json.dumps({"text": text}) + "\n" for text in [*TEXTS, ""]]
        pathlib.Path("texts.jsonl").write_text("".join(lines))
        yield pathlib.Path.cwd()


@pytest.fixture(scope="module")
def trained(home):
    """What finetune.py printed and logged; it wrote the folder `model`."""
    return Script(
        *FINETUNE,
        "--eval_file=dev.csv",
        "--text_column=sentence",
        "--label_column=verdict",
        "--output_dir=model",
        "--num_train_epochs=12",
        "--per_device_train_batch_size=4",
        "--learning_rate=2e-2",
    ).results()


@pytest.fixture(scope="module")
def runs(trained):
    """Results of scripts that use the model and run together."""
    commands = {
        "evaluate": ("evaluate.py", "--model=model", "--eval_file=dev.csv"),
        "file": ("predict.py", "--model=model", "--input_file=texts.jsonl"),
        "arguments": ("predict.py", "--model=model", "it was good .", "a very bad ,"),
        "input": ("predict.py", "--model=model"),
        "masks": (
            *("predict.py", "--model=bert", "--task=fill_mask", "--top_k=2"),
            *("it was [MASK] .", "[MASK] film is [MASK]"),
        ),
        "compare": (
            *("compare.py", "--model=model", "--baseline=model"),
            "--eval_file=dev.csv",
        ),
    }
    scripts = {name: Script(*command) for name, command in commands.items()}
    lines = b'it was good .\n{"sentence": "a very bad ,"}\n\n'
    return {
        name: script.results(lines if name == "input" else b"")
        for name, script in scripts.items()
    }


def test_finetune_prints_its_metrics_and_writes_the_folder(trained, home):
    (metrics,), log = trained
    written = json.loads((home / "model/metrics.json").read_text())
    assert len(written.pop("eval_confusion_matrix")) == 2  # It would fill a screen.
    assert metrics == written
    assert ": accuracy " in log
    assert "precision  recall     F1  support" in log
    assert 0.9 < metrics["eval_accuracy"] <= 1
    assert "train.csv: CSV, header; text = 'sentence', label = 'verdict'; 15" in log
    assert {
        file.name for file in (home / "model").iterdir()
    } == tiny_folder.FINETUNED_FILES


def test_evaluate_prints_the_scores_of_training(runs, trained):
    (metrics,), log = runs["evaluate"]
    (expected,), _ = trained
    assert metrics["eval_accuracy"] == expected["eval_accuracy"]
    assert metrics["eval_per_class"] == expected["eval_per_class"]
    assert metrics["eval_per_class"].keys() == {"neg", "pos"}
    assert "precision  recall     F1  support" in log
    assert "dev.csv: CSV, header" in log


def test_compare_prints_one_object_and_logs_its_verdict(runs, trained):
    (result,), log = runs["compare"]
    (metrics,), _ = trained
    assert result["model"] == result["baseline"] == metrics["eval_accuracy"]
    assert result["mcnemar"] == {"only_model": 0, "only_baseline": 0, "p": 1.0}
    assert log.splitlines()[-1] == result["verdict"]
    assert result["verdict"].startswith("no clear difference between model and model")


def test_predictions_for_a_file_are_in_order(runs):
    predictions, _ = runs["file"]
    assert len(predictions) == len(TEXTS) + 1  # The last text is empty.
    right = [p["label"] == label for p, label in zip(predictions, TEXTS.values())]
    assert sum(right) >= 0.9 * len(TEXTS)
    for prediction in predictions:
        assert list(prediction) == ["label", "scores"]
        assert list(prediction["scores"]) == ["neg", "pos"]
        assert sum(prediction["scores"].values()) == pytest.approx(1, abs=1e-12)


def test_predictions_for_arguments_and_standard_input_are_equal(runs):
    from_arguments, _ = runs["arguments"]
    from_input, _ = runs["input"]
    assert [prediction["label"] for prediction in from_arguments] == ["pos", "neg"]
    assert len(from_input) == 3
    for one, other in zip(from_arguments, from_input):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)


def test_predict_fills_masks(runs):
    predictions, _ = runs["masks"]
    assert [len(prediction["tokens"]) for prediction in predictions] == [1, 2]
    for prediction in predictions:
        for first, second in prediction["tokens"]:
            assert {first["token"], second["token"]} <= set(tiny_folder.VOCAB)
            assert 1 > first["probability"] >= second["probability"] > 0


def test_scripts_that_need_no_fine_tuned_model(home):
    arguments = ("--input_files=texts.jsonl", "--output=learnt.txt", "--vocab_size=150")
    learning = Script("learn_vocabulary.py", *arguments)
    arguments = ("--input_files=texts.jsonl", "--vocab_file=start/vocab.txt")
    storing = Script(
        "create_pretraining_data.py",
        *arguments,
        "--output_dir=store",
        "--num_workers=2",
    )
    arguments = ("--input=start", "--output=tf1", "--format=google")
    (report,), _ = Script("convert_checkpoint.py", *arguments).results()
    (stored,), _ = storing.results()
    assert stored["documents"] == stored["sentences"] == len(TEXTS)
    assert (home / "store/manifest.json").exists()
    (learnt,), _ = learning.results()
    assert (learnt["vocab_size"], learnt["lines"]) == (150, len(TEXTS))
    assert (home / "learnt.txt").read_text().count("\n") == 150
    assert (report["format"], report["architecture"]) == ("google", "BertModel")
    assert report["max_abs_difference"] == 0.0
    assert {file.name for file in (home / "tf1").iterdir()} == {
        *("bert_config.json", "bert_model.ckpt.index", "vocab.txt"),
        *("bert_model.ckpt.data-00000-of-00001", "tokenizer_config.json"),
    }


def test_help_of_finetune_fits_two_screens(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = Script("finetune.py", "--help").end()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) < 100
    assert max(map(len, lines)) <= 100
    assert lines[0] == "Fine-tunes a BERT on labelled text."
    assert lines[2].startswith("python scripts/finetune.py --model=minilm ")
    options, training = (
        lines.index(heading)
        for heading in ("OPTIONS OF SEVERAL TASKS", "TRAINING: LENGTH")
    )
    assert lines[options + 1].startswith("  --max_seq_length=128 ")
    assert "OPTIONS OF QUESTION_ANSWERING" in lines[options:training]
    assert lines[training + 1].startswith("  --num_train_epochs=3.0 ")


def test_bad_input_ends_in_one_line(home):
    before = sorted(home.iterdir())
    bad = {
        "train.csv: which column is the label? There are 'sentence', 'verdict'.": (
            *FINETUNE,
            "--output_dir=out",
        ),
        "output is missing: pass --output=": (
            "convert_checkpoint.py",
            "--input=start",
        ),
    }
    scripts = {error: Script(*command) for error, command in bad.items()}
    for error, script in scripts.items():
        status, out, err = script.end()
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1, err
        assert err.startswith(f"error: {error}")
    assert sorted(home.iterdir()) == before


@pytest.mark.slow  # finetuning_test and start_test cover it without processes.
def test_sigterm_saves_the_state(home):
    script = Script(
        *FINETUNE,
        "--label_column=verdict",
        "--output_dir=stopped",
        "--max_steps=1000000",
        "--save_steps=5",
    )
    deadline = time.monotonic() + 240
    while not (home / "stopped/checkpoints/checkpoint").exists():
        assert script.process.poll() is None, script.end()[2]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    script.process.terminate()
    status, out, err = script.end()
    assert status == 143
    assert out == ""
    assert "stopped by SIGTERM at step" in err.splitlines()[-1]
    assert "the same command goes on from there." in err.splitlines()[-1]
    assert not (home / "stopped/metrics.json").exists()
