"""A batch whose examples are compared gives the same gradients in micro-batches."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.rows.packing import pack
from bert_tf.models.embedding import Embedder
from bert_tf.tasks.similarity import Similarity
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.update import make_update

TEXTS = [(f"{n} {n + 1}", f"{n + 2} 9 {n}", f"{n + 20}") for n in range(7, 13)]
OPTIONS = {"similarity_loss": "negatives", "matryoshka_dims": "21,8"}


class Gradients:
    """An optimizer that keeps gradients in the place of applying them."""

    def __init__(self, model):
        self.variables = {w.path: w.value for w in model.trainable_variables}
        self.kept = {
            p: tf.Variable(tf.zeros_like(v)) for p, v in self.variables.items()
        }

    def apply(self, gradients, scale):
        for path, gradient in gradients.items():
            self.kept[path].assign(gradient * scale)


def embedder(**changes):
    return Embedder(tiny.backbone(num_hidden_layers=1, **changes))


def differentiate(model, sizes, seeds=None, options=OPTIONS):
    """Returns the gradients, {path: array}, and the metrics of one update.

    Args:
        sizes: examples of each micro-batch.
        seeds: dropout seed of each of them.
    """
    task = Similarity(tiny.Tokenizer(), Similarity.Options(max_seq_length=9, **options))
    batches, begin = [], 0
    for number, size in enumerate(sizes):
        own = TEXTS[begin : begin + size]
        text, pair, negative = np.array(own, object).reshape(-1, 3).T
        columns = {"text": text, "text_pair": pair, "negatives": negative[:, None]}
        rows = pack(
            task.features({k: tf.constant(x, tf.string) for k, x in columns.items()})
        )
        batches.append(
            rows | {"dropout_seed": tf.constant([3, (seeds or [0] * 9)[number]])}
        )
        begin += size
    optimizer = Gradients(model)
    update = make_update(
        model,
        task,
        optimizer,
        make_strategy("one_device"),
        micro_batches=len(sizes),
        max_grad_norm=0,
    )
    metrics = update(iter(batches))
    gradients = {path: kept.numpy() for path, kept in optimizer.kept.items()}
    return gradients, {name: float(value) for name, value in metrics.items()}


@pytest.fixture(scope="module")
def model():
    return embedder()


@pytest.fixture(scope="module")
def whole(model):
    return differentiate(model, [6])


@pytest.mark.parametrize("sizes", [[3, 3], [2, 2, 2], [4, 2, 0]])
def test_gradients_are_those_of_the_whole_batch(model, whole, sizes):
    gradients, metrics = differentiate(model, sizes)
    assert gradients.keys() == whole[0].keys()
    for path, expected in whole[0].items():
        np.testing.assert_allclose(gradients[path], expected, atol=1e-6, err_msg=path)
    assert metrics == pytest.approx(whole[1], rel=1e-5)
    assert metrics["grad_norm"] > 1e-2
    assert metrics["examples"] == 6


def test_the_parts_alone_have_other_gradients(model, whole):
    """What sums of the gradients of micro-batches would give."""
    halves, _ = differentiate(model, [3])
    path = "bert/encoder/layer_0/output/dense/kernel"
    assert np.abs(halves[path] - whole[0][path]).max() > 1e-3


def test_dropout_masks_are_the_same_in_both_passes():
    """A gradient by finite differences, of the loss with these masks, agrees."""
    model = embedder(**tiny.dropping(0.3))
    gradients, metrics = differentiate(model, [3, 3], seeds=[5, 6])
    path = next(p for p in gradients if p.endswith("layer_0/output/dense/bias"))
    weight = next(w for w in model.trainable_variables if w.path == path)
    direction = gradients[path] / np.linalg.norm(gradients[path])
    start, losses = weight.numpy(), []
    for step in (1e-2, -1e-2):
        weight.assign(start + step * direction)
        losses.append(differentiate(model, [3, 3], seeds=[5, 6])[1]["loss"])
    weight.assign(start)
    slope = (losses[0] - losses[1]) / 2e-2
    assert slope == pytest.approx(np.linalg.norm(gradients[path]), rel=2e-2)
    assert differentiate(model, [3, 3], seeds=[5, 7])[1]["loss"] != metrics["loss"]
