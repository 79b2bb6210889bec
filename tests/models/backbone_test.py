"""The backbone against BERT in NumPy: packed rows, padded batches, single examples."""

import dataclasses

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone, as_rows

PATHS = [
    "bert/embeddings/word_embeddings",
    "bert/embeddings/position_embeddings",
    "bert/embeddings/token_type_embeddings",
    "bert/embeddings/LayerNorm/gamma",
    "bert/embeddings/LayerNorm/beta",
    "bert/encoder/layer_0/attention/self/query/kernel",
    "bert/encoder/layer_0/attention/self/query/bias",
    "bert/encoder/layer_0/attention/self/key/kernel",
    "bert/encoder/layer_0/attention/self/key/bias",
    "bert/encoder/layer_0/attention/self/value/kernel",
    "bert/encoder/layer_0/attention/self/value/bias",
    "bert/encoder/layer_0/attention/output/dense/kernel",
    "bert/encoder/layer_0/attention/output/dense/bias",
    "bert/encoder/layer_0/attention/output/LayerNorm/gamma",
    "bert/encoder/layer_0/attention/output/LayerNorm/beta",
    "bert/encoder/layer_0/intermediate/dense/kernel",
    "bert/encoder/layer_0/intermediate/dense/bias",
    "bert/encoder/layer_0/output/dense/kernel",
    "bert/encoder/layer_0/output/dense/bias",
    "bert/encoder/layer_0/output/LayerNorm/gamma",
    "bert/encoder/layer_0/output/LayerNorm/beta",
    "bert/pooler/dense/kernel",
    "bert/pooler/dense/bias",
]
LENGTHS = (7, 41, 1, 13, 30, 5, 2)


def examples():
    """Returns (token ids, segments) of a few examples, each half segment A, half B."""
    random = np.random.default_rng(11)
    return [
        (
            random.integers(1, tiny.CONFIG.vocab_size, length).astype(np.int32),
            (np.arange(length) > length // 2).astype(np.int32),
        )
        for length in LENGTHS
    ]


def packed(pairs, **fixed):
    ragged = [
        tf.RaggedTensor.from_row_lengths(np.concatenate(flat), [*map(len, flat)])
        for flat in zip(*pairs)
    ]
    return pack(dict(zip(("input_ids", "segment_ids"), ragged)), **fixed)


def padded(pairs, length=43):
    batch = np.zeros((3, len(pairs), length), np.int32)
    for number, (tokens, segments) in enumerate(pairs):
        batch[0, number, : len(tokens)] = tokens
        batch[1, number, : len(tokens)] = 1
        batch[2, number, : len(tokens)] = segments
    return dict(zip(("input_ids", "input_mask", "segment_ids"), batch))


def unpack(rows, values):
    """Converts [R, S, …] to an array [L, …] for each example of length L."""
    first = as_rows(rows)["first_token"]
    flat = np.asarray(values).reshape(-1, *values.shape[2:])
    return [flat[begin : begin + length] for begin, length in zip(first, LENGTHS)]


def close(received, expected, tolerance=1e-5):
    for array, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(array, other, atol=tolerance)


@pytest.fixture(scope="module", params=["gelu", "gelu_new", "relu"])
def case(request):
    """A backbone, and the outputs of the reference for each example."""
    model = tiny.backbone(hidden_act=request.param)
    weights = tiny.arrays(model)
    return model, [
        reference.encode(weights, model.config, *pair) for pair in examples()
    ]


@pytest.fixture(scope="module")
def model():
    return tiny.backbone()


@pytest.fixture(scope="module")
def rows():
    return packed(examples())


class TestReference:
    @pytest.mark.parametrize("layout", [packed, padded])
    def test_outputs(self, case, layout):
        model, expected = case
        batch = layout(examples())
        outputs = model(batch)
        assert outputs.keys() == {"sequence_output", "pooled_output"}
        states = unpack(batch, outputs["sequence_output"])
        close(states, [example["sequence_output"] for example in expected])
        pooled = [example["pooled_output"] for example in expected]
        close(outputs["pooled_output"], pooled)

    @pytest.mark.parametrize("layout", [packed, padded])
    def test_intermediates(self, case, layout):
        model, expected = case
        batch = layout(examples())
        outputs = model.with_intermediates()(batch)
        assert len(outputs["hidden_states"]) == 3
        assert len(outputs["attention_probabilities"]) == 2
        for number, states in enumerate(outputs["hidden_states"]):
            expected_states = [example["hidden_states"][number] for example in expected]
            close(unpack(batch, states), expected_states)
        length = as_rows(batch)["input_ids"].shape[1]
        for number, probabilities in enumerate(outputs["attention_probabilities"]):
            by_example = unpack(batch, np.swapaxes(probabilities, 1, 2))  # [R, S, N, S]
            first = np.asarray(as_rows(batch)["first_token"]) % length
            for attention, begin, example in zip(by_example, first, expected):
                own = np.s_[:, :, begin : begin + len(attention)]
                by_head = example["attention_probabilities"][number]
                np.testing.assert_allclose(
                    attention[own], by_head.swapaxes(0, 1), atol=1e-5
                )
                # No token attends to another example.
                outside = attention.copy()
                outside[own] = 0
                assert not outside.any()

    def test_the_examples_share_rows(self, rows):
        assert rows["input_ids"].shape == (2, 56)


class TestInvariance:
    def test_packed_equals_one_example_a_row(self, model, rows):
        together = model(rows)
        states = unpack(rows, together["sequence_output"])
        for number, (tokens, segments) in enumerate(examples()):
            alone = model({"input_ids": tokens[None], "segment_ids": segments[None]})
            np.testing.assert_allclose(
                states[number], alone["sequence_output"][0], atol=2e-6
            )
            np.testing.assert_allclose(
                together["pooled_output"][number], alone["pooled_output"][0], atol=2e-6
            )

    def test_padding_changes_nothing(self, model):
        short, long = (model(padded(examples(), length)) for length in (41, 67))
        close(short["pooled_output"], long["pooled_output"], 2e-6)
        close(short["sequence_output"][1], long["sequence_output"][1, :41], 2e-6)

    def test_order_changes_nothing(self, model):
        forward = model(packed(examples()))["pooled_output"]
        backward = model(packed(examples()[::-1]))["pooled_output"]
        close(forward, backward[::-1], 2e-6)

    def test_empty_rows_change_nothing_and_are_finite(self, model, rows):
        fixed = packed(examples(), row_length=64)
        fixed = {
            name: np.pad(array, [(0, 3), (0, 0)]) if array.ndim == 2 else array
            for name, array in as_rows(fixed).items()
        }
        outputs = model(fixed)
        assert outputs["sequence_output"].shape == (5, 64, 21)
        assert np.isfinite(outputs["sequence_output"]).all()
        close(outputs["pooled_output"], model(rows)["pooled_output"], 2e-6)

    def test_no_examples_give_no_pooled_output(self, model):
        empty = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int32), [])
        outputs = model(pack({"input_ids": empty, "segment_ids": empty}))
        assert outputs["pooled_output"].shape == (0, 21)
        assert np.isfinite(outputs["sequence_output"]).all()


def test_paths_are_the_published_names():
    config = dataclasses.replace(tiny.CONFIG, num_hidden_layers=1)
    model = BertBackbone(config)
    assert [weight.path for weight in model.weights] == PATHS


class TestDefaults:
    def test_absent_mask_and_segments(self, model):
        tokens = np.array([[2, 7, 11, 3]], np.int64)
        complete = {
            "input_ids": tokens,
            "input_mask": np.ones_like(tokens),
            "segment_ids": np.zeros_like(tokens),
        }
        outputs = model({"input_ids": tokens})
        np.testing.assert_array_equal(
            outputs["sequence_output"], model(complete)["sequence_output"]
        )

    def test_initial_weights_are_as_published(self):
        config = dataclasses.replace(tiny.CONFIG, vocab_size=997, initializer_range=0.1)
        arrays = tiny.arrays(BertBackbone(config))
        words = arrays["bert/embeddings/word_embeddings"]
        # Truncation at two standard deviations reduces the deviation to 0.88 of it.
        assert words.std() == pytest.approx(0.088, rel=0.02)
        assert np.abs(words).max() <= 0.2
        assert not arrays["bert/pooler/dense/bias"].any()
        assert (arrays["bert/embeddings/LayerNorm/gamma"] == 1).all()


class TestPrecision:
    @pytest.mark.parametrize(
        ("policy", "stored"), [("bfloat16", "bfloat16"), ("mixed_bfloat16", "float32")]
    )
    def test_half_precision_is_close(self, model, rows, policy, stored):
        half = tiny.backbone(dtype=policy)
        assert {weight.dtype for weight in half.weights} == {stored}
        exact, outputs = model(rows), half(rows)
        assert outputs["sequence_output"].dtype == "bfloat16"
        states = tf.cast(outputs["sequence_output"], tf.float32).numpy()
        own = rows["sequence_ids"].numpy() > 0
        error = np.abs(states - exact["sequence_output"].numpy())[own]
        # bfloat16 has 8 bits; the values are around 1, and sums of tens of terms.
        assert 0 < error.mean() < 0.02
        assert error.max() < 0.25


class TestGradient:
    def test_equals_finite_differences(self, rows):
        """Central differences at weights of all kinds; the softmax is in float32."""
        model = tiny.backbone(dtype="float64")
        own = tf.cast(rows["sequence_ids"] > 0, tf.float64)[:, :, None]

        def loss():
            outputs = model(rows)
            return tf.reduce_sum(outputs["pooled_output"] ** 3) + tf.reduce_sum(
                own * tf.sin(outputs["sequence_output"])
            )

        weights = {weight.path: weight.value for weight in model.trainable_variables}
        with tf.GradientTape() as tape:
            value = loss()
        gradients = tape.gradient(value, weights)
        for path in (
            "bert/embeddings/word_embeddings",
            "bert/encoder/layer_0/attention/self/query/kernel",
            "bert/encoder/layer_1/intermediate/dense/kernel",
            "bert/encoder/layer_1/output/LayerNorm/gamma",
            "bert/pooler/dense/bias",
        ):
            gradient = tf.convert_to_tensor(gradients[path]).numpy()
            place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            before, sides = weights[path].numpy(), []
            for change in (1e-3, -1e-3):
                changed = before.copy()
                changed[place] += change
                weights[path].assign(changed)
                sides.append(float(loss()))
            weights[path].assign(before)
            slope = (sides[0] - sides[1]) / 2e-3
            assert gradient[place] == pytest.approx(slope, rel=1e-3), path

    def test_reaches_every_weight(self, model, rows):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(rows)["pooled_output"] ** 2)
        weights = [weight.value for weight in model.trainable_variables]
        for path, gradient in zip(PATHS_OF_TWO, tape.gradient(loss, weights)):
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, path


PATHS_OF_TWO = PATHS[:21] + [path.replace("layer_0", "layer_1") for path in PATHS[5:]]


class TestKeras:
    def test_works_in_a_functional_model(self, model):
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("input_ids", "input_mask", "segment_ids")
        }
        states = model(inputs)["sequence_output"]
        assert states.shape == (None, None, 21)
        outputs = keras.layers.Dense(3)(states)
        functional = keras.Model(inputs, outputs)
        batch = padded(examples())
        kernel, bias = functional.layers[-1].get_weights()
        expected = model(batch)["sequence_output"].numpy() @ kernel + bias
        np.testing.assert_allclose(functional(batch), expected, atol=1e-5)
        np.testing.assert_allclose(
            functional.predict(batch, verbose=0), expected, atol=1e-5
        )

    def test_intermediates_train_the_same_variables(self, model):
        intermediates = model.with_intermediates()
        intermediates(padded(examples()))
        own = {id(weight) for weight in model.trainable_variables}
        assert {id(weight) for weight in intermediates.trainable_variables} == own

    def test_from_config_builds_the_same_model(self, model, rows):
        again = BertBackbone.from_config(model.get_config())
        again.set_weights(model.get_weights())
        close(again(rows)["pooled_output"], model(rows)["pooled_output"], 0)


SEEDED = {
    "input_ids": np.array([[2, 7, 11, 13, 3], [2, 17, 3, 0, 0]], np.int32),
    "input_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.int32),
    "dropout_seed": np.array([3, 5], np.int32),
}


class TestGradientCheckpointing:
    def gradients(self, gradient_checkpointing):
        model = tiny.backbone(**tiny.dropping(0.3))
        model.gradient_checkpointing = gradient_checkpointing

        @tf.function(autograph=False)
        def compute():
            with tf.GradientTape() as tape:
                outputs = model(SEEDED, training=True)
                loss = tf.reduce_sum(outputs["pooled_output"] ** 2)
                loss += tf.reduce_sum(outputs["sequence_output"] ** 3)
            variables = [weight.value for weight in model.trainable_variables]
            return loss, [
                tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)
            ]

        return compute()

    def test_both_computations_drop_the_same_values(self):
        loss, expected = self.gradients(False)
        other_loss, received = self.gradients(True)
        assert float(other_loss) == pytest.approx(float(loss), rel=1e-6)
        for gradient, other in zip(received, expected, strict=True):
            # Sums of cubes; other masks would change them by hundreds.
            np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-2)

    def test_outputs_are_the_same(self):
        model = tiny.backbone()
        expected = model(SEEDED)["pooled_output"]
        model.gradient_checkpointing = True
        np.testing.assert_array_equal(model(SEEDED)["pooled_output"], expected)

    def test_dropout_without_a_seed_is_an_error(self):
        model = tiny.backbone(**tiny.dropping(0.3))
        model.gradient_checkpointing = True
        batch = {k: v for k, v in SEEDED.items() if k != "dropout_seed"}
        with pytest.raises(ValueError, match="give dropout_seed"):
            model(batch, training=True)
