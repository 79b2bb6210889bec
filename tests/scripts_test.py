"""The scripts as a user runs them: a process each, JSON on stdout, words on stderr.

Each process takes seconds to import TensorFlow, so few are started, those that do not
wait for one another at once; what needs no process is in run/ and start_test.
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
    """A script that runs."""

    def __init__(self, name, *arguments):
        # As in a user's shell: what silences TensorFlow in tests is not set there.
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

    def answer(self, text=b""):
        """Returns the JSON objects on stdout, and stderr, of a script that goes well."""
        status, out, err = self.end(text)
        assert status == 0, err
        assert not [word for word in CHATTER if word in err]
        return [json.loads(line) for line in out.splitlines()], err


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder in which all scripts run: a model to start from, and data."""
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
    """What finetune.py printed and said; the folder is `model`."""
    return Script(
        *FINETUNE,
        "--eval_file=dev.csv",
        "--text_column=sentence",
        "--label_column=verdict",
        "--output_dir=model",
        "--num_train_epochs=8",
        "--per_device_train_batch_size=4",
        "--learning_rate=2e-2",
    ).answer()


@pytest.fixture(scope="module")
def runs(trained):
    """Scripts that use the model, all at once."""
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
        name: script.answer(lines if name == "input" else b"")
        for name, script in scripts.items()
    }


def test_finetune_prints_its_metrics_and_writes_the_folder(trained, home):
    (metrics,), said = trained
    assert metrics == json.loads((home / "model/metrics.json").read_text())
    assert 0.9 < metrics["eval_accuracy"] <= 1
    assert "train.csv: CSV, header; text = 'sentence', label = 'verdict'; 15" in said
    assert {
        file.name for file in (home / "model").iterdir()
    } == tiny_folder.FINETUNED_FILES


def test_evaluate_prints_one_object_that_agrees(runs, trained):
    (metrics,), said = runs["evaluate"]
    (of_training,), _ = trained
    assert metrics["eval_accuracy"] == of_training["eval_accuracy"]
    assert metrics["eval_confusion_matrix"] == of_training["eval_confusion_matrix"]
    assert metrics["eval_per_class"].keys() == {"neg", "pos"}
    assert "dev.csv: CSV, header" in said


def test_compare_prints_one_object_and_says_its_verdict(runs, trained):
    (result,), said = runs["compare"]
    (metrics,), _ = trained
    assert result["model"] == result["baseline"] == metrics["eval_accuracy"]
    assert result["mcnemar"] == {"only_model": 0, "only_baseline": 0, "p": 1.0}
    assert said.splitlines()[-1] == result["verdict"]
    assert result["verdict"].startswith("no clear difference between model and model")


def test_predict_answers_a_file_in_order(runs):
    answers, _ = runs["file"]
    assert len(answers) == len(TEXTS) + 1  # The last is empty, and answered.
    right = [a["label"] == label for a, label in zip(answers, TEXTS.values())]
    assert sum(right) >= 0.9 * len(TEXTS)
    for answer in answers:
        assert list(answer) == ["label", "scores"]
        assert list(answer["scores"]) == ["neg", "pos"]
        assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-12)


def test_predict_answers_arguments_and_standard_input_alike(runs):
    from_arguments, _ = runs["arguments"]
    from_input, _ = runs["input"]
    assert [answer["label"] for answer in from_arguments] == ["pos", "neg"]
    assert len(from_input) == 3
    for one, other in zip(from_arguments, from_input):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)


def test_predict_fills_masks(runs):
    answers, _ = runs["masks"]
    assert [len(answer["tokens"]) for answer in answers] == [1, 2]
    for guesses in (of_mask for answer in answers for of_mask in answer["tokens"]):
        assert {guess["token"] for guess in guesses} <= set(tiny_folder.VOCAB)
        assert 1 > guesses[0]["probability"] >= guesses[1]["probability"] > 0


def test_what_needs_no_fine_tuned_model(home):
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
    (said,), _ = Script("convert_checkpoint.py", *arguments).answer()
    (stored,), _ = storing.answer()
    assert stored["documents"] == stored["sentences"] == len(TEXTS)
    assert (home / "store/manifest.json").exists()
    (learnt,), _ = learning.answer()
    assert (learnt["vocab_size"], learnt["lines"]) == (150, len(TEXTS))
    assert (home / "learnt.txt").read_text().count("\n") == 150
    assert (said["format"], said["architecture"]) == ("google", "BertModel")
    assert said["max_abs_difference"] == 0.0
    assert {file.name for file in (home / "tf1").iterdir()} == {
        *("bert_config.json", "bert_model.ckpt.index", "vocab.txt"),
        *("bert_model.ckpt.data-00000-of-00001", "tokenizer_config.json"),
    }


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
    scripts = {says: Script(*command) for says, command in bad.items()}
    for says, script in scripts.items():
        status, out, err = script.end()
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1, err
        assert err.startswith(f"error: {says}")
    assert sorted(home.iterdir()) == before


@pytest.mark.slow  # Without the processes, finetuning_test and start_test have it.
def test_sigterm_saves_and_says_how_to_go_on(home):
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
