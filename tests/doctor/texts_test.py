"""How texts are cut: pieces, unknown words, lengths; counted by hand."""

import dataclasses

import numpy as np
import tiny_folder

from bert_tf.doctor import texts
from bert_tf.doctor.findings import note, ok
from bert_tf.tokenization import BertTokenizer

TOKENIZER = BertTokenizer([*tiny_folder.VOCAB, "##s", "##ly", "b", "##a", "##d"])
CONFIG = tiny_folder.CONFIG  # 24 positions.


def check(records, max_seq_length=16):
    findings = texts.check(records, TOKENIZER, CONFIG, max_seq_length)
    return {finding["check"].removeprefix("texts/"): finding for finding in findings}


def texts_of(*lengths):
    return [{"text": " ".join(["film"] * length)} for length in lengths]


def test_measure():
    given = ["Films. Zebras films", "it is bad", "œ", ""]
    counts, words, unknown, unread = texts.measure(given, TOKENIZER)
    # film ##s . | [UNK] | film ##s; it is bad; [UNK]; nothing.
    np.testing.assert_array_equal(counts, [6, 3, 1, 0])
    assert words == 8
    assert unknown == {"Zebras": 1, "œ": 1}  # As written, before lower-casing.
    assert unread == ["œ", ""]


def test_batches_do_not_matter(monkeypatch):
    given = ["it is", "a film zzz", "zzz", "good ."]
    whole = texts.measure(given, TOKENIZER)
    monkeypatch.setattr(texts, "BATCH", 3)
    counts, *rest = texts.measure(given, TOKENIZER)
    np.testing.assert_array_equal(counts, whole[0])
    assert tuple(rest) == whole[1:]


class TestPieces:
    def test_known_words(self):
        assert check(texts_of(8))["pieces"] == ok(
            "texts/pieces", "1.00 a word; 0 of 8 pieces (0.0%) are [UNK]"
        )

    def test_some_are_unknown(self):
        records = [{"text": "film " * 97 + "Zug"}, {"text": "Zug Öl"}]
        found = check(records)["unknown"]
        assert found["level"] == "note"
        assert found["says"] == (
            "3 of 100 pieces (3.0%) are [UNK], most often 'Zug' (2), 'Öl' (1)."
        )
        assert "--model=bert-base-multilingual-cased" in found["fix"]

    def test_many_are_unknown(self):
        assert check([{"text": "the zebra"}])["unknown"]["level"] == "problem"

    def test_words_torn_to_letters(self):
        tokenizer = BertTokenizer([*tiny_folder.VOCAB[:5], "b", "##a", "##d"])
        counts, *rest = texts.measure(["bad bad"], tokenizer)
        (found,) = texts.check_pieces(int(counts.sum()), *rest)
        assert (found["check"], found["level"]) == ("texts/pieces", "note")
        assert found["says"].startswith("3.0 pieces a word")

    def test_nothing_left_of_a_text(self):
        found = check([{"text": "film " * 99}, {"text": "👍"}])
        assert found["unreadable"]["says"] == (
            "1 text of nothing that the model can read: '👍'."
        )


class TestLengths:
    def test_none_is_cut(self):
        # With [CLS] and [SEP].
        assert check(texts_of(1, 2, 3, 4, 14))["lengths"] == ok(
            "texts/lengths",
            "5 pieces at the median, 16 at 90 %, 16 at 99 %, 16 at most; none is cut "
            "at 16",
        )

    def test_pairs_have_three_special_pieces(self):
        pair = {"text": "a film", "text_pair": "it is bad ."}
        assert check([pair])["lengths"]["says"].startswith("9 pieces at the median")

    def test_some_are_cut(self):
        assert check(texts_of(3, 15, 17))["lengths"] == note(
            "texts/lengths",
            "17 pieces at the median, 19 at 90 %, 19 at 99 %, 19 at most; 2 of 3 "
            "(66.7%) lose 2 each on average at 16.",
            "--max_seq_length=19 holds 99 % whole",
        )

    def test_one_in_a_hundred_may_be_cut(self):
        found = check(texts_of(*[3] * 99, 20))["lengths"]
        assert found["level"] == "ok"
        assert "1 of 100 (1.0%) lose 6 each on average at 16" in found["says"]

    def test_longer_than_the_model_reads(self):
        found = check(texts_of(3, 30, 30))["lengths"]
        assert found["says"].endswith("; the model has 24 positions.")
        assert found["fix"] == "--max_seq_length=24 holds 33% whole"

    def test_all_positions_are_in_use(self):
        found = check(texts_of(3, 30, 30), max_seq_length=24)["lengths"]
        assert found["says"].endswith("which is all the positions the model has.")
        assert "--max_seq_length" not in found["fix"]

    def test_more_positions_change_that(self):
        config = dataclasses.replace(CONFIG, max_position_embeddings=512)
        (found,) = texts.check_lengths(np.array([5, 32, 32]), 16, config)
        assert found["fix"] == "--max_seq_length=32 holds 99 % whole"
