"""The vocabulary of the target language."""

import logging

import pytest

from bert_tf.tasks.target_vocabulary import (
    count_unknown,
    learn_target_vocabulary,
)
from bert_tf.tokenization import BertTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GERMAN = ["Der Bär läuft.", "Das Äffchen schläft."] * 5


def test_case_and_accents_are_kept():
    vocab = learn_target_vocabulary(GERMAN, 200)
    assert vocab[:5] == SPECIAL
    assert {"Bär", "läuft", "Äffchen", "."} <= set(vocab)
    tokenizer = BertTokenizer(vocab, lower_case=False)
    strings = tokenizer.detokenize(tokenizer.tokenize(GERMAN[:2])).numpy()
    assert [text.decode() for text in strings] == [
        "Der Bär läuft .",
        "Das Äffchen schläft .",
    ]


def test_lower_case():
    vocab = learn_target_vocabulary(GERMAN, 200, lower_case=True)
    assert {"bar", "lauft", "affchen"} <= set(vocab)


def test_the_order_of_the_texts_does_not_matter():
    texts = [*GERMAN, "Ein Haus.", "我有家。", "你有我。"]
    vocab = learn_target_vocabulary(texts, 120)
    assert learn_target_vocabulary(texts[::-1], 120) == vocab
    assert len(vocab) <= 120


def test_chinese_characters_are_words():
    """All of them, the most frequent first, and none within a word."""
    characters = [chr(0x4E00 + n) for n in range(1200)]
    texts = ["".join(characters), characters[7] + "Tom，"]
    vocab = learn_target_vocabulary(texts, 2000)
    assert vocab[-1200:] == [characters[7], *characters[:7], *characters[8:]]
    assert not any(piece.startswith("##一") for piece in vocab)
    assert {"Tom", "，"} <= set(vocab[:-1200])
    small = learn_target_vocabulary(texts, 100)
    assert small[-75:] == vocab[-1200:-1125]


def test_nothing_but_chinese():
    assert learn_target_vocabulary(["好好我"], 20) == [*SPECIAL, "好", "我"]


def test_too_small():
    message = r"^target_vocab_size is 10, 0 of them .* vocab_size must be at least \d+"
    with pytest.raises(ValueError, match=message):
        learn_target_vocabulary(GERMAN, 10)


class TestUnknown:
    @pytest.fixture
    def tokenizer(self):
        return BertTokenizer([*SPECIAL, "a", "##b", "."], lower_case=False)

    def test_below_one_percent(self, tokenizer, caplog):
        texts = ["a"] * 150 + ["ab."] * 24 + ["z"]
        assert count_unknown(tokenizer, texts) == 1 / 199
        assert caplog.text == ""

    def test_above_one_percent(self, tokenizer, caplog):
        caplog.set_level(logging.WARNING)
        assert count_unknown(tokenizer, ["ab a.", "a z"]) == 1 / 5
        (line,) = caplog.messages
        assert line.startswith("20.0% of the words of the targets are [UNK]")
        assert "vocabulary of 8 tokens" in line
        assert "target_vocab_file" in line
