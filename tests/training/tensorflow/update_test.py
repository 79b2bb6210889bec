"""An update is the same arithmetic, however its examples are divided."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.rows.pipeline import training_rows
from bert_tf.training.tensorflow.distribution import make_strategy, replica_rows
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.update import make_update


def train(
    distribution, batch_size, micro_batches, updates=3, hardened=False, **changes
):
    """Weights, metrics and optimizer after a few updates on 13 examples.

    If hardened, the examples have weights, and each update an adversarial loss.

    Every second update has five examples only, and so smaller or empty micro-batches.
    """
    strategy = make_strategy(distribution)
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        model = tiny.classifier(num_hidden_layers=1, **changes)
        optimizer = AdamW(
            {weight.path: weight.value for weight in model.trainable_variables},
            schedule=lambda step: 1e-3,
            # Gradients that are 0 but for rounding must not become full steps.
            epsilon=1e-3,
        )
    update = make_update(
        model,
        tiny.task(),
        optimizer,
        strategy,
        micro_batches=micro_batches,
        max_grad_norm=0.5,
        adversarial_epsilon=0.5 if hardened else 0.0,
    )
    columns = tiny.columns(13)
    if hardened:
        columns["weight"] = np.linspace(0.2, 3.0, 13, dtype=np.float32)
    iterator = replica_rows(
        strategy,
        lambda share: training_rows(
            columns,
            tiny.features,
            batch_size=batch_size,
            micro_batches=micro_batches * replicas,
            seed=5,
            share=share,
        ),
    )
    metrics = [update(iterator) for _ in range(updates)]
    return (
        tiny.arrays(model),
        [{name: float(value) for name, value in line.items()} for line in metrics],
        optimizer,
    )


@pytest.fixture(scope="module")
def whole():
    return train("one_device", batch_size=8, micro_batches=1)


@pytest.fixture(scope="module")
def replicated():
    return train("mirrored", batch_size=4, micro_batches=1)


def assert_same(received, expected):
    """Weights to 1e-6, losses and norms to 1e-5 of their size."""
    assert received[0].keys() == expected[0].keys()
    for path, array in expected[0].items():
        np.testing.assert_allclose(received[0][path], array, atol=1e-6, err_msg=path)
    for line, other in zip(received[1], expected[1], strict=True):
        assert line == pytest.approx(other, rel=1e-5)


class TestDivision:
    def test_updates_change_the_weights(self, whole):
        before = tiny.arrays(tiny.classifier(num_hidden_layers=1))
        for path, array in whole[0].items():
            if path.endswith("key/bias"):  # It has no effect on the softmax.
                continue
            assert np.abs(array - before[path]).max() > 1e-5, path

    def test_an_update_counts_its_examples(self, whole):
        assert [line["examples"] for line in whole[1]] == [8, 5, 8]

    def test_micro_batches_are_one_batch(self, whole):
        assert_same(train("one_device", batch_size=2, micro_batches=4), whole)

    def test_two_replicas_are_one(self, whole, replicated):
        assert_same(replicated, whole)

    def test_micro_batches_on_replicas_are_one_batch(self, whole):
        assert_same(train("mirrored", batch_size=2, micro_batches=2), whole)

    def test_replicas_stay_identical(self, replicated):
        optimizer = replicated[2]
        for group in (optimizer.variables, optimizer.means, optimizer.squares):
            for path, variable in group.items():
                first, second = (copy.numpy() for copy in variable.values)
                np.testing.assert_array_equal(first, second, err_msg=path)
        assert [int(copy.numpy()) for copy in optimizer.step.values] == [3, 3]

    def test_weights_of_examples_and_adversarial_losses_are_divided_alike(self, whole):
        one = train("one_device", 8, 1, hardened=True)
        assert_same(train("mirrored", 2, 2, hardened=True), one)
        for line, other in zip(one[1], whole[1]):
            assert line["examples"] == other["examples"]
            assert line["adversarial_loss"] > line["loss"]
        assert abs(one[1][0]["loss"] - whole[1][0]["loss"]) > 1e-3

    def test_dropout_follows_the_micro_batch_not_the_replica(self, whole):
        dropping = tiny.dropping()
        replicas = train("mirrored", batch_size=4, micro_batches=1, **dropping)
        batches = train("one_device", batch_size=4, micro_batches=2, **dropping)
        assert_same(replicas, batches)
        assert abs(replicas[1][0]["loss"] - whole[1][0]["loss"]) > 1e-3


class Task:
    """The rows hold the weights of the items; the outputs are their losses."""

    def weights(self, rows):
        return {term: rows[f"{term}_weights"] for term in ("words", "pairs")}

    def named(self, outputs):
        return outputs

    def losses(self, rows, outputs):
        return outputs


class Model:
    """The loss of an item is its product with the variable of its term."""

    def __init__(self, strategy, read_words):
        self.read = {"words": read_words, "pairs": tf.identity}
        with strategy.scope():
            self.variables = {
                "words": tf.Variable([1.0, 2.0]),
                "pairs": tf.Variable([3.0]),
                "idle": tf.Variable([7.0]),
            }

    def __call__(self, rows, training):
        assert training
        return {
            term: tf.linalg.matvec(rows[term], self.read[term](self.variables[term]))
            for term in ("words", "pairs")
        }


class Descent:
    """Subtracts the gradient, so that it is the change of the variable."""

    def __init__(self, variables):
        self.variables = variables

    def apply(self, gradients, scale):
        def everywhere(strategy, gradients, scale):
            for path, gradient in gradients.items():
                strategy.extended.update(
                    self.variables[path],
                    lambda variable, *factors: variable.assign_sub(
                        tf.multiply(*factors)
                    ),
                    args=(gradient, scale),
                )

        context = tf.distribute.get_replica_context()
        context.merge_call(everywhere, args=(gradients, scale))


def items(words, words_weights, pairs=((0.0,),), pairs_weights=(0.0,)):
    values = {
        "words": words,
        "words_weights": words_weights,
        "pairs": pairs,
        "pairs_weights": pairs_weights,
    }
    rows = {name: tf.constant(value, tf.float32) for name, value in values.items()}
    return rows | {
        "first_token": tf.zeros([len(pairs)], tf.int32),
        "sequence_ids": tf.ones([len(pairs), 3]),
    }


def descend(distribution, batches, max_grad_norm=0.0, frozen=None):
    """Gradient of one update over the batches, and its metrics.

    `frozen` reads the variable of the words, which then does not train.
    """
    strategy = make_strategy(distribution)
    replicas = strategy.num_replicas_in_sync
    model = Model(strategy, frozen or tf.identity)
    before = {name: value.numpy() for name, value in model.variables.items()}
    update = make_update(
        model,
        Task(),
        Descent(
            {
                name: variable
                for name, variable in model.variables.items()
                if not (frozen and name == "words")
            }
        ),
        strategy,
        micro_batches=len(batches) // replicas,
        max_grad_norm=max_grad_norm,
    )

    def dataset(_):
        shapes = {
            name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
            for name, value in batches[0].items()
        }
        return tf.data.Dataset.from_generator(
            lambda: iter(batches), output_signature=shapes
        )

    metrics = update(replica_rows(strategy, dataset))
    gradients = {
        name: (before[name] - value.numpy()).tolist()
        for name, value in model.variables.items()
    }
    return gradients, {name: float(value) for name, value in metrics.items()}


@pytest.mark.parametrize("distribution", ["one_device", "mirrored"])
class TestArithmetic:
    def test_the_sum_is_clipped_not_its_terms(self, distribution):
        # (1·[6, 0] + 1·[0, 8]) / 2 = [3, 4], of norm 5.
        gradients, metrics = descend(
            distribution,
            [items([[6.0, 0.0]], [1.0]), items([[0.0, 8.0]], [1.0])],
            max_grad_norm=1.0,
        )
        assert gradients["words"] == pytest.approx([0.6, 0.8], abs=1e-5)
        assert metrics["grad_norm"] == pytest.approx(5.0)

    def test_a_gradient_within_the_norm_is_not_scaled(self, distribution):
        gradients, _ = descend(
            distribution,
            [items([[6.0, 0.0]], [1.0]), items([[0.0, 8.0]], [1.0])],
            max_grad_norm=5.1,
        )
        assert gradients["words"] == pytest.approx([3.0, 4.0])

    def test_each_term_has_its_own_denominator(self, distribution):
        batches = [
            items([[1.0, 0.0], [0.0, 4.0], [9.0, 9.0]], [1.0, 1.0, 0.0], [[5.0]], [1]),
            items([[2.0, 1.0]], [2.0], [[1.0], [2.0]], [0.5, 0.5]),
        ]
        gradients, metrics = descend(distribution, batches)
        # Words: ([1, 0] + [0, 4] + 2·[2, 1]) / 4; pairs: (5 + .5·1 + .5·2) / 2.
        assert gradients["words"] == pytest.approx([1.25, 1.5])
        assert gradients["pairs"] == pytest.approx([3.25])
        assert gradients["idle"] == [0.0]
        # Variables are [1, 2] and [3]: 1.25·1 + 1.5·2, and 3.25·3.
        assert metrics["words"] == pytest.approx(4.25)
        assert metrics["pairs"] == pytest.approx(9.75)
        assert metrics["loss"] == pytest.approx(14.0)
        assert metrics["examples"] == 3
        assert metrics["tokens"] == 9

    def test_nothing_is_recorded_for_frozen_variables(self, distribution):
        @tf.custom_gradient
        def frozen(variable):
            def gradient(_):
                raise AssertionError("the gradient of a frozen variable was computed")

            return tf.identity(variable), gradient

        batches = [items([[1.0, 2.0]], [1.0], [[2.0]], [1.0])] * 2
        gradients, metrics = descend(distribution, batches, frozen=frozen)
        assert gradients == {"words": [0.0, 0.0], "pairs": [2.0], "idle": [0.0]}
        assert metrics["words"] == 5.0

    def test_a_term_without_weight_has_no_gradient(self, distribution):
        batches = [items([[1.0, 0.0]], [0.0], [[2.0]], [1.0])] * 2
        gradients, metrics = descend(distribution, batches)
        assert gradients["words"] == [0.0, 0.0]
        assert gradients["pairs"] == [2.0]
        assert (metrics["words"], metrics["pairs"]) == (0.0, 6.0)
