"""Masked rows: positions and ids of masked tokens, and a start at any step."""

import hashlib

import numpy as np
import pytest
from tiny_store import SPECIAL, write

from bert_tf.data.corpus.pairs import Examples
from bert_tf.data.rows import pipeline, streams
from bert_tf.tasks.pretraining import Pretraining

KINDS = {"tensorflow": pipeline, "jax": streams}
both_kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
both_engines = pytest.mark.parametrize("engine", KINDS, indirect=True)
CLS, SEP, MASK = (SPECIAL.index(piece) for piece in ("[CLS]", "[SEP]", "[MASK]"))


@pytest.fixture
def engine(request, monkeypatch):
    """Sets what decides on the kind of streams; NumPy needs no JAX."""
    monkeypatch.setattr("keras.backend.backend", lambda: request.param)
    return request.param


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    random = np.random.default_rng(5)
    documents = [
        random.integers(1, 9, random.integers(1, 9)).tolist() for _ in range(40)
    ]
    store = write(tmp_path_factory.mktemp("store") / "s", documents)
    task = Pretraining(store.vocab, Pretraining.Options(max_seq_length=24))
    return Examples(store, max_seq_length=24, seed=3), task.features


def stream(made, kind=pipeline, **options):
    return kind.pretraining_rows(*made, batch_size=4, seed=3, **options)


def test_rows_are_the_drawn_examples_with_masked_tokens(made):
    examples, _ = made
    for number, rows in enumerate(stream(made).take(5)):
        rows = {name: value.numpy() for name, value in rows.items()}
        ids, positions = rows["input_ids"].ravel(), rows["masked_lm_positions"]
        hidden = rows["masked_lm_ids"]
        assert len(positions) == len(hidden)
        shown = ids[positions]
        assert set(shown[shown != hidden]) - {MASK} <= set(range(5, 10**6))
        ids[positions] = hidden  # The original tokens.
        for place in range(4):
            example = examples[4 * number + place]
            begin = rows["first_token"][place]
            expected = [CLS, *example.first, SEP, *example.second, SEP]
            np.testing.assert_array_equal(ids[begin : begin + len(expected)], expected)
            segments = rows["segment_ids"].ravel()[begin : begin + len(expected)]
            assert segments.sum() == len(example.second) + 1
            assert rows["next_sentence_labels"][place] == example.label
        assert not np.isin(hidden, [CLS, SEP]).any()
        np.testing.assert_array_equal(rows["dropout_seed"], [3, number])


def as_arrays(dataset):
    return [{k: np.asarray(v) for k, v in rows.items()} for rows in dataset]


def assert_equal(one, other):
    assert len(one) == len(other)
    for rows, others in zip(one, other):
        assert rows.keys() == others.keys()
        for name in rows:
            assert rows[name].dtype == others[name].dtype
            np.testing.assert_array_equal(rows[name], others[name])


@both_kinds
def test_any_step_can_be_the_first(made, kind):
    whole = as_arrays(stream(made, micro_batches=2).take(40))  # Several epochs.
    assert 4 * 40 > 2 * made[0].epoch_size()
    later = stream(made, kind, micro_batches=2, start_step=7).take(26)
    assert_equal(whole[14:], as_arrays(later))


@both_kinds
def test_workers_share_the_micro_batches(made, kind):
    whole = as_arrays(stream(made, micro_batches=2).take(6))
    for worker in range(2):
        own = stream(made, kind, micro_batches=2, share=(2, worker)).take(3)
        assert_equal(whole[worker::2], as_arrays(own))


@pytest.mark.parametrize("row_length", [None, 128])
def test_numpy_gives_the_same_rows(made, row_length):
    both = [
        stream(made, kind, row_length=row_length).take(9) for kind in KINDS.values()
    ]
    assert_equal(*map(as_arrays, both))


# The first 16 digits of SHA-256 of 20 micro-batches and of the held-out rows, computed when
# they were still made in TensorFlow's graph.
GOLDEN = {
    ("piece", True): ("bf64ea2d03e927c3", "73595900f180f10f"),
    ("span", True): ("1849c08b90bbb6a1", "80589c12b031b9f8"),
    ("piece", False): ("a10bcf92064c1f60", "fb6d3aa65df6c754"),
    ("span", False): ("01ae51a4c7b67f4a", "c91180270c8492b4"),
}


@pytest.mark.parametrize(("masking", "nsp"), GOLDEN)
def test_rows_never_change(made, masking, nsp):
    """Runs resume, and repeat, with the rows that they began with."""
    store = made[0].store
    options = Pretraining.Options(max_seq_length=24, masking=masking, nsp=nsp)
    task = Pretraining(store.vocab, options)
    training = task.training_rows(store, batch_size=4, micro_batches=1, seed=3).take(20)
    digests = []
    for rows in (training, task.evaluation_rows(store, batch_size=4)):
        digest = hashlib.sha256()
        for batch in as_arrays(rows):
            for name in sorted(batch):
                digest.update(batch[name].astype("<i4").tobytes())
        digests.append(digest.hexdigest()[:16])
    assert tuple(digests) == GOLDEN[masking, nsp]


@both_kinds
def test_held_out_rows_are_an_epoch_or_its_first_examples(made, kind):
    size = made[0].epoch_size()
    rows = kind.held_out_rows(*made, batch_size=8)
    assert sum(len(batch["first_token"]) for batch in rows) == size
    assert len(rows) == -(-size // 8)
    few = kind.held_out_rows(*made, batch_size=8, most=10)
    assert len(few) == 2
    assert [len(batch["first_token"]) for batch in few] == [8, 2]
    assert_equal(as_arrays(few), as_arrays(few))
    assert_equal(as_arrays(few)[:1], as_arrays(rows)[:1])


def test_without_next_sentence_there_is_one_segment(made):
    examples, _ = made
    options = Pretraining.Options(max_seq_length=24, nsp=False)
    task = Pretraining(examples.store.vocab, options)
    single = Examples(examples.store, max_seq_length=24, seed=3, next_sentence=False)
    rows = next(iter(stream((single, task.features), streams)))
    assert not rows["segment_ids"].any()
    assert set(task.weights(rows)) == {"masked_lm"}


@both_engines
def test_phases_follow_each_other_and_any_step_can_be_the_first(tmp_path, engine):
    random = np.random.default_rng(5)
    documents = [
        random.integers(1, 9, random.integers(1, 9)).tolist() for _ in range(40)
    ]
    store = write(tmp_path / "s", documents)
    plan = {"batch_size": 4, "micro_batches": 2, "seed": 3}

    def rows_of(start_step=0, share=(1, 0), **options):
        task = Pretraining(store.vocab, Pretraining.Options(**options))
        return task.training_rows(store, **plan, start_step=start_step, share=share)

    phases = {"phases": "16:3,24:2"}
    whole = as_arrays(rows_of(**phases).take(12))
    assert_equal(whole[:6], as_arrays(rows_of(max_seq_length=16).take(6)))
    assert_equal(whole[6:], as_arrays(rows_of(start_step=3, max_seq_length=24).take(6)))
    for step in (2, 3, 4):
        assert_equal(
            whole[2 * step :], as_arrays(rows_of(step, **phases).take(12 - 2 * step))
        )
    for worker in range(2):
        part = rows_of(1, share=(2, worker), **phases).take(5)
        assert_equal(whole[2 + worker :: 2], as_arrays(part))


@both_engines
def test_evaluation_draws_the_same_examples_each_time(tmp_path, engine):
    store = write(tmp_path / "s", [[3, 4, 5], [6, 2], [4, 4]] * 9)
    options = Pretraining.Options(phases="16:3,24:2", max_eval_steps=2)
    first, second = (
        as_arrays(
            Pretraining(store.vocab, options).evaluation_rows(store, batch_size=3)
        )
        for _ in range(2)
    )
    assert [len(rows["first_token"]) for rows in first] == [3, 3]
    assert_equal(first, second)
