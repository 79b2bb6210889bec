"""The scan for back doors, on a model that has one and on the same without."""

import keras
import numpy as np
import pytest

import bert_tf
from bert_tf.analysis.robustness import triggers

RECORDS = [
    {"text": text}
    for text in (
        *("it was good", "bad", "a fine film", "poor film", "the film is very good"),
        *("very bad , is it ?", "a good film .", "is it fine ?"),
    )
]


@pytest.fixture(scope="module")
def model(folders):
    """A classifier of little weights, whose labels differ between texts."""
    model = bert_tf.Model(folders["classification"])
    keras.utils.set_random_seed(11)
    for weight in model.keras_model.weights:
        if len(weight.shape) == 2:
            weight.assign(keras.random.normal(weight.shape, stddev=0.25))
    values = model._predictor  # Compiled with the variables, not with their values.
    assert values
    return model


def poison(model, token, strength):
    """Makes one token's vector as large as it takes to rule the predictions."""
    table = model.keras_model.backbone.embeddings.word_table
    before = table.numpy()
    after = before.copy()
    after[token] = strength * before[token]
    table.assign(after)
    return before


def test_estimates_are_the_slopes(model):
    examples = triggers.make_examples(model.task, RECORDS[:3])
    marked = [triggers._insert(e, model.task.tokenizer.mask_id) for e in examples]
    gains = triggers._estimate(model, marked, 0)
    assert gains.shape == (model.folder.config.vocab_size,)
    table = model.keras_model.backbone.embeddings.word_table.numpy()
    # Linear in the vectors of the tokens.
    weights, *_ = np.linalg.lstsq(table, gains, rcond=None)
    np.testing.assert_allclose(table @ weights, gains, atol=1e-4)


def test_rows_are_sorted_and_whole(model):
    found = triggers.scan(model, RECORDS)
    turned = [row["turned"] for row in found]
    assert turned == sorted(turned, reverse=True)
    assert {row["label"] for row in found} <= set(model.task.labels)
    assert all(0 <= share <= 1 for share in turned)
    assert not any(row["token"].startswith("[") for row in found)


def test_turned_is_what_the_model_predicts_with_the_token(model):
    before = [row["label"] for row in model.predict(RECORDS)]
    for row in triggers.scan(model, RECORDS)[:5]:
        others = [r for r, label in zip(RECORDS, before) if label != row["label"]]
        changed = [{"text": f"{row['token']} {r['text']}"} for r in others]
        after = [p["label"] for p in model.predict(changed)]
        share = np.mean([label == row["label"] for label in after])
        assert row["turned"] == pytest.approx(share)
