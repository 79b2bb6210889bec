"""Words as they are written, and the tokens that are theirs."""

import dataclasses

import numpy as np
import pytest

from bert_tf import Model
from bert_tf.analysis.explain.examples import make_examples, pad


@pytest.fixture(scope="module")
def model(folders):
    return Model(folders["classification"])


def tokens_of(model, text, pair=None):
    batch = model.task.tokenizer([text], None if pair is None else [pair])
    return np.asarray(batch["input_ids"])[0], np.asarray(batch["segment_ids"])[0]


def test_words_keep_their_letters_and_cover_all_tokens(model):
    text = "It was very GOOD , zzz"
    (example,) = make_examples(model.task, [{"text": text}])
    assert example.words == text.split()
    assert set(example.fields) == {"text"}
    ids, segments = tokens_of(model, text)
    np.testing.assert_array_equal(example.ids, ids)
    np.testing.assert_array_equal(example.segments, segments)
    covered = np.concatenate(example.tokens)
    np.testing.assert_array_equal(covered, np.arange(1, len(ids) - 1))


def test_pairs(folders):
    model = Model(folders["pairs"])
    record = {"text": "it was good", "text_pair": "a fine film"}
    (example,) = make_examples(model.task, [record])
    ids, segments = tokens_of(model, *record.values())
    np.testing.assert_array_equal(example.ids, ids)
    np.testing.assert_array_equal(example.segments, segments)
    assert example.words == ["it", "was", "good", "a", "fine", "film"]
    assert example.fields == ["text"] * 3 + ["text_pair"] * 3


@pytest.mark.parametrize("long_text", ["truncate", "head_tail"])
def test_long_texts_are_cut_as_the_task_cuts_them(model, long_text):
    options = dataclasses.replace(
        model.task.options, max_seq_length=8, long_text=long_text
    )
    task = type(model.task)(model.task.tokenizer, options, labels=model.task.labels)
    text = "it was very good and the film is fine"
    (example,) = make_examples(task, [{"text": text}])
    framed = task.features({"text": np.array([text])})
    np.testing.assert_array_equal(example.ids, framed["input_ids"][0])
    words = text.split()
    kept = words[:6] if long_text == "truncate" else words[:1] + words[-5:]
    assert example.words == kept


def test_windows_are_refused(folders):
    model = Model(folders["question_answering"])
    record = {"question": "is it ?", "context": "the film is good . " * 20}
    with pytest.raises(ValueError, match="record 0 has .* tokens, more than"):
        make_examples(model.task, [record])


def test_hidden_words(model):
    (example,) = make_examples(model.task, [{"text": "it was good"}])
    ids = example.hide([1], mask_id=99)
    assert (ids == 99).sum() == len(example.tokens[1])
    assert (example.ids != 99).all()  # It itself has not changed.


def test_padding(model):
    ids = [np.array([2, 5, 3], np.int32), np.array([2, 3], np.int32)]
    batch = pad(model.task.tokenizer, ids, [np.zeros(3), np.zeros(2)])
    assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 3, 0]]
    assert batch["input_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
