"""Rows of one shape: no example is lost or waits forever, and empty slots weigh 0."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.data.rows.fixed_shapes import fix_shapes
from bert_tf.data.rows.packing import pack
from bert_tf.data.rows.pipeline import training_rows
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.update import make_update


def framed(*batches):
    """Returns an endless data set of batches; the tokens of an example are its number."""
    pieces = [[[number] * length for number, length in batch] for batch in batches]
    whole = [tf.ragged.constant(batch, tf.int32, ragged_rank=1) for batch in pieces]
    numbers = [[number for number, _ in batch] for batch in batches]

    def elements():
        while True:
            for ids, number in zip(whole, numbers):
                segments = ids.with_values(tf.zeros_like(ids.values))
                yield {"input_ids": ids, "segment_ids": segments, "number": number}

    ragged = tf.RaggedTensorSpec([None, None], tf.int32)
    signature = {
        "input_ids": ragged,
        "segment_ids": ragged,
        "number": tf.TensorSpec([None], tf.int32),
    }
    return tf.data.Dataset.from_generator(elements, output_signature=signature)


def take(batches, count, **shape):
    dataset = fix_shapes(batches, **shape)
    return [
        {name: x.numpy() for name, x in rows.items()} for rows in dataset.take(count)
    ]


def test_an_example_that_does_not_fit_waits_for_the_next_batch():
    first, second = take(
        framed([(1, 3), (2, 4), (3, 2)], [(4, 4), (5, 1)]),
        2,
        rows=1,
        row_length=6,
        slots=3,
    )
    # Longest first: 2 and 3 fill the row; 1 waits, and is then placed before 4.
    assert first["input_ids"].tolist() == [[2, 2, 2, 2, 3, 3]]
    assert first["number"].tolist() == [2, 3, 0]
    assert first["weight"].tolist() == [1, 1, 0]
    assert first["first_token"].tolist() == [0, 4, 0]
    assert second["input_ids"].tolist() == [[1, 1, 1, 5, 0, 0]]
    assert second["sequence_ids"].tolist() == [[1, 1, 1, 2, 0, 0]]
    assert second["number"].tolist() == [1, 5, 0]


def test_slots_are_limited_too():
    first, second = take(
        framed([(1, 1), (2, 1), (3, 1)], [(4, 1)]), 2, rows=1, row_length=8, slots=2
    )
    assert first["number"].tolist() == [1, 2]
    assert second["number"].tolist() == [3, 4]


def test_every_example_comes_once_and_soon():
    random = np.random.default_rng(0)
    batches = [
        [(10 * batch + place, length) for place, length in enumerate(lengths, start=1)]
        for batch, lengths in enumerate(random.integers(1, 17, [40, 5]))
    ]
    rows = take(framed(*batches), 40, rows=3, row_length=20, slots=7)
    received = [number for laid in rows for number in laid["number"] if number]
    sent = [number for batch in batches for number, _ in batch]
    assert len(set(received)) == len(received)
    assert set(received) <= set(sent)
    assert len(sent) - len(received) < 7
    for batch, laid in enumerate(rows):
        waited = batch - np.array([n for n in laid["number"] if n]) // 10
        assert waited.max(initial=0) <= 2


@pytest.mark.parametrize("batch", [[(1, 9)], [(1, 8)] * 9])
def test_an_example_that_never_fits_is_an_error(batch):
    with pytest.raises(tf.errors.InvalidArgumentError):
        take(framed(batch), 9, rows=1, row_length=8, slots=1)


def test_the_element_spec_has_all_shapes():
    spec = fix_shapes(framed([(1, 3)]), rows=2, row_length=16, slots=3).element_spec
    assert {name: part.shape.as_list() for name, part in spec.items()} == {
        "input_ids": [2, 16],
        "segment_ids": [2, 16],
        "position_ids": [2, 16],
        "sequence_ids": [2, 16],
        "first_token": [3],
        "number": [3],
        "weight": [3],
    }


class TestTraining:
    @pytest.fixture
    def stream(self):
        columns = tiny.columns(23, longest=14)
        options = {"batch_size": 4, "seed": 7, "shape": (3, 32)}
        return functools.partial(training_rows, columns, tiny.features, **options)

    def test_an_update_equals_that_of_rows_of_any_shape(self, stream):
        (fixed,) = stream().take(1)
        flat, examples = fixed["input_ids"].numpy(), int(fixed["weight"].numpy().sum())
        texts = [
            flat[fixed["sequence_ids"] == number + 1] for number in range(examples)
        ]
        ids = tf.ragged.constant([text.tolist() for text in texts], tf.int32)
        segments = ids.with_values(tf.zeros_like(ids.values))
        plain = pack({"input_ids": ids, "segment_ids": segments})
        plain["label"] = fixed["label"][:examples]
        results = []
        for rows in (fixed, plain):
            rows.pop("dropout_seed", None)
            model = tiny.classifier()
            variables = {v.path: v.value for v in model.trainable_variables}
            update = make_update(
                model,
                tiny.task(),
                # A large epsilon hides rounding errors of gradients that are 0, those of
                # the keys' biases.
                AdamW(variables, schedule=lambda step: 1.0, epsilon=1e-2),
                make_strategy("one_device"),
                micro_batches=1,
                max_grad_norm=1.0,
            )
            metrics = update(iter(tf.data.Dataset.from_tensors(rows)))
            assert int(metrics["examples"]) == examples
            results.append(tiny.arrays(model))
        for path in results[0]:
            np.testing.assert_allclose(
                results[0][path], results[1][path], atol=1e-5, err_msg=path
            )

    def test_a_later_start_gives_the_same_rows(self, stream):
        whole = [*stream().take(9)][5:]
        for one, other in zip(whole, stream(start_step=5).take(4), strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)
