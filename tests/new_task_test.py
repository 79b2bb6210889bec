"""A task of the user's own, in one file: it trains, evaluates, predicts, compares and exports.

Ordinal regression: K ordered labels (Frank and Hall, 2001, by K - 1 questions "is the label
above level k?"). Nothing of bert_tf knows of it but the two tables that it is entered in.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_folder
from keras import ops
from scipy import special

import bert_tf
from bert_tf.models.finetuning import Classifier
from bert_tf.run.comparison import CompareConfig, compare
from bert_tf.serving import adapters
from bert_tf.tasks import TASKS
from bert_tf.tasks.base import Task
from bert_tf.tasks.labels import in_order, label_ids
from bert_tf.tasks.options import TextOptions, option
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns

TRAINING = bert_tf.TrainConfig(
    num_train_epochs=30,
    per_device_train_batch_size=4,
    learning_rate=2e-2,
    eval_strategy="steps",
    eval_steps=20,
)
BEGINS = ("the film is", "it was", "a very", "film :", "is it")
STARS = {"bad ,": "1", "poor": "2", "fine": "3", "good .": "4"}


class Ordinal(Task):
    """Ordered labels: the model answers for each level whether the label is above it."""

    name = "ordinal"
    metric = "exact"
    has_labels = True
    label_type = str

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        top_weight: float = option(1.0, "Weight of the highest level in the loss.")

    @classmethod
    def learn(cls, tokenizer, table, options):
        labels = in_order({record["label"] for record in table.records})
        return cls(tokenizer, options, labels=labels)

    def columns(self, table):
        columns = text_columns(table)
        if is_labelled(table):
            names = [[record["label"]] for record in table.records]
            ids = label_ids(table, names, self.labels)
            columns["label"] = np.array(ids, np.int32)[:, 0]
        return columns

    def build(self, backbone):
        return Classifier(backbone, len(self.labels) - 1)

    def weights(self, rows):
        return {"ordinal": example_weights(rows)}

    def losses(self, rows, outputs):
        levels = ops.arange(len(self.labels) - 1)
        above = ops.cast(rows["label"][:, None] > levels, "float32")  # [B, K - 1]
        weights = np.ones(len(self.labels) - 1, np.float32)
        weights[-1] = self.options.top_weight
        losses = keras.losses.binary_crossentropy(
            above[:, :, None], outputs["logits"][:, :, None], from_logits=True
        )
        return {"ordinal": ops.mean(losses * weights, axis=-1)}

    def predict(self, outputs, columns):
        ranks = special.expit(outputs["logits"]).sum(axis=-1).tolist()
        return [
            {"level": self.labels[level], "rank": rank}
            for level, rank in zip(self._levels(outputs), ranks)
        ]

    def hits(self, columns, outputs):
        return (columns["label"] == self._levels(outputs)).astype(float)

    def score(self, columns, outputs):
        apart = np.abs(columns["label"] - self._levels(outputs))
        return {
            "exact": float(self.hits(columns, outputs).mean()),
            "within_one": float((apart <= 1).mean()),
        }

    def _levels(self, outputs):
        return (special.expit(outputs["logits"]) > 0.5).sum(axis=-1)


def serve(task, named):
    levels = tf.reduce_sum(tf.cast(named["logits"] > 0, tf.int32), axis=-1)
    ranks = tf.reduce_sum(tf.sigmoid(named["logits"]), axis=-1)
    return {"level": tf.gather(tf.constant(task.labels), levels), "rank": ranks}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        patch.setitem(TASKS, Ordinal.name, Ordinal)
        patch.setitem(adapters.ADAPTERS, Ordinal.name, adapters.Adapter(serve))
        tiny_folder.write("start")
        rows = [f"{b} {e}\t{star}\n" for b in BEGINS for e, star in STARS.items()]
        pathlib.Path("stars.tsv").write_text("text\tlabel\n" + "".join(rows))
        yield


def train(output_dir, **options):
    return bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model="start",
            task="ordinal",
            train_file="stars.tsv",
            eval_file="stars.tsv",
            output_dir=output_dir,
            max_seq_length=16,
            **options,
        ),
        TRAINING,
    )


@pytest.fixture(scope="module")
def metrics(home):
    return train("model")


def test_it_learns_and_is_scored(metrics):
    assert metrics["eval_exact"] > 0.8
    assert metrics["eval_within_one"] == 1
    again = bert_tf.evaluate(
        bert_tf.EvaluateConfig(model="model", eval_file="stars.tsv")
    )
    assert again["eval_exact"] == metrics["eval_exact"]


def test_the_folder_remembers_it(metrics):
    settings = json.loads(pathlib.Path("model/config.json").read_text())["bert_tf"]
    assert settings["task"] == "ordinal"
    assert settings["top_weight"] == 1.0
    assert settings["max_seq_length"] == 16
    model = bert_tf.Model("model")
    assert type(model.task) is Ordinal
    assert model.task.labels == ["1", "2", "3", "4"]


def test_it_predicts(metrics):
    config = bert_tf.PredictConfig(model="model")
    predictions = bert_tf.predict(config, ["the film is bad ,", "it was good ."])
    assert [prediction["level"] for prediction in predictions] == ["1", "4"]
    assert predictions[0]["rank"] < 1 and predictions[1]["rank"] > 2


def test_its_models_are_compared(metrics):
    train("other", top_weight=2.0)
    result = compare(
        CompareConfig(
            model="model", baseline="other", eval_file="stars.tsv", resamples=100
        )
    )
    assert result["metric"] == "exact"
    assert result["model"] == metrics["eval_exact"]
    assert result["mcnemar"].keys() == {"only_model", "only_baseline", "p"}
    assert result["examples"] == len(BEGINS) * len(STARS)


def test_its_options_are_its_own():
    with pytest.raises(ValueError, match="top_weight is not an option of regression"):
        bert_tf.FinetuneConfig(
            model="start",
            task="regression",
            train_file="stars.tsv",
            output_dir="none",
            top_weight=1.0,
        )


@pytest.mark.slow
def test_it_is_exported(metrics):
    report = bert_tf.export(bert_tf.ExportConfig(model="model", output_dir="served/1"))
    assert report["agreement"] == 1.0
    program = """
import sys, tensorflow as tf, tensorflow_text
served = tf.saved_model.load("served/1").signatures["serving_default"]
print(served(text=tf.constant(["it was good .", "a very bad ,"]))["level"].numpy())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[b'4' b'1']"
