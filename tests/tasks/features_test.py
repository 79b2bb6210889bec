"""Feature extraction: states against the NumPy reference, windows, layers, arrays."""

import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.data.records.tables import Table
from bert_tf.data.rows.pipeline import evaluation_rows
from bert_tf.tasks import ANSWERING, inputs_of
from bert_tf.tasks.features import Features
from bert_tf.training.tensorflow.evaluation import make_predictor

TEXTS = ["7 11 13", "17", "5 6 7 8 9 10 11 12 13 14 15 16"]


class Tokenizer(tiny.Tokenizer):
    vocab = tuple(f"piece {number}" for number in range(tiny.CONFIG.vocab_size))


def table(texts, **more):
    records = [{"text": text, **more} for text in texts]
    return Table("a.txt", records, list(range(1, len(texts) + 1)), {}, "")


def make(**options):
    options = {"max_seq_length": 30, **options}
    return Features(Tokenizer(), tiny.CONFIG.num_hidden_layers, **options)


def answers(task, model, texts, **more):
    columns = task.columns(table(texts, **more))
    examples = task.examples(columns)
    rows = evaluation_rows(inputs_of(task, examples), task.features, batch_size=2)
    outputs = make_predictor(model)(rows, len(examples["record"]))
    return task.predict(task.collect(columns, examples, outputs), columns)


def states(backbone, pieces, layer, segments=None):
    found = reference.encode(
        tiny.arrays(backbone),
        tiny.CONFIG,
        np.array(pieces),
        None if segments is None else np.array(segments),
    )
    return found["hidden_states"][layer]


@pytest.fixture(scope="module")
def backbone():
    return tiny.backbone()


def test_states_of_chosen_layers_are_the_references(backbone):
    task = make(layers="0,-1,1")
    found = answers(task, task.build(backbone), TEXTS)
    assert len(found) == 3
    for text, answer in zip(TEXTS, found):
        pieces = [tiny.CLS, *map(int, text.split()), tiny.SEP]
        assert answer["tokens"] == [f"piece {piece}" for piece in pieces]
        assert list(answer["layers"]) == ["0", "-1", "1"]
        for layer, array in answer["layers"].items():
            expected = states(backbone, pieces, int(layer))
            np.testing.assert_allclose(array, expected, atol=2e-5)
            assert array.dtype == np.float32


def test_pairs(backbone):
    task = make()
    (found,) = answers(task, task.build(backbone), ["7 8"], text_pair="9")
    expected = states(backbone, [2, 7, 8, 3, 9, 3], -1, [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(found["layers"]["-1"], expected, atol=2e-5)


def test_both_ends_and_the_beginning(backbone):
    for long_text, kept in (("truncate", [5, 6, 7, 8]), ("head_tail", [5, 14, 15, 16])):
        task = make(max_seq_length=6, long_text=long_text)
        found = answers(task, task.build(backbone), TEXTS[2:])
        pieces = [tiny.CLS, *kept, tiny.SEP]
        assert found[0]["tokens"] == [f"piece {piece}" for piece in pieces]
        np.testing.assert_allclose(
            found[0]["layers"]["-1"], states(backbone, pieces, -1), atol=2e-5
        )


def test_in_windows_each_piece_comes_once_from_where_it_has_most_context(backbone):
    task = make(max_seq_length=10, long_text="windows")  # Of 8 pieces, 2 shared.
    found = answers(task, task.build(backbone), TEXTS)
    pieces = [tiny.CLS, *range(5, 17), tiny.SEP]
    assert found[2]["tokens"] == [f"piece {piece}" for piece in pieces]
    first = states(backbone, [tiny.CLS, *range(5, 13), tiny.SEP], -1)
    second = states(backbone, [tiny.CLS, *range(11, 17), tiny.SEP], -1)
    np.testing.assert_allclose(
        found[2]["layers"]["-1"], np.concatenate([first[:8], second[2:]]), atol=2e-5
    )
    assert found[1]["tokens"] == ["piece 2", "piece 17", "piece 3"]


def test_pairs_in_windows_are_an_error():
    with pytest.raises(ValueError, match="pairs don't go in windows"):
        make(long_text="windows").columns(table(["7"], text_pair="8"))


def test_arrays_for_a_file(backbone):
    task = make(layers="-1,-2")
    found = answers(task, task.build(backbone), TEXTS)
    arrays = task.arrays(found)
    assert set(arrays) == {"tokens", "row_splits", "layer_-1", "layer_-2"}
    np.testing.assert_array_equal(arrays["row_splits"], [0, 5, 8, 22])
    assert arrays["tokens"][5:8].tolist() == found[1]["tokens"]
    np.testing.assert_array_equal(arrays["layer_-2"][5:8], found[1]["layers"]["-2"])


@pytest.mark.parametrize("layers", ["3", "-4", "x", "", "1,,2"])
def test_a_layer_that_is_not_there_is_an_error(layers):
    with pytest.raises(ValueError, match=r"layers must be .*to 2, .*to -3; received"):
        make(layers=layers)


def test_is_asked_by_name_alone():
    assert ANSWERING["features"] is Features
    assert not hasattr(Features, "score")


def test_features_add_all_places():
    task = make()
    pieces = tf.ragged.constant([[2, 7, 3], [2, 3]], dtype=tf.int32)
    found = task.features({"input_ids": pieces, "segment_ids": tf.zeros_like(pieces)})
    np.testing.assert_array_equal(found["places"], [[0, 1, 2], [0, 1, -1]])
