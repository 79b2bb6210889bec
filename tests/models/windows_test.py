"""The outputs of a text are the mean of those of its windows."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.rows.long_texts import frame_long
from bert_tf.data.rows.packing import pack
from bert_tf.models.embedding import Embedder
from bert_tf.models.windows import mean_of_windows

OUTPUTS = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0], [0.0, 8.0]], np.float32)


def test_outputs_of_a_text_are_the_mean():
    rows = {"record": tf.constant([0, 0, 0, 1]), "records": tf.range(2)}
    np.testing.assert_allclose(mean_of_windows(OUTPUTS, rows), [[3, 3], [0, 8]])


def test_padding_changes_nothing():
    rows = {"record": tf.constant([0, 0, 1, -1]), "records": tf.constant([0, 1, 0])}
    means = mean_of_windows(OUTPUTS, rows)
    np.testing.assert_allclose(means, [[2, 4], [5, 1], [0, 0]])


def test_outputs_of_whole_texts_do_not_change():
    assert mean_of_windows(OUTPUTS, {}) is OUTPUTS


def test_no_texts():
    rows = {"record": tf.zeros([0], tf.int32), "records": tf.range(0)}
    assert mean_of_windows(np.zeros([0, 2], np.float32), rows).shape == (0, 2)


TEXTS = [list(range(5, 20)), [7, 8, 9], list(range(30, 39))]
WINDOWS = [[5, 6, 7, 8, 9, 10], [10, 11, 12, 13, 14, 15], [15, 16, 17, 18, 19]]


def rows_of(texts, long_text):
    """Frames texts of token ids, 6 tokens to a window, and packs them."""
    ids = tf.RaggedTensor.from_row_lengths(
        tf.constant([token for text in texts for token in text], tf.int32),
        [len(text) for text in texts],
    )
    return pack(
        frame_long(
            [ids],
            long_text=long_text,
            cls_id=tiny.CLS,
            sep_id=tiny.SEP,
            max_seq_length=8,
        )
    )


def test_logits_are_the_mean_of_those_of_windows():
    model = tiny.classifier()
    logits = model(rows_of(TEXTS, "windows"))
    assert logits.shape == (3, tiny.LABELS)
    alone = model(rows_of(WINDOWS, "truncate")).numpy()
    np.testing.assert_allclose(logits[0], alone.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(
        logits[1], model(rows_of(TEXTS[1:2], "truncate"))[0], atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_an_embedding_is_the_mean_of_those_of_windows_scaled_to_length_1(pooling):
    backbone = tiny.backbone()
    model = Embedder(backbone, pooling=pooling)
    embeddings = model(rows_of(TEXTS, "windows"))["embeddings"]
    assert embeddings.shape == (3, 1, tiny.CONFIG.hidden_size)
    raw = Embedder(backbone, pooling=pooling, normalize=False)
    windows = raw(rows_of(WINDOWS, "truncate"))["embeddings"].numpy()
    mean = windows.mean(axis=(0, 1))
    np.testing.assert_allclose(embeddings[0, 0], mean / np.linalg.norm(mean), atol=1e-5)


def test_gradients_reach_all_windows_of_a_text():
    model = tiny.classifier()
    rows = rows_of(TEXTS[:1], "windows")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(rows)[:, 0])
    table = tape.gradient(loss, model.backbone.embeddings.word_table)
    reached = np.flatnonzero(np.abs(tf.convert_to_tensor(table)).sum(axis=1))
    assert set(range(5, 20)) <= set(reached)
