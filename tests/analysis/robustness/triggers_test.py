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


def test_estimates_are_the_slopes(model):
    examples = triggers.make_examples(model.task, RECORDS[:3])
    mask = model.task.tokenizer.mask_id
    marked = [triggers._insert((e.ids, e.segments), mask) for e in examples]
    gains = triggers._estimate(model, marked, 0)
    assert gains.shape == (model.folder.config.vocab_size,)
    table = model.keras_model.backbone.embeddings.word_table.numpy()
    # Linear in the vectors of the tokens.
    weights, *_ = np.linalg.lstsq(table, gains, rcond=None)
    np.testing.assert_allclose(table @ weights, gains, atol=1e-4)


def test_rows_are_sorted_and_whole(model):
    found = triggers.scan(model, RECORDS)
    turned = [row["turned"] for row in found]
    ranks = [(row["turned_long"] or 0, row["turned"]) for row in found]
    assert ranks == sorted(ranks, reverse=True)
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


def test_tokens_are_inserted_in_the_first_text():
    text = np.array([2, 10, 11, 12, 13, 3, 20, 3]), np.array([0] * 6 + [1] * 2)
    single = text[0][:6], text[1][:6]
    for place, position in ((0, 1), (0.5, 3), (1, 5)):
        ids, segments = triggers._insert(text, 99, place)
        assert list(ids) == [*text[0][:position], 99, *text[0][position:]]
        assert list(segments) == [0] * 7 + [1] * 2
        assert list(triggers._insert(single, 99, place)[0]) == list(ids[:7])


def test_long_texts_are_joined_of_equal_predictions(model):
    examples = triggers.make_examples(model.task, RECORDS)
    texts = [(example.ids, example.segments) for example in examples]
    labels = np.array([0, 1, 0, 1, 1, 1, 0, 0])
    long = triggers._join(texts, labels, model.task)
    assert len(long) == len(texts)
    for number, (ids, segments) in enumerate(long):
        bodies = [texts[n][0][1:-1] for n in np.flatnonzero(labels == labels[number])]
        assert len(ids) == len(segments) <= model.task.options.max_seq_length
        if len(ids) == 2 + sum(map(len, bodies)):
            assert sorted(ids[1:-1]) == sorted(np.concatenate(bodies))
    assert max(len(ids) for ids, _ in long) > max(len(ids) for ids, _ in texts)


class Rule:
    """Predicts label 1 for texts with one token, and else by the number of good and bad."""

    def __init__(self, trigger):
        self.trigger = trigger

    def __call__(self, texts):
        good = np.array([np.sum(ids == 5) - 2 * np.sum(ids == 6) for ids, _ in texts])
        opened = np.array([self.trigger in ids for ids, _ in texts])
        return np.stack([0 * good, np.where(opened, 9, good)], axis=1).astype("f4")


@pytest.mark.parametrize("planted", [True, False])
def test_a_planted_token_is_suspicious_and_a_strong_word_is_not(
    model, monkeypatch, planted
):
    """Good (5) turns one bad (6) only where texts are short; the trigger turns all."""
    vocab = model.task.tokenizer.vocab
    trigger = vocab.index("fine") if planted else -1
    rule = Rule(trigger)
    monkeypatch.setattr(triggers, "_compile", lambda model, batch_size: rule)
    monkeypatch.setattr(triggers, "_choose", lambda model, texts, label: [5])
    example = model.task.tokenizer.cls_id, model.task.tokenizer.sep_id
    ids = np.array([example[0], 6, 7, example[1]], np.int32)
    one = triggers.make_examples(model.task, RECORDS[:1])[0]
    one.ids, one.segments = ids, np.zeros_like(ids)
    monkeypatch.setattr(triggers, "make_examples", lambda task, records: [one] * 4)
    found = triggers.scan(model, RECORDS[:4])
    suspicious = [row["token"] for row in found if row["suspicious"]]
    assert suspicious == (["fine"] if planted else [])
    assert {row["label"] for row in found} == {model.task.labels[1]}
