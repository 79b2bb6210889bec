"""Words are replaced by what a masked LM predicts, the same words for the same seed."""

import pytest
import tiny_folder
import tiny_tasks

from bert_tf.compression.augmentation import augment
from bert_tf.data.records.tables import Table
from bert_tf.data.records.words import split_words

TEXTS = ("it was a very good film .", "is the film bad ?")


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    path = tmp_path_factory.mktemp("bert")
    tiny_folder.write_pretrained(path)
    return path


def make_table(*records):
    return Table("texts.tsv", list(records), list(range(1, len(records) + 1)), {}, "")


@pytest.fixture(scope="module")
def pair():
    return make_table(
        {"text": TEXTS[0], "text_pair": TEXTS[1], "label": "x"},
        {"text": "?", "text_pair": "", "label": "y"},  # Has no word to replace.
        {"text": "a [MASK] film", "text_pair": "fine", "label": "y"},
    )


@pytest.fixture(scope="module")
def copies(bert, pair):
    return augment(pair, bert, 5, seed=7)


def test_a_word_differs(copies):
    assert len(copies) == 5
    assert {frozenset(record) for record in copies} == {
        frozenset(("text", "text_pair"))
    }
    for record in copies:
        before, after = (
            [text[a:b] for text in side for a, b in split_words(text)]
            for side in (TEXTS, record.values())
        )
        changed = [pair for pair in zip(before, after, strict=True) if len({*pair}) > 1]
        # 15% of the five words that surely stand before token 24, which are no marks.
        assert len(changed) == 1
        assert {word for word, _ in changed}.isdisjoint({".", "?"})
        assert {word for _, word in changed} <= set(tiny_folder.VOCAB)
        assert not any("[" in word for _, word in changed)
    assert len({tuple(record.values()) for record in copies}) > 1


def test_the_seed_decides(bert, pair, copies):
    assert augment(pair, bert, 5, seed=7) == copies
    assert augment(pair, bert, 5, seed=8) != copies


def test_words_that_the_model_would_cut_off_stay(bert):
    text = "film " * 30  # The model reads 24 tokens.
    (copy,) = augment(make_table({"text": text}), bert, 1, seed=1)
    assert copy["text"] != text
    assert copy["text"].endswith(text[21:])


def test_records_with_more_than_texts_are_refused(bert):
    table = tiny_tasks.make_table("question_answering")
    with pytest.raises(ValueError, match="have answers, context, id, question, too"):
        augment(table, bert, 1, seed=1)


def test_a_model_without_the_head_is_refused(tmp_path):
    tiny_folder.write(tmp_path / "start")
    with pytest.raises(ValueError, match="no such trained head"):
        augment(make_table({"text": "a film"}), tmp_path / "start", 1, seed=1)
