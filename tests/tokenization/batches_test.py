"""The callable tokenizer: equality with BertTokenizerFast, kinds of texts, bad input."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tiny_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.tokenization import BertTokenizer

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
TEXTS = json.loads((FIXTURES / "tokenization.json").read_text())["texts"]
VOCAB = json.loads((FIXTURES / "tokenization.json").read_text())["small_vocab"]
CASES = json.loads((FIXTURES / "batches.json").read_text())["cases"]
NAMES = ["input_ids", "input_mask", "segment_ids"]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer(tiny_folder.VOCAB)


def listed(batch):
    return {
        name: ids.to_list()
        if isinstance(ids, tf.RaggedTensor)
        else ids.numpy().tolist()
        for name, ids in batch.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["arguments"]))
def test_batches_equal_those_of_bert_tokenizer_fast(case):
    options = dict(case["arguments"])
    pairs = TEXTS[::-1] if options.pop("pairs") else None
    batch = BertTokenizer(VOCAB, keep_special_tokens=True)(TEXTS, pairs, **options)
    assert list(batch) == NAMES
    assert {ids.dtype for ids in batch.values()} == {tf.int32}
    assert listed(batch) == case["batch"]


def test_a_worked_example(tokenizer):
    assert listed(tokenizer(["it is good", "bad"], ["very", "a film"])) == {
        "input_ids": [[2, 10, 11, 15, 3, 13, 3], [2, 16, 3, 8, 14, 3, 0]],
        "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0]],
        "segment_ids": [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 0]],
    }


def test_a_model_has_a_position_for_each_token(tmp_path, tokenizer):
    tiny_folder.write(tmp_path)
    says = "^max_length is 25, but the model has 24 positions; lower it.$"
    with pytest.raises(ValueError, match=says):
        BertTokenizer.from_pretrained(tmp_path)("it is", max_length=25)
    # This one knows no model.
    batch = tokenizer("it is", max_length=600, padding="max_length")
    assert batch["input_ids"].shape == (1, 600)


def test_padding_has_the_id_of_pad():
    vocab = ["a", "[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    batch = listed(BertTokenizer(vocab)(["a a", "a"]))
    assert batch["input_ids"] == [[2, 0, 0, 3], [2, 0, 3, 4]]
    assert batch["input_mask"] == [[1, 1, 1, 1], [1, 1, 1, 0]]


@pytest.mark.parametrize(
    "texts",
    [
        ["a film", "it"],
        ("a film", b"it"),
        np.array(["a film", "it"]),
        np.array(["a film", "it"], dtype=object),
        tf.constant(["a film", "it"]),
        (text for text in ("a film", "it")),
        {"a film": 1, "it": 2}.keys(),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_kinds_of_texts(tokenizer, texts):
    assert listed(tokenizer(texts))["input_ids"] == [[2, 8, 14, 3], [2, 10, 3, 0]]


@pytest.mark.parametrize(
    "text", ["it", b"it", np.array("it"), np.str_("it"), tf.constant("it")]
)
def test_a_single_text_is_a_batch_of_one(tokenizer, text):
    assert listed(tokenizer(text))["input_ids"] == [[2, 10, 3]]


def test_no_texts(tokenizer):
    assert tokenizer([])["input_ids"].shape == (0, 0)
    assert tokenizer([], [], max_length=5, padding="max_length")[
        "input_mask"
    ].shape == (
        0,
        5,
    )


def test_in_a_pipeline(tokenizer):
    data = tf.data.Dataset.from_tensor_slices((["it is", "a"], [1, 0])).batch(2)
    data = data.map(lambda texts, labels: (tokenizer(texts, max_length=8), labels))
    (batch, labels), *_ = data
    assert listed(batch)["input_ids"] == [[2, 10, 11, 3], [2, 8, 3, 0]]
    assert labels.numpy().tolist() == [1, 0]
    lone = tf.data.Dataset.from_tensors("it is").map(tokenizer)
    assert listed(next(iter(lone)))["input_ids"] == [[2, 10, 11, 3]]


def test_from_a_folder(tmp_path):
    tiny_folder.write(tmp_path)
    tokenizer = BertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.vocab == tiny_folder.VOCAB
    # As transformers reads the folder: special tokens are kept, 24 positions.
    batch = tokenizer(["it [MASK] " + "very " * 30])
    assert batch["input_ids"].shape == (1, 24)
    assert batch["input_ids"][0, :4].numpy().tolist() == [2, 10, 4, 13]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30)), st.integers(2, 12))
def test_every_length_is_kept(texts, max_length):
    tokenizer = BertTokenizer(tiny_folder.VOCAB)
    batch = tokenizer(texts, max_length=max_length)
    lengths = [min(len(ids) + 2, max_length) for ids in tokenizer.tokenize(texts)]
    assert tf.reduce_sum(batch["input_mask"], axis=1).numpy().tolist() == lengths
    ragged = tokenizer(texts, max_length=max_length, padding=False)
    assert ragged["input_ids"].row_lengths().numpy().tolist() == lengths


class TestBadInput:
    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (["it", None], r"^texts\[1\] must be a string; received 'None'\.$"),
            (["it", 3.5], r"^texts\[1\] must be a string; received '3.5'\.$"),
            ([("it", "is")], r"^texts\[0\] .* Pass second texts as pairs\.$"),
            ([["it"]], r"^texts\[0\] must be a string"),
            (7, "^texts must be a string or a list of strings; received '7'"),
            (None, "^texts must be a string or a list of strings; received 'None'"),
            ({"text": ["it"]}, "^texts must be a string or a list of strings"),
            (tf.constant([1, 2]), "^texts must be strings; received a tensor of int32"),
        ],
    )
    def test_what_is_no_text(self, tokenizer, texts, message):
        with pytest.raises(TypeError, match=message):
            tokenizer(texts)

    @pytest.mark.parametrize(
        "texts",
        [np.array([["it", "is"]]), tf.constant([["it"]])],
        ids=["array", "tensor"],
    )
    def test_a_table(self, tokenizer, texts):
        with pytest.raises(ValueError, match=r"of shape \[B\]; received \(1, [12]\)"):
            tokenizer(texts)

    def test_a_data_frame_is_not_its_column_names(self, tokenizer):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"text": ["it", "is"], "label": [0, 1]})
        with pytest.raises(ValueError, match=r"received \(2, 2\)"):
            tokenizer(frame)
        assert listed(tokenizer(frame["text"])) == listed(tokenizer(["it", "is"]))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"padding": "left"}, "padding must be 'longest', 'max_length' or False"),
            ({"padding": "max_length"}, "needs a length: pass max_length=128"),
            ({"truncation": "only_first"}, "truncation must be True.*'only_first'"),
            ({"max_length": 1}, "max_length is 1, but the special tokens alone take 2"),
            (
                {"max_length": 3, "truncation": False, "padding": "max_length"},
                "a text of 4 tokens is longer than max_length=3; pass truncation=True",
            ),
            ({"pairs": ["is"]}, "there are 2 texts and 1 pair"),
            ({"pairs": ["a", "b"], "max_length": 2}, "special tokens alone take 3"),
        ],
    )
    def test_arguments(self, tokenizer, options, message):
        with pytest.raises(ValueError, match=message):
            tokenizer(["it is", "a"], **options)

    def test_a_long_text_in_a_graph(self, tokenizer):
        options = {"max_length": 3, "truncation": False, "padding": "max_length"}
        data = tf.data.Dataset.from_tensors(["it is"]).map(
            lambda texts: tokenizer(texts, **options)
        )
        with pytest.raises(tf.errors.InvalidArgumentError, match="longer than"):
            next(iter(data))
