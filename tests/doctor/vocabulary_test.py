"""The vocabulary against the model and against do_lower_case."""

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


class TestTokens:
    def test_a_few_more_rows_than_tokens(self, tmp_path):
        assert vocabulary.check_tokens(tmp_path, UNCASED, 128) == [
            ok("model/vocabulary", "8 tokens, 128 rows in the word table")
        ]

    def test_many_more_rows_than_tokens(self, tmp_path):
        assert vocabulary.check_tokens(tmp_path, UNCASED, 30522) == [
            problem(
                "model/vocabulary",
                "8 tokens, but 30,522 rows in the model's word table.",
                f"Restore {tmp_path}/vocab.txt, which is cut short or belongs to another "
                "model.",
            )
        ]

    def test_repeated_tokens(self, tmp_path):
        vocab = [*UNCASED, "film", "good"]
        (found,) = vocabulary.check_tokens(tmp_path, vocab, 10)
        assert found["level"] == "note"
        assert found["says"].startswith(
            "2 tokens listed more than once ('good', 'film')"
        )

    def test_no_mask(self, tmp_path):
        vocab = [piece for piece in UNCASED if piece != "[MASK]"]
        (found,) = vocabulary.check_tokens(tmp_path, vocab, 7)
        assert found["level"] == "note"
        assert found["says"].startswith("no [MASK]")


class TestCase:
    @pytest.mark.parametrize(
        "vocab, lower_case, says",
        [
            (UNCASED, True, "do_lower_case is true, 0% of"),
            (CASED, False, "do_lower_case is false, 50% of"),
        ],
    )
    def test_they_agree(self, tmp_path, vocab, lower_case, says):
        found = vocabulary.check_case(tmp_path, vocab, lower_case)
        assert found == ok("model/case", f"{says} the tokens have capital letters")

    def test_capitals_that_are_never_used(self, tmp_path):
        assert vocabulary.check_case(tmp_path, CASED, True) == problem(
            "model/case",
            "do_lower_case is true, 50% of the tokens have capital letters: these "
            "tokens are never used.",
            f'Write "do_lower_case": false into {tmp_path}/tokenizer_config.json.',
        )

    def test_capitals_that_are_unknown(self, tmp_path):
        assert vocabulary.check_case(tmp_path, UNCASED, False) == problem(
            "model/case",
            "do_lower_case is false, 0% of the tokens have capital letters: words with "
            "capital letters become [UNK].",
            f'Write "do_lower_case": true into {tmp_path}/tokenizer_config.json.',
        )

    def test_they_hardly_matter_in_chinese(self, tmp_path):
        assert vocabulary.check_case(tmp_path, CHINESE, False)["level"] == "note"


class TestSource:
    @pytest.fixture
    def path(self, tmp_path):
        tiny_folder.write(tmp_path)
        return tmp_path

    def case(self, path):
        return vocabulary.check(path, folders.read(path))[-1]

    def test_tokenizer_config(self, path):
        assert self.case(path)["level"] == "ok"

    def test_no_file(self, path):
        (path / "tokenizer_config.json").unlink()
        assert self.case(path) == note(
            "model/case",
            "do_lower_case is true, 0% of the tokens have capital letters; no file "
            "gives do_lower_case, so the tokens decided.",
            f'Write "do_lower_case": true into {path}/tokenizer_config.json.',
        )

    def test_tokenizer_json(self, path):
        (path / "tokenizer_config.json").write_text("{}")
        fast = {"normalizer": {"lowercase": True}}
        (path / "tokenizer.json").write_text(json.dumps(fast))
        assert self.case(path)["level"] == "ok"
