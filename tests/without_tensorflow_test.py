"""Models and tasks need no TensorFlow: under JAX they import, learn, predict and score."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny
import tiny_folder
import tiny_tasks

from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.serving.parity import leaves
from bert_tf.tasks import TASKS
from bert_tf.tokenization import BertTokenizer

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def reports():
    """{task: report} of a process in which TensorFlow cannot be imported."""
    pytest.importorskip("jax", reason="pip install -e '.[jax]'")
    pytest.importorskip("tokenizers", reason="pip install -e '.[jax]'")
    done = subprocess.run(
        [sys.executable, HERE / "without_tensorflow.py"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_task_is_tried():
    assert tiny_tasks.RECORDS.keys() == TASKS.keys()


SCORED = [name for name in TASKS if TASKS[name].scored]


@pytest.mark.parametrize("name", [*SCORED, "pretraining"])
def test_losses_fall(name, reports):
    losses = reports[name]["losses"]
    assert np.isfinite(losses).all() and np.all(np.diff(losses) < 0)


def test_pretraining_is_scored(reports):
    scores = reports["pretraining"]["scores"]
    assert 0 <= scores["masked_lm_accuracy"] <= 1
    assert np.log(2) / 2 < scores["next_sentence_loss"] < scores["masked_lm_loss"]


@pytest.mark.parametrize("name", [n for n in TASKS if not TASKS[n].decodes])
def test_predictions_equal_those_of_tensorflow(name, reports):
    keep = name == "fill_mask"
    tokenizer = BertTokenizer(tiny_folder.VOCAB, keep_special_tokens=keep)
    task = tiny_tasks.make_task(name, tokenizer, max_seq_length=16)
    columns = task.columns(tiny_tasks.make_table(name))
    examples = task.examples(columns)
    rows = pack(task.features(task.inputs(examples)))
    model = tiny.fill(task.build(BertBackbone(tiny_folder.CONFIG)), 5)
    outputs = {name: x.numpy() for name, x in task.named(model(rows)).items()}
    expected = task.predict(task.collect(columns, examples, outputs), columns)
    received = reports[name]["predictions"]
    assert len(received) == len(tiny_tasks.RECORDS[name])
    (words, numbers), (their_words, their_numbers) = map(leaves, (received, expected))
    assert words == their_words
    np.testing.assert_allclose(numbers, their_numbers, atol=1e-5)
