"""Importance is the derivative by gates, per example, and does not depend on packing."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_folder
import tiny_tasks

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.compression.importance import importance
from bert_tf.models.backbone import BertBackbone, as_rows
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks import TASKS
from bert_tf.tokenization import make_tokenizer

TEXTS = [[2, 7, 11, 5, 3], [2, 13, 3], [2, 41, 17, 3]]
LABELS = [1, 4, 0]


@pytest.fixture(scope="module")
def model():
    return tiny.classifier(seed=5)


def padded(texts, labels):
    """Returns rows of one example each."""
    length = max(map(len, texts))
    ids = np.array([text + [0] * (length - len(text)) for text in texts])
    rows = as_rows({"input_ids": ids, "input_mask": ids > 0})
    return rows | {"label": tf.constant(labels, tf.int32)}


def packed():
    """Returns two rows, of which the first holds two examples."""
    return {
        "input_ids": tf.constant([TEXTS[0] + TEXTS[1], TEXTS[2] + [0] * 4]),
        "segment_ids": tf.zeros([2, 8], tf.int32),
        "position_ids": tf.constant(
            [[0, 1, 2, 3, 4, 0, 1, 2], [0, 1, 2, 3, 0, 0, 0, 0]]
        ),
        "sequence_ids": tf.constant(
            [[1, 1, 1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 0, 0, 0, 0]]
        ),
        "first_token": tf.constant([0, 5, 8]),
        "label": tf.constant(LABELS, tf.int32),
    }


def loss_without(model, path, rows, scale, example):
    """Returns the loss of one example if rows of a kernel are multiplied."""
    (kernel,) = [w for w in model.weights if w.path.endswith(path)]
    old = kernel.numpy()
    new = old.copy()
    new[rows] *= scale
    kernel.assign(new)
    logits = model(padded([TEXTS[example]], [LABELS[example]]), training=False).numpy()
    kernel.assign(old)
    logits = logits.astype(np.float64)[0]
    return np.log(np.exp(logits).sum()) - logits[LABELS[example]]


def test_scores_are_differences_of_the_loss(model):
    """The derivative by a gate, which scales what enters the next dense layer."""
    heads, units = importance(model, tiny.task(), [packed()], 1)
    assert [len(x) for x in heads] == [3, 3]
    assert [len(x) for x in units] == [29, 29]
    step = 1e-2

    def derivative(path, rows):
        return sum(
            abs(
                loss_without(model, path, rows, 1 + step, example)
                - loss_without(model, path, rows, 1 - step, example)
            )
            / (2 * step)
            for example in range(3)
        )

    for number in range(2):
        scope = f"bert/encoder/layer_{number}"
        expected = [
            derivative(
                f"{scope}/attention/output/dense/kernel", slice(7 * n, 7 * n + 7)
            )
            for n in range(3)
        ]
        np.testing.assert_allclose(
            heads[number], expected / np.linalg.norm(expected), rtol=2e-2, atol=2e-3
        )
        few = [0, 8, 28]
        expected = [derivative(f"{scope}/output/dense/kernel", n) for n in few]
        np.testing.assert_allclose(
            units[number][few] / np.linalg.norm(units[number][few]),
            expected / np.linalg.norm(expected),
            rtol=2e-2,
            atol=2e-3,
        )


def test_packed_rows_rank_as_single_examples(model):
    together = importance(model, tiny.task(), [packed()], 1)
    apart = importance(
        model,
        tiny.task(),
        [padded([text], [label]) for text, label in zip(TEXTS, LABELS)],
        3,
    )
    for ours, theirs in zip(together, apart):
        for layer, expected in zip(ours, theirs):
            np.testing.assert_allclose(layer, expected, rtol=1e-4, atol=1e-6)
            assert np.linalg.norm(layer) == pytest.approx(1)


def test_examples_do_not_cancel_each_other(model):
    """|a| + |b|, not |a + b|: the same text with two labels has opposite derivatives."""
    texts, labels = [TEXTS[0], TEXTS[0]], [1, 4]
    both = importance(model, tiny.task(), [padded(texts, labels)], 1)
    alone = [
        importance(model, tiny.task(), [padded(texts[:1], [label])], 1)
        for label in labels
    ]
    # Normalised, the sum lies between the two in direction.
    for kind in range(2):
        for number in range(2):
            basis = np.stack([scores[kind][number] for scores in alone], axis=1)
            factors, *_ = np.linalg.lstsq(basis, both[kind][number], rcond=None)
            assert (factors > 0).all()
            np.testing.assert_allclose(basis @ factors, both[kind][number], atol=1e-5)


def test_what_has_no_effect_has_no_score():
    model = tiny.classifier(seed=5)
    for weight in model.weights:
        if weight.path.endswith("layer_1/attention/output/dense/kernel"):
            kernel = weight.numpy()
            kernel[7:14] = 0
            weight.assign(kernel)
        if weight.path.endswith("layer_0/output/dense/kernel"):
            weight.assign(0 * weight)
    heads, units = importance(model, tiny.task(), [packed()], 1)
    assert heads[1][1] == 0 < heads[1][0]
    assert units[0].tolist() == [0.0] * 29  # No NaN.


def test_the_model_is_left_as_it_was(model):
    before = model(padded(TEXTS, LABELS)).numpy()
    importance(model, tiny.task(), [packed()], 1)
    np.testing.assert_array_equal(model(padded(TEXTS, LABELS)).numpy(), before)
    assert len(model.backbone.encoder_layers) == 2
    assert isinstance(model, Classifier)
    assert model.backbone.encoder_layers[0].name == "layer_0"


PRUNABLE = sorted(n for n, task in TASKS.items() if task.scored and not task.decodes)


@pytest.mark.parametrize("name", PRUNABLE)
def test_every_task_without_a_decoder_ranks(name):
    folder = ModelFolder(tiny_folder.CONFIG, tiny_folder.VOCAB, {"do_lower_case": True})
    task = tiny_tasks.make_task(name, make_tokenizer(folder), max_seq_length=16)
    examples = task.examples(task.columns(tiny_tasks.make_table(name)))
    rows = task.training_rows(examples, batch_size=2, micro_batches=1, seed=1)
    model = tiny.fill(task.build(BertBackbone(folder.config)), 3)
    ((heads,), (units,)) = importance(model, task, rows, 2)
    assert (heads.shape, units.shape) == ((2,), (14,))
    for scores in (heads, units):
        assert (scores > 0).all()
        assert np.linalg.norm(scores) == pytest.approx(1)
