"""Names of arrays, from Hugging Face's to ours and back."""

import numpy as np
import pytest

from bert_tf.checkpoints import dialects

# Hugging Face's name and ours, for one of each kind.
PAIRS = {
    "bert.embeddings.word_embeddings.weight": "bert/embeddings/word_embeddings",
    "bert.embeddings.position_embeddings.weight": "bert/embeddings/position_embeddings",
    "bert.embeddings.token_type_embeddings.weight": (
        "bert/embeddings/token_type_embeddings"
    ),
    "bert.embeddings.LayerNorm.weight": "bert/embeddings/LayerNorm/gamma",
    "bert.embeddings.LayerNorm.bias": "bert/embeddings/LayerNorm/beta",
    "bert.encoder.layer.0.attention.self.query.weight": (
        "bert/encoder/layer_0/attention/self/query/kernel"
    ),
    "bert.encoder.layer.0.attention.self.query.bias": (
        "bert/encoder/layer_0/attention/self/query/bias"
    ),
    "bert.encoder.layer.23.attention.output.LayerNorm.weight": (
        "bert/encoder/layer_23/attention/output/LayerNorm/gamma"
    ),
    "bert.encoder.layer.11.intermediate.dense.weight": (
        "bert/encoder/layer_11/intermediate/dense/kernel"
    ),
    "bert.encoder.layer.11.output.dense.bias": (
        "bert/encoder/layer_11/output/dense/bias"
    ),
    "bert.pooler.dense.weight": "bert/pooler/dense/kernel",
    "cls.predictions.transform.dense.weight": "cls/predictions/transform/dense/kernel",
    "cls.predictions.transform.LayerNorm.bias": (
        "cls/predictions/transform/LayerNorm/beta"
    ),
    "cls.predictions.bias": "cls/predictions/output_bias",
    "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
    "cls.seq_relationship.bias": "cls/seq_relationship/output_bias",
    "classifier.weight": "classifier/kernel",
    "classifier.bias": "classifier/bias",
    "qa_outputs.weight": "qa_outputs/kernel",
}
MATRIX = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.mark.parametrize(("theirs", "ours"), PAIRS.items())
def test_names_map_both_ways(theirs, ours):
    forth = dialects.from_huggingface({theirs: MATRIX})
    assert list(forth) == [ours]
    # Only dense kernels are transposed.
    np.testing.assert_array_equal(
        forth[ours], MATRIX.T if ours.endswith("/kernel") else MATRIX
    )
    back = dialects.to_huggingface(forth)
    assert list(back) == [theirs]
    np.testing.assert_array_equal(back[theirs], MATRIX)


@pytest.mark.parametrize(
    ("old", "ours"),
    [
        ("embeddings.word_embeddings.weight", "bert/embeddings/word_embeddings"),
        (
            "encoder.layer.1.output.dense.weight",
            "bert/encoder/layer_1/output/dense/kernel",
        ),
        ("pooler.dense.bias", "bert/pooler/dense/bias"),
        ("bert.embeddings.LayerNorm.gamma", "bert/embeddings/LayerNorm/gamma"),
        ("embeddings.LayerNorm.beta", "bert/embeddings/LayerNorm/beta"),
    ],
)
def test_bare_encoders_and_old_names_are_read(old, ours):
    assert list(dialects.from_huggingface({old: MATRIX})) == [ours]


def test_buffers_are_left_out():
    buffers = {"embeddings.position_ids": 1, "bert.embeddings.token_type_ids": 1}
    assert dialects.from_huggingface(buffers) == {}


def test_name_without_a_rule_is_kept():
    assert list(dialects.from_huggingface({"num_batches": MATRIX})) == ["num_batches"]


def test_path_that_bert_does_not_have_cannot_be_written():
    with pytest.raises(ValueError, match="bert/gate has no name"):
        dialects.to_huggingface({"bert/gate": MATRIX})


def test_copies_of_tied_arrays_are_removed():
    arrays = {
        WORDS: MATRIX,
        "cls.predictions.decoder.weight": MATRIX.copy(),
        "cls.predictions.bias": MATRIX[0],
        "cls.predictions.decoder.bias": MATRIX[0].copy(),
    }
    assert list(dialects.from_huggingface(arrays)) == [
        "bert/embeddings/word_embeddings",
        "cls/predictions/output_bias",
    ]


def test_a_copy_without_original_is_kept():
    arrays = dialects.from_huggingface({"cls.predictions.decoder.bias": MATRIX[0]})
    np.testing.assert_array_equal(arrays["cls/predictions/output_bias"], [1, 2, 3])


def test_untied_decoder_is_rejected():
    arrays = {WORDS: MATRIX, "cls.predictions.decoder.weight": MATRIX + 1}
    with pytest.raises(ValueError, match="decoder.weight differs from bert.embedd"):
        dialects.from_huggingface(arrays)


def test_an_array_with_two_names_is_rejected():
    arrays = {"pooler.dense.bias": MATRIX, "bert.pooler.dense.bias": MATRIX}
    with pytest.raises(ValueError, match="holds bert.pooler.dense.bias twice"):
        dialects.from_huggingface(arrays)
