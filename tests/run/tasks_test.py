"""Training, evaluation and prediction of tasks on whole texts, with one layer."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
import tiny_folder
import tiny_tfds

import bert_tf
from bert_tf.checkpoints import folder
from bert_tf.training.loop import TrainConfig
from bert_tf.training.tensorflow import engine

TRAINING = TrainConfig(
    num_train_epochs=8,
    per_device_train_batch_size=4,
    learning_rate=2e-2,
    eval_strategy="steps",
    eval_steps=20,
)
BEGINS = ("the film is", "it was", "a very", "film :", "is it")
ENDS = {"good .": 5.0, "fine": 4.0, "poor": 0.5, "bad ,": 0.0}


def finetune(training=TRAINING, **changes):
    config = {"model": "start", "max_seq_length": 16, "output_dir": "out"}
    return bert_tf.finetune(bert_tf.FinetuneConfig(**config | changes), training)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        yield pathlib.Path.cwd()


@pytest.fixture(scope="module")
def regression():
    lines = [
        f"main-news\tMSRvid\t2012\t7\t{score}\t{begin}\t{end}\n"
        for begin in BEGINS
        for end, score in ENDS.items()
    ]
    pathlib.Path("sts.csv").write_text("".join(lines))
    return finetune(
        dataclasses.replace(TRAINING, num_train_epochs=16),
        task="regression",
        train_file="sts.csv",
        eval_file="sts.csv",
        output_dir="r",
    )


class TestRegression:
    def test_learns(self, regression):
        assert regression["eval_pearson"] > 0.9
        assert 0 < regression["eval_mse"] < 1  # The variance of the scores is 4.8.
        assert regression["eval_loss"] == regression["eval_mse"]
        evaluated = [
            json.loads(line)
            for line in pathlib.Path("r/metrics.jsonl").read_text().splitlines()
            if "eval_pearson" in line
        ]
        assert regression["eval_pearson"] == max(e["eval_pearson"] for e in evaluated)

    def test_transformers_reads_the_task_from_the_folder(self, regression):
        config = json.loads(pathlib.Path("r/config.json").read_text())
        assert config["problem_type"] == "regression"
        assert config["id2label"] == {"0": "LABEL_0"}
        assert config["architectures"] == ["BertForSequenceClassification"]
        assert "task" in config["bert_tf"]
        card = pathlib.Path("r/README.md").read_text()
        assert "pipeline_tag: text-classification\n" in card
        assert "| pearson | " in card

    def test_evaluates_and_predicts(self, regression):
        config = bert_tf.EvaluateConfig(model="r", eval_file="sts.csv")
        scores = bert_tf.evaluate(config)
        assert scores == pytest.approx(
            {k: v for k, v in regression.items() if k.startswith("eval_")}, abs=1e-5
        )
        good, bad = bert_tf.predict(
            bert_tf.PredictConfig(model="r"), ["it was\tgood .", "a\tbad ,"]
        )
        assert good.keys() == bad.keys() == {"score"}
        assert good["score"] > bad["score"] + 2

    def test_a_label_that_is_no_number_is_an_error(self):
        pathlib.Path("words.tsv").write_text("text\tlabel\na\t1\nthe\tgood\n")
        with pytest.raises(ValueError, match=r"words.tsv, line 3: .* received 'good'"):
            finetune(task="regression", train_file="words.tsv")
        assert not pathlib.Path("out").exists()


def write_tagged(name, form):
    rows = []
    for begin in BEGINS:
        for end, score in ENDS.items():
            labels = ["good"] * (score > 3) + ["strong"] * (score in (0, 5))
            rows.append(f"{begin} {end}\t{form(labels)}\n")
    pathlib.Path(name).write_text("review\tlabels\n" + "".join(rows))


@pytest.fixture(scope="module")
def multi_label():
    # Two labels: is the text positive, and is it strong.
    write_tagged("train.tsv", lambda labels: "|".join(labels))
    return finetune(
        task="multi_label",
        train_file="train.tsv",
        eval_file="train.tsv",
        output_dir="m",
    )


class TestMultiLabel:
    def test_learns_with_a_threshold(self, multi_label):
        assert multi_label["eval_micro_f1"] > 0.9
        assert multi_label["eval_per_class"]["good"]["support"] == 10
        assert multi_label["eval_per_class"]["strong"]["support"] == 10
        assert 0 < multi_label["eval_threshold"] < 1

    def test_the_folder_remembers(self, multi_label):
        model = folder.read("m")
        assert model.settings == {
            "task": "multi_label",
            "columns": {"text": "review", "label": "labels", "label_separator": "|"},
            "max_seq_length": 16,
            "threshold": multi_label["eval_threshold"],
            "long_text": "truncate",
            "label_separator": "",
        }
        assert model.config.extra["problem_type"] == "multi_label_classification"
        assert model.config.extra["id2label"] == {"0": "good", "1": "strong"}

    def test_evaluates_with_the_threshold_of_training(self, multi_label):
        scores = bert_tf.evaluate(
            bert_tf.EvaluateConfig(model="m", eval_file="train.tsv")
        )
        assert scores["eval_micro_f1"] == multi_label["eval_micro_f1"]
        # It is kept for other data, for which another threshold is better.
        write_tagged("none.tsv", lambda labels: "")
        scores = bert_tf.evaluate(
            bert_tf.EvaluateConfig(model="m", eval_file="none.tsv")
        )
        assert scores["eval_threshold"] == multi_label["eval_threshold"]
        assert scores["eval_micro_f1"] == 0.0

    def test_predicts(self, multi_label):
        texts = ["film : good .", "it was bad ,", "the film is poor"]
        predictions = bert_tf.predict(bert_tf.PredictConfig(model="m"), texts)
        for prediction in predictions:
            assert list(prediction) == ["labels", "scores"]
            assert prediction["labels"] == [
                label
                for label, probability in prediction["scores"].items()
                if probability >= multi_label["eval_threshold"]
            ]
        assert [p["labels"] for p in predictions] == [
            ["good", "strong"],
            ["strong"],
            [],
        ]

    def test_one_column_for_each_label(self):
        rows = "".join(
            f"{begin} {end}\t{int(score > 3)}\t0\n"
            for begin in BEGINS
            for end, score in ENDS.items()
        )
        pathlib.Path("marks.tsv").write_text("text\tgood\trude\n" + rows)
        metrics = finetune(
            TrainConfig(max_steps=2),
            task="multi_label",
            train_file="marks.tsv",
            eval_file="marks.tsv",
            label_column="good,rude",
            output_dir="c",
        )
        assert metrics["eval_per_class"]["rude"]["support"] == 0
        columns = folder.read("c").settings["columns"]
        assert columns == {"text": "text", "label": ["good", "rude"]}
        scores = bert_tf.evaluate(
            bert_tf.EvaluateConfig(model="c", eval_file="marks.tsv")
        )
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-6)


class TestClassificationOptions:
    @pytest.fixture(autouse=True)
    def table(self):
        rows = [
            f"{begin} {end}\t{'no' if score < 3 else 'yes'}\n"
            for begin in BEGINS
            for end, score in ENDS.items()
        ][:-3]
        pathlib.Path("few.tsv").write_text("text\tlabel\n" + "".join(rows))

    def test_reach_the_task(self, monkeypatch):
        class Started(Exception):
            pass

        def start(model, task, *_, **__):
            raise Started(task)

        monkeypatch.setattr(engine, "Engine", start)
        with pytest.raises(Started) as caught:
            finetune(
                train_file="few.tsv",
                output_dir="options",
                class_weights="balanced",
                label_smoothing=0.1,
            )
        (task,) = caught.value.args
        assert task.labels == ["no", "yes"]  # 8 and 9 of them.
        assert task.class_weights == pytest.approx([17 / 16, 17 / 18])
        assert task.options.label_smoothing == 0.1

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"class_weights": "yess=2"}, "names 'yess', which is not a label of the"),
            ({"label_smoothing": 1.0}, "label_smoothing must be in [0, 1); received 1"),
            (
                {"label_smoothing": 0.1, "task": "regression"},
                "label_smoothing is not an option of regression; received 0.1. Drop",
            ),
            (
                {"class_weights": "balanced", "task": "multi_label"},
                "class_weights is not an option of multi_label; received 'balanced'.",
            ),
            (
                {"label_separator": "|"},
                "label_separator is not an option of classification; received '|'.",
            ),
            ({"tfds": "glue/sst2"}, "either from tfds ('glue/sst2') or from files"),
            ({"eval_fraction": 1.5}, "eval_fraction must be in (0, 1); received 1.5"),
            (
                {"eval_fraction": 0.1, "eval_file": "few.tsv"},
                "eval_fraction holds out a part of train_file; drop eval_file",
            ),
        ],
    )
    def test_errors_come_before_anything_is_written(self, options, says):
        with pytest.raises(ValueError) as caught:
            finetune(train_file="few.tsv", **options)
        assert says in str(caught.value)
        assert not pathlib.Path("out").exists()


def test_tfds_instead_of_files(home):
    examples = [
        {"sentence": f"{begin} {end}", "label": int(score > 3)}
        for begin in BEGINS
        for end, score in ENDS.items()
    ]
    tiny_tfds.write(
        home / "tfds",
        "films",
        {
            "sentence": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["bad", "good"]),
        },
        train=examples,
        validation=examples[:8],
    )
    metrics = finetune(
        TrainConfig(max_steps=2),
        tfds="films",
        tfds_data_dir="tfds",
        output_dir="t",
    )
    assert metrics["train_examples"] == 20
    assert np.sum(metrics["eval_confusion_matrix"]) == 8
    (prediction,) = bert_tf.Model("t").predict(["it was good ."])
    assert list(prediction["scores"]) == ["bad", "good"]
    # The features of the data set are the columns of a file.
    pathlib.Path("films.tsv").write_text(
        "sentence\tlabel\n"
        + "".join(
            f"{e['sentence']}\t{e['label'] and 'good' or 'bad'}\n" for e in examples[:8]
        )
    )
    scores = bert_tf.evaluate(bert_tf.EvaluateConfig(model="t", eval_file="films.tsv"))
    assert scores["eval_confusion_matrix"] == metrics["eval_confusion_matrix"]
