"""Tokens leave a vocabulary with their rows, and all ids that remain are the new ones."""

import dataclasses

import numpy as np
import pytest

from bert_tf.checkpoints.contents import ModelFolder
from bert_tf.checkpoints.trimming import special_ids, trim
from bert_tf.config import BertConfig

VOCAB = ["x", "[PAD]", "y", "[UNK]", "[CLS]", "[SEP]", "z", "<e>", "[MASK]", "w"]
TABLE, BIAS = "bert/embeddings/word_embeddings", "cls/predictions/output_bias"
CONFIG = BertConfig(
    vocab_size=13,  # Three rows more than tokens.
    hidden_size=2,
    num_attention_heads=1,
    extra={"pad_token_id": 1, "bos_token_id": None, "eos_token_id": 9, "dtype": "f"},
)
TOKENIZER = {
    "do_lower_case": True,
    "unk_token": {"content": "[UNK]", "lstrip": False},
    "additional_special_tokens": ["<e>"],
    "added_tokens_decoder": {
        "1": {"content": "[PAD]", "special": True},
        "7": {"content": "<e>", "special": True},
    },
}


def folder(**tokenizer):
    return ModelFolder(CONFIG, VOCAB, TOKENIZER | tokenizer, {"task": "none"})


def test_special_tokens_are_those_of_bert_and_those_that_the_folder_names():
    assert special_ids(folder()) == {1, 3, 4, 5, 7, 8, 9}  # 9: eos_token_id.
    plain = ModelFolder(BertConfig(), VOCAB, {"do_lower_case": True})
    assert special_ids(plain) == {1, 3, 4, 5, 8}
    without_mask = dataclasses.replace(plain, vocab=VOCAB[:8])
    assert special_ids(without_mask) == {1, 3, 4, 5}


@pytest.mark.parametrize(
    ("tokenizer", "name"),
    [
        ({"mask_token": "<mask>"}, "<mask>"),
        ({"additional_special_tokens": ["<e>", "<f>"]}, "<f>"),
        ({"extra_special_tokens": {"image_token": "<i>"}}, "<i>"),
        ({"added_tokens_decoder": {"11": {"content": "<g>"}}}, "<g>"),
    ],
)
def test_a_special_token_without_an_id_is_an_error(tokenizer, name):
    with pytest.raises(ValueError, match=f"special token '{name}' .* not among the 10"):
        special_ids(folder(**tokenizer))


def test_rows_and_ids_of_the_tokens_that_are_kept():
    table = np.arange(26, dtype=np.float32).reshape(13, 2)
    arrays = {TABLE: table, BIAS: np.arange(13.0), "bert/other": np.ones(13)}
    kept = [1, 3, 4, 5, 6, 7, 8, 9]
    smaller, rows = trim(folder(), arrays, kept)
    assert smaller.vocab == [VOCAB[number] for number in kept]
    assert smaller.config.vocab_size == 8
    assert smaller.config.extra == {
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 7,
        "dtype": "f",
    }
    assert smaller.tokenizer == TOKENIZER | {
        "added_tokens_decoder": {
            "0": TOKENIZER["added_tokens_decoder"]["1"],
            "5": TOKENIZER["added_tokens_decoder"]["7"],
        }
    }
    assert smaller.settings == {"task": "none"}
    np.testing.assert_array_equal(rows[TABLE], table[kept])
    np.testing.assert_array_equal(rows[BIAS], kept)
    np.testing.assert_array_equal(rows["bert/other"], np.ones(13))
    assert arrays[TABLE].shape == (13, 2) and folder().config.vocab_size == 13


def test_a_model_without_the_head_of_masked_words():
    _, rows = trim(folder(), {TABLE: np.ones((13, 2))}, [1, 3, 4, 5, 7, 8, 9])
    assert rows.keys() == {TABLE}
