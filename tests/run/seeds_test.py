"""Several seeds: each run equals a single run, and metrics.json summarises them."""

import dataclasses
import json
import pathlib
import shutil
import signal

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.run import seeds
from bert_tf.tasks.classification import Classification
from bert_tf.training.loop import Stopped, TrainConfig

TRAINING = TrainConfig(max_steps=4, per_device_train_batch_size=5, learning_rate=1e-2)
SEEDED = ("seed_3", "seed_4")


def finetune(seed=3, **changes):
    config = {
        "model": "start",
        "train_file": "data.csv",
        "eval_file": "data.csv",
        "output_dir": "out",
        "max_seq_length": 8,
        "seeds": 2,
    }
    return bert_tf.finetune(
        bert_tf.FinetuneConfig(**config | changes),
        dataclasses.replace(TRAINING, seed=seed),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with `start`, `data.csv`, and `out`, a finished series of two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        rows = [
            f"it {verb} a {word} film,{label}\n"
            for verb in ("is", "was")
            for word, label in (("good", 1), ("bad", 0), ("fine", 1), ("poor", 0))
        ]
        pathlib.Path("data.csv").write_text("text,label\n" + "".join(rows))
        finetune()
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def stand_in(home, monkeypatch):
    monkeypatch.chdir(home)


def weights(path):
    return pathlib.Path(path, "model.safetensors").read_bytes()


def without_speed(metrics):
    return {name: metrics[name] for name in metrics if "per_second" not in name}


def test_each_run_equals_a_single_run():
    alone = finetune(seed=4, seeds=1, output_dir="alone")
    assert weights("out/seed_4") == weights("alone")
    assert weights("out/seed_3") != weights("alone")
    metrics = json.loads(pathlib.Path("out/seed_4/metrics.json").read_text())
    assert without_speed(metrics) == without_speed(alone)


def test_metrics_sum_up_the_runs():
    metrics = json.loads(pathlib.Path("out/metrics.json").read_text())
    assert metrics["runs"] == list(SEEDED)
    each = [
        json.loads(pathlib.Path("out", name, "metrics.json").read_text())
        for name in SEEDED
    ]
    losses = [run_metrics["eval_loss"] for run_metrics in each]
    summary = metrics["eval_loss"]
    assert summary["values"] == losses
    assert summary["mean"] == pytest.approx(sum(losses) / 2)
    # The deviation of two values is their distance / sqrt(2); t is 12.7062.
    distance = abs(losses[0] - losses[1])
    assert summary["standard_deviation"] == pytest.approx(distance / 2**0.5)
    low, high = summary["interval_95"]
    assert high - low == pytest.approx(12.7062 * distance, rel=1e-5)
    accuracies = [run_metrics["eval_accuracy"] for run_metrics in each]
    assert metrics["best_run"] == SEEDED[int(np.argmax(accuracies))]
    assert "eval_confusion_matrix" not in metrics


def test_a_finished_series_is_not_run_again(caplog):
    before = pathlib.Path("out/metrics.json").stat().st_mtime_ns
    assert finetune() == json.loads(pathlib.Path("out/metrics.json").read_text())
    assert "out is finished already" in caplog.text
    assert pathlib.Path("out/metrics.json").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="seeds was '2', is '3'"):
        finetune(seeds=3)


@pytest.mark.slow  # Three runs.
def test_an_interrupted_series_is_resumed(monkeypatch, caplog):
    shutil.copytree("out", "again")
    pathlib.Path("again/metrics.json").unlink()
    shutil.rmtree("again/seed_4")
    score = Classification.score

    def stop(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Classification, "score", stop)
        with pytest.raises(Stopped):
            finetune(output_dir="again")
    metrics = finetune(output_dir="again")
    assert "again/seed_3 is finished already" in caplog.text
    assert "going on with the run in again/seed_4" in caplog.text
    expected = json.loads(pathlib.Path("out/metrics.json").read_text())
    assert without_speed(metrics) == without_speed(expected)
    assert weights("again/seed_4") == weights("out/seed_4")


def test_bad_input_leaves_nothing_behind():
    with pytest.raises(FileNotFoundError, match="dta.csv: no such file"):
        finetune(train_file="dta.csv", output_dir="never")
    assert not pathlib.Path("never").exists()
    with pytest.raises(ValueError, match="seeds must be at least 1; received 0"):
        finetune(seeds=0)


def test_the_first_of_equals_is_best():
    runs = {
        "seed_1": {"eval_accuracy": 0.5},
        "seed_2": {"eval_accuracy": 0.75},
        "seed_3": {"eval_accuracy": 0.75},
    }
    summary = seeds.summarise(runs, "eval_accuracy")
    assert summary["best_run"] == "seed_2"
    assert "best_run" not in seeds.summarise(
        {name: {"train_loss": 0.5} for name in runs}, "eval_accuracy"
    )


def test_folders_of_a_series_and_of_one_run():
    assert seeds.run_folders("out") == ["out/seed_3", "out/seed_4"]
    assert seeds.run_folders("./out/seed_3") == ["./out/seed_3"]
    assert seeds.run_folders("minilm") == ["minilm"]


def test_a_worker_that_does_not_write_summarises_too(tmp_path):
    def stand_in(config, training):
        return {"eval_accuracy": float(training.seed)}

    config = bert_tf.FinetuneConfig(
        model="start", train_file="data.csv", output_dir=str(tmp_path / "out"), seeds=2
    )
    training = dataclasses.replace(TRAINING, seed=3)
    options = {"flags": {}, "metric": "eval_accuracy", "writes": False}
    metrics = seeds.run(stand_in, config, training, **options)
    assert metrics["eval_accuracy"]["values"] == [3.0, 4.0]
    assert not (tmp_path / "out").exists()
