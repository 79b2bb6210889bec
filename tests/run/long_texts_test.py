"""Texts longer than the model, and features, with a model of one layer."""

import json
import pathlib

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.predictor import Model
from bert_tf.run.prediction import as_line
from bert_tf.training.loop import TrainConfig

TRAINING = TrainConfig(
    num_train_epochs=100,
    per_device_train_batch_size=4,
    learning_rate=2e-2,
    eval_strategy="no",
)
FILLING = "the film is a film , it is a film , it was ,"
WORDS = {"good": "up", "fine": "up", "bad": "down", "poor": "down"}


def rows():
    """Yields texts and labels; the word that decides is in the middle of its text."""
    for word, label in WORDS.items():
        for times in (1, 2, 3):
            yield f"{FILLING} {word} {' '.join([FILLING] * times)}", label


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        lines = [f"{text}\t{label}\n" for text, label in rows()]
        pathlib.Path("long.tsv").write_text("text\tlabel\n" + "".join(lines))
        yield pathlib.Path.cwd()


def finetune(long_text, **changes):
    config = {
        "model": "start",
        "train_file": "long.tsv",
        "eval_file": "long.tsv",
        "max_seq_length": 14,
        "long_text": long_text,
        "output_dir": long_text,
    }
    return bert_tf.finetune(bert_tf.FinetuneConfig(**config | changes), TRAINING)


@pytest.fixture(scope="module")
def windows():
    return finetune("windows")


class TestClassification:
    def test_windows_see_the_middle_of_a_text(self, windows):
        assert windows["eval_accuracy"] == 1
        assert finetune("head_tail")["eval_accuracy"] < 1

    def test_the_folder_remembers(self, windows):
        config = json.loads(pathlib.Path("windows/config.json").read_text())
        assert config["bert_tf"]["long_text"] == "windows"
        metrics = bert_tf.evaluate(
            bert_tf.EvaluateConfig(model="windows", eval_file="long.tsv")
        )
        assert metrics["eval_loss"] == pytest.approx(windows["eval_loss"], abs=1e-4)
        options = {"model": "windows", "long_text": "truncate"}
        cut = bert_tf.evaluate(bert_tf.EvaluateConfig(eval_file="long.tsv", **options))
        assert abs(cut["eval_loss"] - windows["eval_loss"]) > 1e-3

    @pytest.mark.slow
    def test_the_batch_size_changes_no_prediction(self, windows):
        texts = [text for text, _ in rows()] + ["good", ""]
        one, many = (
            Model("windows", batch_size=size).predict(texts) for size in (1, 64)
        )
        for a, b in zip(one, many):
            assert a["scores"] == pytest.approx(b["scores"], abs=1e-5)
        assert one[0]["label"] == "up"

    def test_a_long_text_that_the_task_does_not_have_is_an_error(self):
        pathlib.Path("words.txt").write_text("good B-up\n\n")
        with pytest.raises(ValueError, match="must be one of windows, truncate; rec"):
            finetune(
                "head_tail",
                task="token_classification",
                train_file="words.txt",
                eval_file="",
                output_dir="no",
            )
        assert not pathlib.Path("no").exists()


class TestFeatures:
    def test_npz_holds_the_predictions(self):
        pathlib.Path("texts.txt").write_text("it was good\n\na film\n")
        options = {"model": "start", "task": "features", "input_file": "texts.txt"}
        config = bert_tf.PredictConfig(
            layers="-1,0", output_file="states.npz", **options
        )
        predictions = bert_tf.predict(config)
        assert [len(prediction["tokens"]) for prediction in predictions] == [5, 2, 4]
        with np.load("states.npz", allow_pickle=False) as arrays:
            np.testing.assert_array_equal(arrays["row_splits"], [0, 5, 7, 11])
            assert arrays["tokens"][:3].tolist() == ["[CLS]", "it", "was"]
            np.testing.assert_array_equal(
                arrays["layer_0"][7:], predictions[2]["layers"]["0"]
            )
        assert not list(pathlib.Path().glob(".states*"))

    def test_as_lines(self):
        (prediction,) = bert_tf.predict(
            bert_tf.PredictConfig(model="start", task="features"), ["a"]
        )
        line = json.loads(as_line(prediction))
        assert np.shape(line["layers"]["-1"]) == (3, 12)

    def test_labels_cannot_be_written_as_arrays(self, windows):
        config = bert_tf.PredictConfig(model="windows", output_file="a.npz")
        with pytest.raises(ValueError, match="no arrays; name output_file a.jsonl"):
            bert_tf.predict(config, ["good"])

    def test_another_ending_is_an_error(self):
        with pytest.raises(ValueError, match="must end in .*txt; received"):
            bert_tf.PredictConfig(model="start", output_file="a.doc")

    def test_predictions_go_to_a_file(self, windows):
        config = bert_tf.PredictConfig(model="windows", output_file="a.jsonl")
        predictions = bert_tf.predict(config, ["good", "bad"])
        lines = pathlib.Path("a.jsonl").read_text().splitlines()
        assert list(map(json.loads, lines)) == predictions
