"""Choices: pairs, logits, predictions and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.multiple_choice import MultipleChoice

RECORDS = [
    {"text": "7", "choices": ["8", "9 10", "11"], "label": 2},
    {"text": "12 13", "choices": ["14", "15", "16"], "label": 0},
]


@pytest.fixture
def task():
    return MultipleChoice(tiny.Tokenizer(), MultipleChoice.Options(max_seq_length=9))


@pytest.fixture
def columns(task):
    return task.columns(Table("a.jsonl", RECORDS, [1, 2], {}, ""))


def test_the_class_in_config_json_tells_the_task():
    assert TASKS["multiple_choice"] is MultipleChoice
    config = BertConfig(extra={"architectures": ["BertForMultipleChoice"]})
    assert task_of(config, {}) == "multiple_choice"


def test_each_choice_makes_a_pair(task, columns):
    example = task.features({n: tf.constant(c) for n, c in columns.items()})
    cls, sep = tiny.CLS, tiny.SEP
    assert example["input_ids"].to_list() == [
        [cls, 7, sep, 8, sep],
        [cls, 7, sep, 9, 10, sep],
        [cls, 7, sep, 11, sep],
        [cls, 12, 13, sep, 14, sep],
        [cls, 12, 13, sep, 15, sep],
        [cls, 12, 13, sep, 16, sep],
    ]
    assert example["label"].numpy().tolist() == [2, 0]
    assert example["choices"].numpy().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_the_model_returns_a_row_of_logits_for_each_question(task, columns):
    rows = pack(task.features({n: tf.constant(c) for n, c in columns.items()}))
    model = task.build(tiny.backbone())
    logits = model(rows)["logits"].numpy()
    assert logits.shape == (2, 3)
    pooled = model.backbone(rows)["pooled_output"].numpy()
    expected = pooled @ model.classifier.kernel.numpy() + model.classifier.bias.numpy()
    np.testing.assert_allclose(logits.ravel(), expected.ravel(), atol=1e-5)
    weights = task.weights(rows)["multiple_choice"]
    assert weights.numpy().tolist() == [1, 1]
    outputs = {"logits": tf.constant(logits)}
    losses = task.losses(rows, outputs)["multiple_choice"].numpy()
    expected = np.log(np.exp(logits).sum(-1)) - logits[[0, 1], [2, 0]]
    np.testing.assert_allclose(losses, expected, atol=1e-5)


def test_predictions_and_scores(task, columns):
    outputs = {"logits": np.log([[1, 2, 5], [2, 7, 1]])}
    first, second = task.predict(outputs, columns)
    assert first["choice"] == "11"
    np.testing.assert_allclose(first["scores"], [1 / 8, 2 / 8, 5 / 8])
    assert second["choice"] == "15"
    scores = task.score(columns, outputs)
    assert scores["accuracy"] == 0.5
    assert scores["loss"] == pytest.approx(-(np.log(5 / 8) + np.log(0.2)) / 2)
    assert task.hits(columns, outputs).tolist() == [1, 0]
