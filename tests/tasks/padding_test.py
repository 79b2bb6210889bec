"""Padding of packed rows changes no loss, no gradient and no prediction."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_folder
import tiny_tasks

from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.serving.parity import leaves
from bert_tf.tasks import TASKS
from bert_tf.tokenization.on_host import HostTokenizer

CASES = [
    *((name, {}) for name in TASKS),
    ("classification", {"long_text": "windows"}),
    ("classification", {"class_weights": "balanced", "label_smoothing": 0.1}),
    ("multiple_choice", {"long_text": "windows"}),
    ("reranking", {"long_text": "windows"}),
    *(("similarity", {"pooling": pooling}) for pooling in ("cls", "max")),
    ("similarity", {"long_text": "windows", "similarity_loss": "negatives"}),
]


@pytest.fixture(scope="module")
def backbone():
    return tiny.fill(BertBackbone(tiny_folder.CONFIG), 5)


def learn(model, task, rows):
    """Returns the losses as an engine divides them, and the gradients of their sum."""
    with tf.GradientTape() as tape:
        losses = task.losses(rows, task.named(model(rows)))
        weights = task.weights(rows)
        assert all(losses[term].shape == weights[term].shape for term in losses)
        terms = [
            tf.reduce_sum(losses[term] * weights[term]) / tf.reduce_sum(weights[term])
            for term in losses
        ]
        loss = tf.add_n(terms)
    gradients = tape.gradient(loss, model.trainable_variables)
    dense = [tf.convert_to_tensor(g).numpy() for g in gradients if g is not None]
    assert dense
    return terms + dense


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_padding(name, options, backbone):
    tokenizer = HostTokenizer(
        tiny_folder.VOCAB, keep_special_tokens=name == "fill_mask"
    )
    task = tiny_tasks.make_task(name, tokenizer, max_seq_length=14, **options)
    columns = task.columns(tiny_tasks.make_table(name))
    examples = task.examples(columns)
    rows = pack(task.features(task.inputs(examples)))
    padded = tiny_tasks.pad(rows)
    assert len(padded["first_token"]) == 2 * len(rows["first_token"])
    model = tiny.fill(task.build(backbone), 5)
    if task.scored:
        received, expected = (learn(model, task, x) for x in (padded, rows))
        for ours, theirs in zip(received, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-6)
    if task.decodes:  # Predictions come from TensorFlow's rows, which are not padded.
        return

    def predict(rows):
        outputs = {n: x.numpy() for n, x in task.named(model(rows)).items()}
        count = task.count(examples)
        outputs = {n: x[:count] for n, x in outputs.items()}
        return task.predict(task.collect(columns, examples, outputs), columns)

    (words, numbers), (same_words, same_numbers) = map(
        leaves, (predict(padded), predict(rows))
    )
    assert words == same_words
    np.testing.assert_allclose(numbers, same_numbers, atol=2e-6)
