"""Padded batches: their shapes, what padding holds, and that it changes no result."""

import keras
import numpy as np
import pytest
import tiny

from bert_tf.data.rows import streams
from bert_tf.data.rows.fixed_shapes import (
    choose_row_length,
    in_few_shapes,
    round_up,
    round_up_rows,
    stack,
)
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
        "first_token": (2, 17),
        "label": (2, 17),
        "dropout_seed": (2, 2),
        "weight": (2, 17),
    }
    assert update["weight"].dtype == np.float32
    assert update["weight"].sum(axis=1).tolist() == [17, 5]
    assert update["label"][1].tolist() == [1, 2, 3, 4, 5, *[0] * 12]
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
    batch = round_up_rows(rows)
    assert batch["places"].shape == batch["label"].shape == (18, 18)
    assert batch["places"][0].tolist() == [0, 3, 5, *[0] * 14, -1]
    assert (batch["places"][17] == -1).all()
    assert batch["record"][17] == batch["example_number"][17] == -1
    assert batch["label"][17].tolist() == [0] * 18
    # Weights that rows have are kept.
    assert batch["weight"].tolist() == [*[0.5] * 17, 0]


def test_labels_of_classes_stay_as_wide_as_they_are():
    rows = {
        "first_token": np.zeros(2, np.int32),
        "label": np.ones([2, 17], np.float32),
        "places": np.zeros([2, 20], np.int32),
    }
    assert round_up_rows(rows)["label"].shape == (2, 17)


def test_masked_tokens_are_rounded_to_a_part_of_all_tokens():
    rows = micro_batch(17, 17, seed=0)
    rows["masked_lm_ids"] = np.ones(33, np.int32)
    batch = round_up_rows(rows)
    assert batch["input_ids"].shape == (18, 8)
    assert batch["masked_lm_ids"].shape == batch["masked_lm_weight"].shape == (36,)
    assert batch["masked_lm_weight"].sum() == 33


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


class TestFewShapes:
    """Hundreds of micro-batches of unlike sizes get three shapes, and little padding."""

    def make_rows(self, number):
        random = np.random.default_rng(number)
        # Rows and masked tokens vary as in pretraining, and so does the last axis of places.
        rows = micro_batch(16, int(random.normal(40, 2)), seed=number)
        masked = int(rows["input_ids"].size * random.normal(0.15, 0.003))
        rows["masked_lm_ids"] = np.full(masked, 9, np.int32)
        rows["places"] = np.zeros([16, random.integers(5, 8)], np.int32)
        return rows

    @pytest.mark.parametrize(("micro_batches", "most"), [(1, 1.06), (4, 1.1)])
    def test_three_with_little_padding(self, micro_batches, most):
        make_padded = in_few_shapes(self.make_rows, micro_batches)
        shapes, needed, padded = set(), 0, 0
        for first in range(0, 400, micro_batches):
            numbers = range(first, first + micro_batches)
            update = stack([make_padded(number) for number in numbers])
            shapes.add(str({name: array.shape for name, array in update.items()}))
            for name in ("input_ids", "masked_lm_ids"):
                padded += update[name].size
                needed += sum(self.make_rows(number)[name].size for number in numbers)
        assert len(shapes) <= 3
        assert padded < most * needed

    def test_they_hold_the_same_rows(self):
        make_padded = in_few_shapes(self.make_rows, 2)
        for number in (7, 300):
            rows, padded = self.make_rows(number), make_padded(number)
            assert padded["weight"].tolist() == [1] * 16
            assert padded["masked_lm_weight"].sum() == len(rows["masked_lm_ids"])
            for name, array in rows.items():
                within = padded[name][tuple(map(slice, array.shape))]
                np.testing.assert_array_equal(within, array)
            assert (padded["places"][:, rows["places"].shape[1] :] == -1).all()

    def test_they_do_not_depend_on_what_came_before(self):
        late, whole = (in_few_shapes(self.make_rows, 1) for _ in range(2))
        list(map(whole, range(100)))
        for number in range(100, 130):
            shapes = [
                {name: array.shape for name, array in make(number).items()}
                for make in (late, whole)
            ]
            assert shapes[0] == shapes[1]

    def test_larger_ones_than_were_seen_grow_by_eighths(self):
        def make_rows(number):
            return micro_batch(4, 16 if number < 1000 else number - 1000, seed=0)

        make_padded = in_few_shapes(make_rows, 1)
        sizes = {len(make_padded(n)["input_ids"]) for n in (0, 1017, 1018, 1019, 1021)}
        assert sizes == {16, 18, 20, 22}

    def test_an_empty_one_has_the_smallest(self):
        def make_rows(number):
            return micro_batch(4, 5, 0) if number < 50 else micro_batch(0, 1, 0)

        empty = in_few_shapes(make_rows, 1)(50)
        assert empty["input_ids"].shape == (5, 8)
        assert empty["weight"].tolist() == [0] * 4


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
