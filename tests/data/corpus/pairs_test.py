"""Pairs: their documents, labels and lengths; only seed and number decide."""

import concurrent.futures

import numpy as np
import pytest
from tiny_store import write

from bert_tf.data.corpus.pairs import IS_NEXT, IS_RANDOM, Examples


def document_of(documents):
    """Returns the document of each token; token ids begin at 5."""
    return np.repeat(np.arange(len(documents)), list(map(sum, documents)))


@pytest.fixture(scope="module")
def documents():
    random = np.random.default_rng(5)
    return [random.integers(1, 15, random.integers(1, 60)).tolist() for _ in range(150)]


@pytest.fixture(scope="module")
def store(documents, tmp_path_factory):
    # About three shards: a random second text may come from any of them.
    return write(tmp_path_factory.mktemp("store") / "s", documents, shard_pieces=12_000)


def examples(store, length=32, **options):
    return Examples(store, max_seq_length=length, seed=7, **options)


def texts(example):
    return np.array(example.first) - 5, np.array(example.second) - 5


class TestPairs:
    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls, store):
        drawn = examples(store)
        assert len(store) > 2
        return [drawn[place] for place in range(drawn.epoch_size())]

    def test_half_is_next_and_half_from_another_document(self, drawn, documents):
        owner, nexts = document_of(documents), 0
        for example in drawn:
            first, second = texts(example)
            assert len(first) and len(second)
            for text in (first, second):  # Each is running text of one document.
                np.testing.assert_array_equal(np.diff(text), 1)
                assert owner[text[0]] == owner[text[-1]]
            same = owner[first[0]] == owner[second[0]]
            assert example.label == (IS_NEXT if same else IS_RANDOM)
            if same:
                # If both are too long, the tokens between them are cut.
                assert first[-1] < second[0]
                nexts += first[-1] + 1 == second[0]
        labels = np.array([example.label for example in drawn])
        # Half of the pairs of two or more sentences. A single sentence has no next one.
        assert 0.38 < np.mean(labels == IS_NEXT) < 0.5
        assert nexts > 0.5 * np.sum(labels == IS_NEXT)

    def test_lengths(self, drawn):
        lengths = np.array([len(e.first) + len(e.second) for e in drawn])
        assert lengths.max() == 32 - 3
        assert 0.5 < np.mean(lengths == lengths.max())
        assert lengths.min() < 12  # A tenth of the pairs, and ends of documents.

    def test_every_sentence_occurs_within_few_epochs(self, store, documents):
        made = examples(store)
        total = sum(made.epoch_size(epoch) for epoch in range(4))
        seen = np.zeros(sum(map(sum, documents)), int)
        for place in range(total):
            first, second = texts(made[place])
            seen[first] += 1
            seen[second] += 1
        assert np.mean(seen > 0) > 0.99
        # An epoch has about as many tokens as the text.
        assert 0.85 < seen.sum() / (4 * len(seen)) < 1.1

    def test_a_text_begins_where_a_sentence_does_or_was_cut_to_length(
        self, store, documents
    ):
        begins = np.cumsum([0, *(n for document in documents for n in document)])
        made = examples(store)
        for place in range(500):
            first, second = texts(made[place])
            if len(first) + len(second) < 32 - 3:  # Nothing was cut.
                assert first[0] in begins and second[0] in begins
                assert first[-1] + 1 in begins and second[-1] + 1 in begins


def test_an_example_is_a_function_of_its_number(store):
    forward, backward = examples(store), examples(store)
    places = [0, 5, forward.epoch_size() + 3, 2 * forward.epoch_size() + 9]
    expected = [forward[place] for place in places]
    received = [backward[place] for place in reversed(places)][::-1]
    for one, other in zip(expected, received):
        np.testing.assert_array_equal(one.first, other.first)
        np.testing.assert_array_equal(one.second, other.second)
        assert (one.label, one.mask_seed) == (other.label, other.mask_seed)
    assert len({example.mask_seed for example in expected}) == len(places)


def test_several_threads_draw_the_same(store):
    size = examples(store).epoch_size()
    places = range(0, 30 * size, size // 3)  # Three examples of each epoch.
    expected = [e.mask_seed for e in map(examples(store).__getitem__, places)]
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            drawn = list(pool.map(examples(store).__getitem__, places))
        assert [example.mask_seed for example in drawn] == expected


def test_each_epoch_has_its_own_cuts_and_order(store):
    made = examples(store, next_sentence=False)
    size = made.epoch_size(0)
    epochs = [
        {(int(e.first[0]), int(e.first[-1])) for e in map(made.__getitem__, places)}
        for places in (range(size), range(size, size + made.epoch_size(1)))
    ]
    assert len(epochs[0] & epochs[1]) < 0.3 * size
    assert made.locate(size - 1) == (0, size - 1)
    assert made.locate(size) == (1, 0)


def test_another_seed_or_length_gives_other_examples(store):
    made = [
        Examples(store, max_seq_length=length, seed=seed)[0]
        for length, seed in ((32, 7), (32, 8), (64, 7))
    ]
    assert len({tuple(e.first) for e in made}) == 3


def test_single_texts_hold_every_token_once_an_epoch(store, documents):
    made = examples(store, next_sentence=False)
    drawn = [made[place] for place in range(made.epoch_size())]
    pieces = np.concatenate([e.first for e in drawn]) - 5
    np.testing.assert_array_equal(np.sort(pieces), np.arange(sum(map(sum, documents))))
    assert max(len(e.first) for e in drawn) == 32 - 2
    assert not any(len(e.second) for e in drawn)


def test_a_sentence_longer_than_an_example_is_cut_into_parts(tmp_path):
    made = examples(write(tmp_path / "s", [[100], [3, 3]]), length=13)
    seen = set()
    for place in range(made.epoch_size()):
        first, second = texts(made[place])
        assert 0 < len(first) + len(second) <= 10
        seen |= set(first.tolist())
    assert len(seen & set(range(100))) > 60


def test_two_documents_of_one_sentence_give_pairs(tmp_path):
    made = examples(write(tmp_path / "s", [[4], [6]]))
    assert made.epoch_size() == 2
    drawn = [texts(made[place]) for place in range(2)]
    assert sorted(first.tolist() for first, _ in drawn) == [
        [0, 1, 2, 3],
        [*range(4, 10)],
    ]
    assert sorted(second.tolist() for _, second in drawn) == sorted(
        first.tolist() for first, _ in drawn
    )
    assert {made[place].label for place in range(2)} == {IS_RANDOM}


def test_one_document_gives_no_pairs(tmp_path):
    store = write(tmp_path / "s", [[4, 5]])
    with pytest.raises(ValueError, match="holds one document.*--nonsp"):
        examples(store)
    assert len(examples(store, next_sentence=False)[0].first) == 9


def test_too_short_a_length(store):
    with pytest.raises(ValueError, match="at least 5; received 4"):
        examples(store, length=4)
