"""Attributions against what they are defined by: integrals, gradients, masked words."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.analysis.adapters import ADAPTERS
from bert_tf.analysis.explain.explainer import Explainer
from bert_tf.analysis.explain.inside import read_attention, roll_out
from bert_tf.analysis.explain.methods import (
    METHODS,
    attention_rollout,
    gradient_times_input,
    integrated_gradients,
    occlusion,
)
from bert_tf.analysis.explain.targets import log_odds

RECORDS = {
    "classification": [{"text": "it was very good"}, {"text": "bad"}],
    "pairs": [{"text": "it was good", "text_pair": "fine"}],
    "multi_label": [{"text": "a fine film"}],
    "regression": [{"text": "a fine film"}],
    "token_classification": [{"text": "it was very good"}],
    "question_answering": [{"question": "is it ?", "context": "the film is good ."}],
}


@pytest.fixture(scope="module")
def explainers(folders):
    """{name of the data: Explainer}, whose models have weights that matter."""
    made = {}

    def make(name):
        if name not in made:
            model = bert_tf.Model(folders[name])
            keras.utils.set_random_seed(7)
            for weight in model.keras_model.weights:
                if len(weight.shape) == 2:
                    weight.assign(keras.random.normal(weight.shape, stddev=0.4))
            made[name] = Explainer(model, RECORDS[name])
        return made[name]

    return make


def test_log_odds_equal_those_of_the_softmax():
    logits = np.array([[1.0, -0.5, 2.0], [0.3, 0.1, -4.0]], np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    chosen = np.array([2, 0])
    own = shares[[0, 1], chosen]
    np.testing.assert_allclose(
        log_odds(tf.constant(logits), chosen), np.log(own / (1 - own)), rtol=1e-5
    )


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_explained_is_what_is_predicted(name, explainers, folders):
    explainer = explainers(name)
    probability = explainer.probabilities(explainer.full)
    if name in ("classification", "pairs"):
        model = bert_tf.Model(folders[name])
        model.keras_model.set_weights(explainer.model.get_weights())
        for number, prediction in enumerate(model.predict(RECORDS[name])):
            assert explainer.predicted(number) == prediction["label"]
            score = prediction["scores"][prediction["label"]]
            assert probability[number] == pytest.approx(score, abs=1e-5)
    assert np.isfinite(explainer.full).all()


@pytest.mark.parametrize("name", RECORDS)
def test_integrated_gradients_add_up(name, explainers):
    explainer = explainers(name)
    found = integrated_gradients(explainer)
    for number, (example, own) in enumerate(zip(explainer.examples, found)):
        everything = range(len(example.words))
        hidden = explainer.values(
            [(number, example.hide(everything, explainer.mask_id))]
        )
        change = explainer.full[number] - hidden[0]
        assert own.error <= 0.01
        assert own.weights.sum() == pytest.approx(change, abs=0.011 * abs(change))


def test_gradient_times_input_against_differences(explainers):
    explainer = explainers("classification")
    table = explainer.model.backbone.embeddings.word_table
    before, step = table.numpy(), 1e-3
    for number, own in enumerate(gradient_times_input(explainer)):
        example = explainer.examples[number]
        values = []
        for factor in (1 + step, 1 - step):
            after = before.copy()
            after[example.ids[1]] *= factor
            table.assign(after)
            values.append(explainer.values([(number, example.ids)])[0])
        table.assign(before)
        assert example.ids.tolist().count(example.ids[1]) == 1
        slope = (values[0] - values[1]) / (2 * step)
        assert own.weights[0] == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_occlusion_masks_each_word(explainers):
    explainer = explainers("pairs")
    (own,) = occlusion(explainer)
    (example,) = explainer.examples
    for word in range(len(example.words)):
        (value,) = explainer.values([(0, example.hide([word], explainer.mask_id))])
        fall = explainer.full[0] - value
        assert own.weights[word] == pytest.approx(fall, abs=1e-5)


def test_rollout_by_hand():
    attention = [np.array([[[1.0, 0.0], [0.5, 0.5]]]), np.array([[[0.0, 1.0], [1, 0]]])]
    # (A + I) / 2 of both layers, the second times the first.
    first, second = np.array([[1, 0], [0.25, 0.75]]), np.full((2, 2), 0.5)
    np.testing.assert_allclose(roll_out(attention), second @ first)


def test_rollout_of_a_model(explainers):
    explainer = explainers("classification")
    found = attention_rollout(explainer)
    for example, own in zip(explainer.examples, found):
        model = bert_tf.Model.__new__(bert_tf.Model)
        model.task, model.keras_model = explainer.task, explainer.model
        attention = read_attention(model, example)
        np.testing.assert_allclose(attention.sum(axis=-1), 1, atol=1e-5)
        expected = roll_out(list(attention))[0]
        for tokens, weight in zip(example.tokens, own.weights):
            assert weight == pytest.approx(expected[tokens].sum(), abs=1e-5)


def test_every_target_has_a_name():
    assert set(METHODS) == {
        *("integrated_gradients", "gradient_times_input", "occlusion"),
        "attention_rollout",
    }
    assert ADAPTERS["similarity"].target is None


class TestInPython:
    def test_arrays_of_a_folder(self, folders):
        records = RECORDS["classification"]
        found = bert_tf.explain(folders["classification"], records, "occlusion")
        assert [row["words"] for row in found] == [r["text"].split() for r in records]
        for row in found:
            assert row["weights"].shape == (len(row["words"]),)
            assert row["completeness_error"] is None

    def test_masked_words(self, tmp_path):
        import tiny_folder

        tiny_folder.write_pretrained(tmp_path / "masked")
        model = bert_tf.Model(str(tmp_path / "masked"), task="fill_mask")
        (found,) = bert_tf.explain(model, ["the film is [MASK] ."])
        assert found["words"] == ["the", "film", "is", "[MASK]", "."]
        (prediction,) = model.predict(["the film is [MASK] ."])
        best = prediction["tokens"][0][0]
        assert found["predicted"] == best["token"]
        assert found["probability"] == pytest.approx(best["probability"], abs=1e-5)
        assert found["weights"][3] == pytest.approx(
            0, abs=1e-6
        )  # It is hidden already.

    def test_another_method(self, folders):
        with pytest.raises(ValueError, match="method must be .*; received 'lime'"):
            bert_tf.explain(folders["classification"], ["bad"], "lime")

    def test_a_task_that_is_not_explained(self, folders):
        with pytest.raises(ValueError, match="predictions of similarity are not"):
            bert_tf.explain(folders["similarity"], ["bad"])
