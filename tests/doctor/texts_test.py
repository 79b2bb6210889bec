"""Tokens, unknown words and lengths of texts, against counts by hand."""

import dataclasses

import numpy as np
import tiny_folder

from bert_tf.data.records.tables import Table
from bert_tf.doctor import texts
from bert_tf.doctor.findings import note, ok
from bert_tf.tasks import Regression
from bert_tf.tasks.lengths import example_lengths
from bert_tf.tasks.options import TextOptions
from bert_tf.tasks.texts import text_columns
from bert_tf.tokenization import BertTokenizer

TOKENIZER = BertTokenizer([*tiny_folder.VOCAB, "##s", "##ly", "b", "##a", "##d"])
CONFIG = tiny_folder.CONFIG  # 24 positions.


def check(records, max_seq_length=16, long_text="truncate"):
    options = TextOptions(max_seq_length, long_text)
    task = Regression(TOKENIZER, options)
    columns = text_columns(Table("a.csv", records, [1] * len(records), {}, ""))
    lengths, _ = example_lengths(task, columns)
    findings = texts.check(records, TOKENIZER)
    findings += texts.check_lengths(lengths, options, CONFIG)
    return {finding["check"].removeprefix("texts/"): finding for finding in findings}


def texts_of(*lengths):
    """Returns a record for each length, a number of tokens."""
    return [{"text": " ".join(["film"] * length)} for length in lengths]


def test_measure():
    batch = ["Films. Zebras films", "it is bad", "œ", ""]
    counts, words, unknown, unread = texts.measure(batch, TOKENIZER)
    # film ##s . | [UNK] | film ##s; it is bad; [UNK]; nothing.
    np.testing.assert_array_equal(counts, [6, 3, 1, 0])
    assert words == 8
    assert unknown == {"Zebras": 1, "œ": 1}  # Before lower-casing.
    assert unread == ["œ", ""]


def test_batches_change_nothing(monkeypatch):
    given = ["it is", "a film zzz", "zzz", "good ."]
    expected = texts.measure(given, TOKENIZER)
    monkeypatch.setattr(texts, "BATCH", 3)
    counts, *rest = texts.measure(given, TOKENIZER)
    np.testing.assert_array_equal(counts, expected[0])
    assert tuple(rest) == expected[1:]


class TestTokens:
    def test_known_words(self):
        assert check(texts_of(8))["tokens"] == ok(
            "texts/tokens", "1.00 a word; 0 of 8 tokens (0.0%) are [UNK]"
        )

    def test_some_are_unknown(self):
        records = [{"text": "film " * 97 + "Zug"}, {"text": "Zug Öl"}]
        found = check(records)["unknown"]
        assert found["level"] == "note"
        assert found["says"] == (
            "3 of 100 tokens (3.0%) are [UNK], most often 'Zug' (2), 'Öl' (1)."
        )
        assert "--model=bert-base-multilingual-cased" in found["fix"]

    def test_many_are_unknown(self):
        assert check([{"text": "the zebra"}])["unknown"]["level"] == "problem"

    def test_words_in_single_letters(self):
        tokenizer = BertTokenizer([*tiny_folder.VOCAB[:5], "b", "##a", "##d"])
        counts, *rest = texts.measure(["bad bad"], tokenizer)
        (found,) = texts.check_tokens(int(counts.sum()), *rest)
        assert (found["check"], found["level"]) == ("texts/tokens", "note")
        assert found["says"].startswith("3.0 tokens a word")

    def test_a_text_without_known_tokens(self):
        found = check([{"text": "film " * 99}, {"text": "👍"}])
        assert found["unreadable"]["says"] == (
            "1 text without any token that the model knows: '👍'."
        )


class TestLengths:
    def test_none_is_truncated(self):
        # With [CLS] and [SEP].
        assert check(texts_of(1, 2, 3, 4, 14))["lengths"] == ok(
            "texts/lengths",
            "tokens an example: median 5, 90% have up to 16, 99% up to 16, all up to "
            "16; none is truncated at 16",
        )

    def test_pairs_have_three_special_tokens(self):
        pair = {"text": "a film", "text_pair": "it is bad ."}
        says = check([pair])["lengths"]["says"]
        assert says.startswith("tokens an example: median 9,")

    def test_some_are_truncated(self):
        assert check(texts_of(3, 15, 17))["lengths"] == note(
            "texts/lengths",
            "tokens an example: median 17, 90% have up to 19, 99% up to 19, all up to "
            "19; 2 of 3 (66.7%) are truncated at 16 and lose 2 tokens on average.",
            "--max_seq_length=19 keeps 99% of the examples whole",
        )

    def test_one_in_a_hundred_may_be_truncated(self):
        found = check(texts_of(*[3] * 99, 20))["lengths"]
        assert found["level"] == "ok"
        says = "1 of 100 (1.0%) are truncated at 16 and lose 6 tokens on average"
        assert says in found["says"]

    def test_windows_read_everything(self):
        found = check(texts_of(3, 20), long_text="windows")["lengths"]
        assert found["level"] == "ok"
        assert found["says"].endswith("; 1 of 2 (50.0%) are read in windows of 16")

    def test_longer_than_the_positions(self):
        found = check(texts_of(3, 30, 30))["lengths"]
        assert found["says"].endswith("; the model has 24 positions.")
        assert found["fix"] == "--max_seq_length=24 keeps 33% of the examples whole"

    def test_all_positions_are_in_use(self):
        found = check(texts_of(3, 30, 30), max_seq_length=24)["lengths"]
        assert found["says"].endswith("; the model has only 24 positions.")
        assert "--max_seq_length" not in found["fix"]

    def test_a_model_with_more_positions(self):
        config = dataclasses.replace(CONFIG, max_position_embeddings=512)
        (found,) = texts.check_lengths(np.array([5, 32, 32]), TextOptions(16), config)
        assert found["fix"] == "--max_seq_length=32 keeps 99% of the examples whole"
