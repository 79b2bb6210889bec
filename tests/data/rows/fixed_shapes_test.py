"""Padded batches: their shapes, what padding holds, and that it changes no result."""

import keras
import numpy as np
import pytest
import tiny

from bert_tf.data.rows import streams
from bert_tf.data.rows.fixed_shapes import choose_row_length, round_up, stack
from bert_tf.data.rows.pretraining import masked_rows
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.tokenization.ragged import Ragged


def test_sizes_are_eight_an_octave():
    sizes = {round_up(count) for count in range(1, 1025)}
    assert sorted(sizes)[:20] == [*range(1, 17), 18, 20, 22, 24]
    for octave in (16, 32, 64, 512):
        assert sum(octave < size <= 2 * octave for size in sizes) == 8
    for count in range(1, 1025):
        assert count <= round_up(count) < count * 9 / 8 + 1
    assert round_up(0) == 1


@pytest.mark.parametrize(
    ("longest", "row_length"),
    [
        (8, 128),
        (64, 128),  # Two examples.
        (128, 128),
        (129, 384),  # Two; a row of 256 would leave 127 of 256 places empty.
        (192, 384),
        (200, 256),
        (384, 384),
        (400, 512),
        (512, 512),
    ],
)
def test_row_length(longest, row_length):
    assert choose_row_length(longest) == row_length


def micro_batch(examples, rows, seed):
    return {
        "input_ids": np.full([rows, 8], 7, np.int32),
        "sequence_ids": np.ones([rows, 8], np.int32),
        "first_token": np.arange(examples, dtype=np.int32),
        "label": np.arange(examples, dtype=np.int32) + 1,
        "dropout_seed": np.array([3, seed], np.int32),
    }


def test_an_update_is_padded_to_its_largest_micro_batch():
    update = stack([micro_batch(17, 2, seed=0), micro_batch(5, 3, seed=1)])
    assert {name: array.shape for name, array in update.items()} == {
        "input_ids": (2, 3, 8),
        "sequence_ids": (2, 3, 8),
        "first_token": (2, 18),
        "label": (2, 18),
        "dropout_seed": (2, 2),
        "weight": (2, 18),
    }
    assert update["weight"].dtype == np.float32
    assert update["weight"].sum(axis=1).tolist() == [17, 5]
    assert update["label"][1].tolist() == [1, 2, 3, 4, 5, *[0] * 13]
    assert update["sequence_ids"].sum(axis=2).tolist() == [[8, 8, 0], [8, 8, 8]]
    assert update["dropout_seed"].tolist() == [[3, 0], [3, 1]]
    assert all(update[name].dtype == np.int32 for name in update if name != "weight")


def test_padding_is_no_place_no_record_and_no_example():
    words = np.array([[0, 3, 5], [2, -1, -1]], np.int32)
    rows = {
        "first_token": np.array([0, 9], np.int32),
        "places": np.pad(words, [(0, 15), (0, 14)]),
        "label": np.ones([17, 17], np.int32),  # One for each word.
        "record": np.zeros(17, np.int32),
        "example_number": np.arange(17, dtype=np.int32),
        "weight": np.full(17, 0.5, np.float32),
    }
    update = stack([rows])
    assert update["places"].shape == update["label"].shape == (1, 18, 18)
    assert update["places"][0, 0].tolist() == [0, 3, 5, *[0] * 14, -1]
    assert (update["places"][0, 17] == -1).all()
    assert update["record"][0, 17] == update["example_number"][0, 17] == -1
    assert update["label"][0, 17].tolist() == [0] * 18
    # Weights that rows have are kept.
    assert update["weight"][0].tolist() == [*[0.5] * 17, 0]


def test_labels_of_classes_stay_as_wide_as_they_are():
    rows = {
        "first_token": np.zeros(2, np.int32),
        "label": np.ones([2, 17], np.float32),
        "places": np.zeros([2, 20], np.int32),
    }
    assert stack([rows])["label"].shape == (1, 2, 17)


def test_records_of_several_examples_have_one_weight():
    windows = {
        "first_token": np.zeros(3, np.int32),
        "record": np.array([0, 0, 1], np.int32),
        "records": np.arange(2, dtype=np.int32),
    }
    assert stack([windows])["weight"].shape == (1, 2)
    choices = {
        "first_token": np.zeros(20, np.int32),
        "choices": np.arange(20, dtype=np.int32).reshape(4, 5),
    }
    update = stack([choices])
    assert update["weight"].shape == (1, 4)
    assert update["choices"].shape == (1, 4, 5)


def test_an_empty_micro_batch_has_no_weight():
    empty = {"first_token": np.zeros(0, np.int32), "label": np.zeros(0, np.int32)}
    assert stack([empty])["weight"].tolist() == [[0]]


class TestResults:
    """Under TensorFlow: outputs, losses and sums of a padded batch equal those without."""

    def padded(self, rows):
        """Returns one of two padded micro-batches, whose first is the larger one."""
        larger = {
            name: np.concatenate([array] * 3) if name != "dropout_seed" else array
            for name, array in rows.items()
        }
        padded = {name: array[1] for name, array in stack([larger, rows]).items()}
        assert len(padded["first_token"]) > len(rows["first_token"])
        assert len(padded["input_ids"]) > len(rows["input_ids"])
        return padded

    def test_classification(self):
        task, model = tiny.task(), tiny.classifier()
        plan = {"batch_size": 5, "row_length": 128}
        stream = streams.training_rows(tiny.columns(5), tiny.features, **plan)
        rows = next(iter(stream))
        padded = self.padded(rows)
        plain, outputs = task.named(model(rows)), task.named(model(padded))
        logits = outputs["logits"].numpy()
        np.testing.assert_allclose(logits[:5], plain["logits"], atol=1e-6)
        assert np.isfinite(logits).all()
        self.assert_same_losses(task, rows, plain, padded, outputs)

    def test_pretraining(self):
        vocab = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), *map(str, range(78))]
        task = Pretraining(vocab, Pretraining.Options(max_seq_length=24))
        random = np.random.default_rng(3)
        texts = {
            name: Ragged(random.integers(5, 83, 54).astype(np.int32), range(0, 60, 9))
            for name in ("first", "second")
        }
        texts["label"] = random.integers(0, 2, 6).astype(np.int32)
        texts["mask_seed"] = np.arange(6)
        rows = masked_rows(task.features(texts), row_length=128)
        padded = self.padded(rows)
        model = tiny.fill(task.build(tiny.backbone()), 1)
        plain, outputs = model(rows), model(padded)
        self.assert_same_losses(task, rows, plain, padded, outputs)
        expected, sums = task.measure(rows, plain), task.measure(padded, outputs)
        assert sums.keys() == expected.keys()
        for name in sums:
            np.testing.assert_allclose(sums[name], expected[name], rtol=1e-6)

    def assert_same_losses(self, task, rows, plain, padded, outputs):
        for term, weights in task.weights(rows).items():
            losses = keras.ops.sum(weights * task.losses(rows, plain)[term])
            more = task.weights(padded)[term]
            assert len(more) > len(weights)
            np.testing.assert_array_equal(np.sum(more), np.sum(weights))
            padded_losses = keras.ops.sum(more * task.losses(padded, outputs)[term])
            np.testing.assert_allclose(padded_losses, losses, rtol=1e-6)
