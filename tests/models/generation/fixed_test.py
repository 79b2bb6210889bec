"""Greedy search with a cache of fixed size finds what greedy search finds."""

import types

import numpy as np
import pytest
import tiny
import tiny_seq2seq

from bert_tf.models.backbone import as_rows
from bert_tf.models.decoding import generate
from bert_tf.models.generation.fixed import greedy_fixed

LENGTH = 11
OPTIONS = {
    "max_target_length": LENGTH,
    "num_beams": 1,
    "length_penalty": 0.8,
    "min_target_length": 0,
    "no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "do_sample": False,
}
TOKENS = {"start_id": tiny.CLS, "end_id": tiny.SEP}


def sources():
    padded = tiny_seq2seq.padded()
    del padded["target_ids"]
    return padded


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"min_target_length": 4},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "max_target_length": 30},
        {"max_target_length": 2},
    ],
)
def test_it_generates_what_one_beam_generates(shared, changes):
    model = tiny_seq2seq.model(shared=shared)
    options = types.SimpleNamespace(**OPTIONS | changes)
    expected = generate(model, as_rows(sources()), options, **TOKENS)
    texts = greedy_fixed(model, sources(), options, **TOKENS)
    np.testing.assert_array_equal(texts["ids"], expected["ids"])
    np.testing.assert_allclose(texts["scores"], expected["scores"], atol=1e-5)
    assert texts["ids"].shape == (4, 1, options.max_target_length)
    if changes.get("no_repeat_ngram_size") == 1:
        for (text,) in texts["ids"].numpy():
            words = text[text > 0].tolist()
            assert len(set(words)) == len(words)


def test_an_end_fills_the_rest_with_padding():
    """A bias makes the end certain, after the fewest tokens."""
    model = tiny_seq2seq.model()
    bias = model.decoder.predictions.output_bias
    bias.assign(np.where(np.arange(bias.shape[0]) == tiny.SEP, 50.0, 0.0))
    options = types.SimpleNamespace(**OPTIONS | {"min_target_length": 3})
    (ids,) = greedy_fixed(model, _first(sources()), options, **TOKENS)["ids"].numpy()
    assert (ids[0, :3] > tiny.SEP).all()
    assert ids[0, 3:].tolist() == [tiny.SEP] + [0] * (LENGTH - 4)


def _first(batch):
    return {name: array[:1] for name, array in batch.items()}
