"""Adversarial training: a second gradient where word vectors are changed for the worse."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_seq2seq

from bert_tf.compression.distiller import Distiller
from bert_tf.data.rows.packing import pack
from bert_tf.data.rows.pipeline import training_rows
from bert_tf.training import arithmetic
from bert_tf.training.config import TrainConfig
from bert_tf.training.tensorflow.distribution import make_strategy, replica_rows
from bert_tf.training.tensorflow.loss_scale import LossScale
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.update import make_update

COUNT, EPSILON = 7, 0.8


# Two rows of three tokens: example 2, example 1 in both places, padding.
ROWS = {
    "sequence_ids": np.array([[2, 1, 1], [3, 3, 0]], np.int32),
    "first_token": np.array([1, 0, 3], np.int32),
}
GRADIENT = np.array([[[3, 4], [0, 2], [6, 3]], [[0, 0], [0, 0], [5, 5]]], np.float32)


class TestPerturb:
    def perturb(self, gradient):
        return np.array(arithmetic.perturb(tf.constant(gradient), ROWS, 2.0))

    def test_each_example_is_changed_by_epsilon(self):
        # Norms: 5; the root of 4 + 36 + 9, which is 7; 0.
        expected = [
            [[1.2, 1.6], [0, 4 / 7], [12 / 7, 6 / 7]],
            [[0, 0], [0, 0], [0, 0]],
        ]
        np.testing.assert_allclose(self.perturb(GRADIENT), expected, rtol=1e-6)

    def test_a_factor_of_the_loss_changes_nothing(self):
        scaled = self.perturb(GRADIENT * np.float32(1e-6))
        np.testing.assert_allclose(scaled, self.perturb(GRADIENT), rtol=1e-5)

    @pytest.mark.parametrize("bad", [np.inf, np.nan])
    def test_a_gradient_that_is_not_finite_changes_nothing(self, bad):
        gradient = GRADIENT.copy()
        gradient[0, 1, 0] = bad  # Of the first example.
        changed = self.perturb(gradient)
        np.testing.assert_allclose(changed[0, 0], [1.2, 1.6], rtol=1e-6)
        assert not changed[0, 1:].any()


class Recorder:
    """An optimizer that keeps the gradients and changes nothing."""

    def __init__(self, model):
        self.variables = {w.path: w.value for w in model.trainable_variables}
        self.gradients = {
            path: tf.Variable(tf.zeros_like(variable), trainable=False)
            for path, variable in self.variables.items()
        }

    def apply(self, gradients, scale):
        for path, gradient in gradients.items():
            self.gradients[path].assign(scale * gradient)

    def arrays(self):
        return {path: gradient.numpy() for path, gradient in self.gradients.items()}


def columns():
    weights = np.arange(1, COUNT + 1, dtype=np.float32)
    return tiny.columns(COUNT) | {"weight": weights}


def update(epsilon, micro_batches=1, dtype="float32", loss_scale=False, **changes):
    """Returns the gradients and the metrics of an update, with weighted examples."""
    strategy = make_strategy("one_device")
    model = tiny.classifier(num_hidden_layers=1, dtype=dtype, **changes)
    recorder = Recorder(model)
    function = make_update(
        model,
        tiny.task(),
        recorder,
        strategy,
        micro_batches=micro_batches,
        max_grad_norm=0.0,
        loss_scale=LossScale() if loss_scale else None,
        adversarial_epsilon=epsilon,
    )
    size = -(-COUNT // micro_batches)
    batches = []
    for begin in range(0, COUNT, size):
        part = {
            name: tf.constant(x[begin : begin + size]) for name, x in columns().items()
        }
        seed = tf.constant([3, 5], tf.int32)
        batches.append(pack(tiny.features(part)) | {"dropout_seed": seed})
    spec = {
        name: tf.TensorSpec([None] * len(x.shape), x.dtype)
        for name, x in batches[0].items()
    }
    spec["dropout_seed"] = tf.TensorSpec([2], tf.int32)
    data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
    metrics = function(replica_rows(strategy, lambda _: data))
    return recorder.arrays(), {name: float(x) for name, x in metrics.items()}


def reference(epsilon):
    """The same by Keras alone: one example at a time, and vectors that are looked up here."""
    model = tiny.classifier(num_hidden_layers=1)
    table = model.backbone.embeddings.word_table
    variables = {w.path: w.value for w in model.trainable_variables}
    total = float(columns()["weight"].sum())
    gradients = {path: np.zeros(x.shape) for path, x in variables.items()}
    losses = np.zeros(2)
    for ids, label, weight in zip(
        tiny.pieces(columns()), columns()["label"], columns()["weight"]
    ):
        change = np.zeros([1, len(ids), tiny.CONFIG.hidden_size], np.float32)
        for place in range(2):
            with tf.GradientTape(persistent=True) as tape:
                vectors = tf.gather(table.value, [ids]) + change
                logits = model(
                    {"input_ids": np.array([ids]), "word_vectors": vectors},
                    training=True,
                )
                loss = keras.losses.sparse_categorical_crossentropy(
                    np.array([label]), logits, from_logits=True
                )[0]
                loss *= weight / total
            losses[place] += float(loss)
            for path, gradient in tape.gradient(loss, variables).items():
                gradients[path] += tf.convert_to_tensor(gradient).numpy()
            slope = tape.gradient(loss, vectors).numpy()
            change = epsilon * slope / np.linalg.norm(slope)
    return gradients, losses


@pytest.fixture(scope="module")
def whole():
    return update(EPSILON)


class TestUpdate:
    def test_equals_keras_for_single_examples(self, whole):
        gradients, metrics = whole
        expected, losses = reference(EPSILON)
        assert [metrics["loss"], metrics["adversarial_loss"]] == pytest.approx(
            losses, rel=1e-5
        )
        assert losses[1] > losses[0] + 0.1
        assert gradients.keys() == expected.keys()
        for path, array in expected.items():
            np.testing.assert_allclose(
                gradients[path], array, atol=2e-6, rtol=1e-4, err_msg=path
            )

    def test_micro_batches_are_one_batch(self, whole):
        gradients, metrics = update(EPSILON, micro_batches=3)
        assert metrics == pytest.approx(whole[1], rel=1e-5)
        for path, array in whole[0].items():
            np.testing.assert_allclose(
                gradients[path], array, atol=2e-6, rtol=1e-4, err_msg=path
            )

    def test_without_it_there_is_one_loss(self, whole):
        metrics = update(0.0)[1]
        assert "adversarial_loss" not in metrics
        assert metrics["loss"] == pytest.approx(whole[1]["loss"], rel=1e-6)
        assert metrics["grad_norm"] < 0.9 * whole[1]["grad_norm"]

    @pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
    def test_half_precision_is_near(self, whole, dtype):
        scales = dtype == "mixed_float16"
        _, metrics = update(EPSILON, dtype=dtype, loss_scale=scales)
        assert metrics == pytest.approx(whole[1], rel=0.05)

    def test_dropout_is_the_same_in_both_passes(self):
        # A change of almost nothing, so that only other masks would give another loss.
        _, metrics = update(1e-6, **tiny.dropping())
        assert metrics["adversarial_loss"] == pytest.approx(metrics["loss"], rel=1e-4)


def learn(epsilon, updates=60):
    """Returns the losses, plain and adversarial, of a model after training."""
    model, strategy = tiny.classifier(num_hidden_layers=1), make_strategy("one_device")
    adamw = AdamW(
        {weight.path: weight.value for weight in model.trainable_variables},
        schedule=lambda step: 3e-3,
    )
    batch = columns() | {"weight": np.ones(COUNT, np.float32)}
    metrics = {}
    for optimizer, own, count in (
        (adamw, epsilon, updates),
        (Recorder(model), EPSILON, 1),
    ):
        function = make_update(
            model,
            tiny.task(),
            optimizer,
            strategy,
            micro_batches=1,
            max_grad_norm=1.0,
            adversarial_epsilon=own,
        )
        rows = replica_rows(
            strategy,
            lambda share: training_rows(batch, tiny.features, batch_size=COUNT),
        )
        for _ in range(count):
            metrics = function(rows)
    return float(metrics["loss"]), float(metrics["adversarial_loss"])


def test_attacks_cost_less_after_training_with_them():
    (plain, attacked), (own, hardened) = learn(0.0), learn(EPSILON)
    assert plain < 0.1
    assert attacked > 3 * plain
    assert own < 0.1
    assert hardened < 0.7 * attacked


def perturbed(rows):
    """Returns the rows, and the same with changed word vectors."""
    shape = (*np.shape(rows["input_ids"]), tiny.CONFIG.hidden_size)
    change = np.random.default_rng(2).normal(0, 0.3, shape).astype(np.float32)
    return rows, rows | {"word_perturbation": change}


def test_a_decoder_reads_the_changed_source():
    model = tiny_seq2seq.model()
    one, other = (model(r)["logits"] for r in perturbed(tiny_seq2seq.rows()))
    assert np.abs(one - other).max() > 1e-2


def test_the_teachers_of_a_student_read_unchanged_words():
    student, teacher = tiny.classifier(1), tiny.classifier(2, hidden_size=24)
    model = Distiller(student, [teacher], pairs=[([], [])])
    rows = pack(tiny.features(tiny.columns(COUNT)))
    one, other = (model(r, training=True) for r in perturbed(rows))
    assert np.abs(one["student"] - other["student"]).max() > 1e-2
    np.testing.assert_array_equal(one["teachers"][0], other["teachers"][0])


@pytest.mark.parametrize(
    ("epsilon", "message"), [(-1.0, "at least 0; received -1.0"), (np.inf, "finite")]
)
def test_bad_values(epsilon, message):
    with pytest.raises(ValueError, match=f"adversarial_epsilon must be {message}"):
        TrainConfig(adversarial_epsilon=epsilon)
