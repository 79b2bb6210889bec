"""The vocabulary, and whether its case is that of the texts."""

import json

import pytest
import tiny_folder

from bert_tf.checkpoints import folder as folders
from bert_tf.doctor import vocabulary
from bert_tf.doctor.findings import note, ok, problem

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
UNCASED = [*SPECIAL, "<S>", "good", "film"]
CASED = [*UNCASED, "Good", "##Ly"]  # 2 of 4 words.
CHINESE = [*SPECIAL, "好", "电", "影", "film"]


class TestPieces:
    def test_a_few_more_rows_than_pieces(self, tmp_path):
        assert vocabulary.check_pieces(tmp_path, UNCASED, 128) == [
            ok("model/vocabulary", "8 pieces, 128 rows")
        ]

    def test_many_more_rows_than_pieces(self, tmp_path):
        assert vocabulary.check_pieces(tmp_path, UNCASED, 30522) == [
            problem(
                "model/vocabulary",
                "8 pieces, but 30,522 rows in the model's word table.",
                f"Restore {tmp_path}/vocab.txt: it seems to be cut short, or another "
                "model's.",
            )
        ]

    def test_listed_twice(self, tmp_path):
        vocab = [*UNCASED, "film", "good"]
        (found,) = vocabulary.check_pieces(tmp_path, vocab, 10)
        assert found["level"] == "note"
        assert found["says"].startswith("2 listed twice ('good', 'film')")

    def test_no_mask(self, tmp_path):
        vocab = [piece for piece in UNCASED if piece != "[MASK]"]
        (found,) = vocabulary.check_pieces(tmp_path, vocab, 7)
        assert found["level"] == "note"
        assert found["says"].startswith("no [MASK]")


class TestCase:
    @pytest.mark.parametrize(
        "vocab, lower_case, says",
        [
            (UNCASED, True, "do_lower_case true; 0% of its pieces have capitals"),
            (CASED, False, "do_lower_case false; 50% of its pieces have capitals"),
        ],
    )
    def test_they_agree(self, tmp_path, vocab, lower_case, says):
        found = vocabulary.check_case(tmp_path, vocab, lower_case)
        assert found == ok("model/case", says)

    def test_capitals_that_are_never_used(self, tmp_path):
        assert vocabulary.check_case(tmp_path, CASED, True) == problem(
            "model/case",
            "50% of its pieces have capitals, yet do_lower_case is true: those are "
            "never used.",
            f'Write "do_lower_case": false in {tmp_path}/tokenizer_config.json.',
        )

    def test_capitals_that_are_not_known(self, tmp_path):
        assert vocabulary.check_case(tmp_path, UNCASED, False) == problem(
            "model/case",
            "0% of its pieces have capitals, yet do_lower_case is false: capitalised "
            "words become [UNK].",
            f'Write "do_lower_case": true in {tmp_path}/tokenizer_config.json.',
        )

    def test_they_hardly_matter_in_chinese(self, tmp_path):
        assert vocabulary.check_case(tmp_path, CHINESE, False)["level"] == "note"


class TestWhoSaysIt:
    @pytest.fixture
    def path(self, tmp_path):
        tiny_folder.write(tmp_path)
        return tmp_path

    def case(self, path):
        return vocabulary.check(path, folders.read(path))[-1]

    def test_the_tokenizers_file(self, path):
        assert self.case(path)["level"] == "ok"

    def test_nobody(self, path):
        (path / "tokenizer_config.json").unlink()
        assert self.case(path) == note(
            "model/case",
            "do_lower_case true; 0% of its pieces have capitals, from which it was "
            "guessed.",
            f'Write "do_lower_case": true in {path}/tokenizer_config.json, to be sure.',
        )

    def test_the_fast_tokenizers_file(self, path):
        (path / "tokenizer_config.json").write_text("{}")
        fast = {"normalizer": {"lowercase": True}}
        (path / "tokenizer.json").write_text(json.dumps(fast))
        assert self.case(path)["level"] == "ok"
