"""Feature extraction: states as in the NumPy reference, windows, layers, arrays."""

import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.data.records.tables import Table
from bert_tf.tasks import TASKS, find_task
from bert_tf.tasks.features import Features
from bert_tf.training.tensorflow.evaluation import make_predictor

TEXTS = ["7 11 13", "17", "5 6 7 8 9 10 11 12 13 14 15 16"]


class Tokenizer(tiny.Tokenizer):
    vocab = tuple(f"token {number}" for number in range(tiny.CONFIG.vocab_size))

    def tokenize(self, texts):
        return super().tokenize(tf.constant(texts))


def table(texts, **more):
    records = [{"text": text, **more} for text in texts]
    return Table("a.txt", records, list(range(1, len(texts) + 1)), {}, "")


def make(**options):
    options = Features.Options(**{"max_seq_length": 30} | options)
    return Features(Tokenizer(), options, num_layers=tiny.CONFIG.num_hidden_layers)


def predict(task, model, texts, **more):
    """Returns predictions, computed in batches of two."""
    columns = task.columns(table(texts, **more))
    examples = task.examples(columns)
    rows = task.evaluation_rows(examples, batch_size=2)
    outputs = make_predictor(model)(rows, task.count(examples))
    return task.predict(task.collect(columns, examples, outputs), columns)


def states(backbone, ids, layer, segments=None):
    """Returns the states of a layer, [tokens, H], by the NumPy reference."""
    encoded = reference.encode(
        tiny.arrays(backbone),
        tiny.CONFIG,
        np.array(ids),
        None if segments is None else np.array(segments),
    )
    return encoded["hidden_states"][layer]


@pytest.fixture(scope="module")
def backbone():
    return tiny.backbone()


def test_states_of_chosen_layers_equal_the_references(backbone):
    task = make(layers="0,-1,1")
    predictions = predict(task, task.build(backbone), TEXTS)
    assert len(predictions) == 3
    for text, prediction in zip(TEXTS, predictions):
        ids = [tiny.CLS, *map(int, text.split()), tiny.SEP]
        assert prediction["tokens"] == [f"token {id_}" for id_ in ids]
        assert list(prediction["layers"]) == ["0", "-1", "1"]
        for layer, array in prediction["layers"].items():
            expected = states(backbone, ids, int(layer))
            np.testing.assert_allclose(array, expected, atol=2e-5)
            assert array.dtype == np.float32


def test_pairs(backbone):
    task = make()
    (prediction,) = predict(task, task.build(backbone), ["7 8"], text_pair="9")
    expected = states(backbone, [2, 7, 8, 3, 9, 3], -1, [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(prediction["layers"]["-1"], expected, atol=2e-5)


def test_both_ends_and_the_beginning(backbone):
    for long_text, kept in (("truncate", [5, 6, 7, 8]), ("head_tail", [5, 14, 15, 16])):
        task = make(max_seq_length=6, long_text=long_text)
        (prediction,) = predict(task, task.build(backbone), TEXTS[2:])
        ids = [tiny.CLS, *kept, tiny.SEP]
        assert prediction["tokens"] == [f"token {id_}" for id_ in ids]
        np.testing.assert_allclose(
            prediction["layers"]["-1"], states(backbone, ids, -1), atol=2e-5
        )


def test_each_token_comes_from_the_window_with_most_context(backbone):
    task = make(max_seq_length=10, long_text="windows")  # 8 tokens; 2 overlap.
    predictions = predict(task, task.build(backbone), TEXTS)
    ids = [tiny.CLS, *range(5, 17), tiny.SEP]
    assert predictions[2]["tokens"] == [f"token {id_}" for id_ in ids]
    first = states(backbone, [tiny.CLS, *range(5, 13), tiny.SEP], -1)
    second = states(backbone, [tiny.CLS, *range(11, 17), tiny.SEP], -1)
    np.testing.assert_allclose(
        predictions[2]["layers"]["-1"],
        np.concatenate([first[:8], second[2:]]),
        atol=2e-5,
    )
    assert predictions[1]["tokens"] == ["token 2", "token 17", "token 3"]


def test_pairs_in_windows_are_an_error():
    with pytest.raises(ValueError, match="pairs cannot be computed in windows"):
        make(long_text="windows").columns(table(["7"], text_pair="8"))


def test_arrays_for_a_file(backbone):
    task = make(layers="-1,-2")
    predictions = predict(task, task.build(backbone), TEXTS)
    arrays = task.arrays(predictions)
    assert set(arrays) == {"tokens", "row_splits", "layer_-1", "layer_-2"}
    np.testing.assert_array_equal(arrays["row_splits"], [0, 5, 8, 22])
    assert arrays["tokens"][5:8].tolist() == predictions[1]["tokens"]
    np.testing.assert_array_equal(
        arrays["layer_-2"][5:8], predictions[1]["layers"]["-2"]
    )


@pytest.mark.parametrize("layers", ["3", "-4", "x", "", "1,,2"])
def test_a_layer_that_does_not_exist_is_an_error(layers):
    with pytest.raises(ValueError, match=r"layers must be .*to 2, .*to -3; received"):
        make(layers=layers)


def test_is_a_task_without_scores():
    assert TASKS["features"] is find_task("features") is Features
    assert not Features.scored
    with pytest.raises(ValueError, match="task must be one of .*; received 'features'"):
        find_task("features", scored=True)


def test_a_folder_knows_the_number_of_its_layers():
    settings = {"max_seq_length": 12, "layers": "0,-3", "pooling": "mean"}
    task = Features.restore(Tokenizer(), tiny.CONFIG, settings)
    assert task.layers == [0, -3]
    assert task.options == Features.Options(max_seq_length=12, layers="0,-3")


def test_features_add_all_places():
    task = make()
    ids = tf.ragged.constant([[2, 7, 3], [2, 3]], dtype=tf.int32)
    example = task.features({"input_ids": ids, "segment_ids": tf.zeros_like(ids)})
    np.testing.assert_array_equal(example["places"], [[0, 1, 2], [0, 1, -1]])
