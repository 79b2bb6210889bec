"""Bert2Bert: values, packed rows, nothing that leaks, gradients, and Keras' own ways."""

import dataclasses

import decoder_reference
import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny
import tiny_seq2seq

from bert_tf.data.rows.packing import pack
from bert_tf.models import lora
from bert_tf.models.seq2seq import Bert2Bert
from bert_tf.training import selection

SEED = np.array([3, 5], np.int32)


@pytest.fixture(scope="module")
def model():
    return tiny_seq2seq.model()


def by_example(rows, logits):
    """Returns the logits of the targets' tokens, [L, V], of each example."""
    numbers = rows["target_sequence_ids"].ravel()
    return [logits.numpy()[numbers == n] for n in range(1, numbers.max() + 1)]


def gradients(model, rows, **options):
    """Returns {path: gradient} of the mean loss of a batch."""
    with tf.GradientTape() as tape:
        logits = model(rows, training=True, **options)["logits"]
        labels = rows["target_labels"].ravel()
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, True)
        loss = tf.reduce_mean(losses[rows["target_sequence_ids"].ravel() > 0])
    found = tape.gradient(loss, model.trainable_variables)
    paths = [weight.path for weight in model.trainable_variables]
    return {
        p: g if g is None else tf.convert_to_tensor(g) for p, g in zip(paths, found)
    }


class TestValues:
    def test_packed_rows_equal_numpy_one_by_one(self, model):
        rows, weights = tiny_seq2seq.rows(), tiny.arrays(model)
        received = by_example(rows, model(rows)["logits"])
        for number, source in enumerate(tiny_seq2seq.SOURCES):
            memory = reference.encode(weights, tiny.CONFIG, source)["sequence_output"]
            expected = decoder_reference.decode(
                weights, tiny_seq2seq.DECODER, memory, tiny_seq2seq.TARGETS[number][:-1]
            )
            np.testing.assert_allclose(received[number], expected, atol=5e-5)

    @pytest.mark.parametrize("shared", [False, True])
    def test_packed_rows_equal_a_padded_batch(self, shared):
        model, rows = tiny_seq2seq.model(shared=shared), tiny_seq2seq.rows()
        logits = model(tiny_seq2seq.padded())["logits"].numpy()
        assert logits.shape == (4, 5, 83 if shared else 61)
        for each, expected in zip(by_example(rows, model(rows)["logits"]), logits):
            np.testing.assert_allclose(each, expected[: len(each)], atol=2e-5)

    def test_rows_of_pack_equal_a_padded_batch(self, model):
        sources = tiny.ragged(tiny_seq2seq.SOURCES)
        rows = pack(
            {
                "input_ids": sources,
                "segment_ids": tf.zeros_like(sources),
                "target_ids": tiny.ragged(tiny_seq2seq.TARGETS),
            }
        )
        assert rows["input_ids"].shape[0] == rows["target_input_ids"].shape[0] == 1
        rows = {name: np.array(x) for name, x in rows.items() if "target_ids" != name}
        expected = model(tiny_seq2seq.padded())["logits"].numpy()
        for each, padded in zip(by_example(rows, model(rows)["logits"]), expected):
            np.testing.assert_allclose(each, padded[: len(each)], atol=2e-5)

    def test_a_shared_decoder_computes_with_the_encoders_layers(self):
        """NumPy, given the weights of the encoder's first and last layer as its own."""
        config = dataclasses.replace(tiny.CONFIG, num_hidden_layers=1)
        model = tiny_seq2seq.model(shared=True, config=config)
        weights = tiny.arrays(model)
        own = weights | {
            path.replace("bert/encoder/", "decoder/").replace(
                "bert/", "decoder/"
            ): array
            for path, array in weights.items()
            if path.startswith(("bert/embeddings/", "bert/encoder/layer_0/"))
        }
        source, target = tiny_seq2seq.SOURCES[0], tiny_seq2seq.TARGETS[0]
        memory = reference.encode(weights, tiny.CONFIG, source)["sequence_output"]
        expected = decoder_reference.decode(own, config, memory, target[:-1])
        batch = tiny_seq2seq.padded([source], [target])
        received = model(batch)["logits"].numpy()[0, : len(expected)]
        np.testing.assert_allclose(received, expected, atol=5e-5)
        assert len(model.weights) < len(tiny_seq2seq.model(config=config).weights)

    def test_half_precision(self):
        model = tiny_seq2seq.model(dtype="mixed_bfloat16")
        rows = tiny_seq2seq.rows()
        logits = model(rows)["logits"]
        assert logits.dtype == tf.float32
        expected = tiny_seq2seq.model()(rows)["logits"]
        np.testing.assert_allclose(logits, expected, atol=0.6)
        assert all(
            np.isfinite(g).all()
            for g in gradients(model, rows).values()
            if g is not None
        )


class TestNothingLeaks:
    def test_a_later_target_token_changes_no_earlier_logit(self, model):
        rows = tiny_seq2seq.rows()
        before = by_example(rows, model(rows)["logits"])
        rows["target_input_ids"][0, 4] += 1  # The third token of the second example.
        after = by_example(rows, model(rows)["logits"])
        np.testing.assert_array_equal(after[1][:2], before[1][:2])
        assert (np.abs(after[1][2:] - before[1][2:]).max(1) > 0.01).all()
        for other in (0, 2, 3):
            np.testing.assert_array_equal(after[other], before[other])

    def test_a_source_changes_its_own_target_alone(self, model):
        rows = tiny_seq2seq.rows()
        before = by_example(rows, model(rows)["logits"])
        rows["input_ids"][0, 1] += 1  # Of the first example, which shares its row.
        after = by_example(rows, model(rows)["logits"])
        assert (np.abs(after[0] - before[0]).max(1) > 0.01).all()
        for other in (1, 2, 3):
            np.testing.assert_array_equal(after[other], before[other])

    def test_padding_changes_nothing(self, model):
        rows = tiny_seq2seq.rows()
        before = by_example(rows, model(rows)["logits"])
        for name, mask in (
            ("input_ids", "sequence_ids"),
            ("target_input_ids", "target_sequence_ids"),
        ):
            rows[name] = np.where(rows[mask] == 0, 50, rows[name])
        for each, other in zip(by_example(rows, model(rows)["logits"]), before):
            np.testing.assert_array_equal(each, other)


class TestGradients:
    @pytest.mark.parametrize("shared", [False, True])
    def test_reach_every_weight_but_the_poolers(self, shared):
        found = gradients(tiny_seq2seq.model(shared=shared), tiny_seq2seq.rows())
        none = {path for path, gradient in found.items() if gradient is None}
        assert none == {"bert/pooler/dense/kernel", "bert/pooler/dense/bias"}
        zero = {p for p in found.keys() - none if not np.abs(found[p]).max() > 1e-9}
        # A constant added to all keys changes no softmax.
        assert all(path.endswith("self/key/bias") for path in zero)

    def test_the_tied_table_learns_from_inputs_and_outputs(self, model):
        found = gradients(model, tiny_seq2seq.rows())
        table = np.abs(found["decoder/embeddings/word_embeddings"]).max(1)
        # 60 is no input; as an output it is to become less probable.
        assert table.shape == (61,) and table[60] > 0 and table[41] > table[60]

    def test_checkpointing_changes_no_gradient(self, model):
        arguments = model.get_config()
        arguments["backbone"]["config"]["gradient_checkpointing"] = True
        light = Bert2Bert.from_config(arguments)
        assert light.decoder.gradient_checkpointing
        for weight, own in zip(light.weights, model.weights, strict=True):
            weight.assign(own)
        rows = tiny_seq2seq.rows() | {"dropout_seed": SEED}
        expected = gradients(model, rows)
        for path, gradient in gradients(light, rows).items():
            if gradient is not None:
                np.testing.assert_allclose(gradient, expected[path], atol=1e-6)
        with pytest.raises(ValueError, match="give dropout_seed"):
            light(tiny_seq2seq.rows(), training=True)

    def test_dropout_is_a_function_of_the_seed(self):
        model = tiny_seq2seq.model(**tiny.dropping())
        rows = tiny_seq2seq.rows()
        once, again, other = (
            model(rows | {"dropout_seed": SEED + change}, training=True)["logits"]
            for change in (0, 0, 1)
        )
        np.testing.assert_array_equal(once, again)
        assert np.abs(once - other).max() > 0.1

    @pytest.mark.slow
    def test_a_few_steps_learn(self):
        """By plain Keras: compile, fit, a padded batch."""
        keras.utils.set_random_seed(1)
        model = Bert2Bert(tiny.backbone(), tiny_seq2seq.DECODER)
        batch = tiny_seq2seq.padded()
        loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=0)
        model.compile(keras.optimizers.Adam(0.01), {"logits": loss})
        labels = {"logits": batch["target_ids"][:, 1:]}
        history = model.fit(batch, labels, epochs=60, verbose=0).history["loss"]
        assert history[0] > 3 and history[-1] < 0.1


class TestWhatTrains:
    """A decoder counts as a head; what it shares counts as the encoder's."""

    def test_freezing_is_of_the_encoder(self, model):
        selection.select(model, freeze="embeddings,1")
        trained = {weight.path for weight in model.trainable_weights}
        selection.select(model)
        every = {weight.path for weight in model.trainable_weights}
        frozen = ("bert/embeddings/", "bert/encoder/layer_0/")
        assert every - trained == {path for path in every if path.startswith(frozen)}

    def test_factors_of_the_learning_rate(self, model):
        paths = [weight.path for weight in model.weights]
        factors = selection.learning_rate_factors(paths, 0.5)
        assert {factors[p] for p in paths if p.startswith("decoder/")} == {1}
        assert factors["bert/embeddings/word_embeddings"] == 0.5**4

    @pytest.mark.parametrize("shared", [False, True])
    def test_adapters_of_the_encoder(self, shared):
        model = tiny_seq2seq.model(shared=shared)
        rows = tiny_seq2seq.rows()
        before = model(rows)["logits"].numpy()
        lora.add_adapters(model, rank=2, alpha=4.0)
        np.testing.assert_array_equal(model(rows)["logits"], before)
        selection.select(model, adapters_only=True)
        for weight in model.weights:
            if "lora_kernel_" in weight.path:
                weight.assign(np.full(weight.shape, 0.2))
        trained = {weight.path for weight in model.trainable_weights}
        assert sum("lora_kernel_" in path for path in trained) == 8
        assert any("crossattention" in path for path in trained)
        assert "bert/embeddings/word_embeddings" not in trained
        plain = lora.merge_adapters(model, tiny_seq2seq.model(2, shared=shared))
        after = model(rows)["logits"]
        assert np.abs(after - before).max() > 0.05
        np.testing.assert_allclose(plain(rows)["logits"], after, atol=2e-5)


class TestKerasFiles:
    @pytest.mark.parametrize("shared", [False, True])
    def test_the_same_outputs(self, tmp_path, shared):
        model = tiny_seq2seq.model(shared=shared, **tiny.dropping())
        model.decoder.predictions.output_bias.trainable = False
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        rows = tiny_seq2seq.rows()
        np.testing.assert_array_equal(loaded(rows)["logits"], model(rows)["logits"])
        assert loaded.get_config() == model.get_config()
        assert not loaded.decoder.predictions.output_bias.trainable


class TestBadInput:
    def test_another_hidden_size(self):
        config = dataclasses.replace(tiny_seq2seq.DECODER, hidden_size=14)
        with pytest.raises(
            ValueError, match="decoder has hidden_size 14, the encoder 21"
        ):
            Bert2Bert(tiny.backbone(), config)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"vocab_size": 84}, "its vocabulary, of 83 rows; received 84"),
            ({"num_hidden_layers": 3}, "has at most its 2; received 3"),
        ],
    )
    def test_sizes_that_cannot_be_shared(self, changes, message):
        config = dataclasses.replace(tiny.CONFIG, **changes)
        with pytest.raises(ValueError, match=message):
            Bert2Bert(tiny.backbone(), config, shared=True)

    def test_no_targets(self, model):
        batch = {"input_ids": np.array([[2, 7, 3]])}
        with pytest.raises(ValueError, match="no target_ids, .* received input_ids"):
            model(batch)
