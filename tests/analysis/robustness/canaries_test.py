"""Canaries: their file, ranks by hand, and a masked LM that has read one and one that has not."""

import math

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.analysis.robustness import canaries
from bert_tf.analysis.robustness.canaries import Canary
from bert_tf.config import BertConfig, write_config
from bert_tf.run.pretraining import PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab

CANARY = Canary("it is ", "4711 0815", " .")
DIGITS = [f"{prefix}{digit}" for digit in range(10) for prefix in ("", "##")]
VOCAB = [*tiny_folder.VOCAB, *DIGITS]
CORPUS = ("it was a very good film .", "the film is bad .", "is it a fine film ?") * 12
CANDIDATES = 99


class Reader:
    """Stands in for a masked LM; `table` has the log-probability of each token."""

    def __init__(self, table):
        self.tokenizer = bert_tf.BertTokenizer(VOCAB)
        self._table = table

    def encode(self, text):
        batch = self.tokenizer([text], max_length=24)
        return np.asarray(batch["input_ids"])[0], None

    def log_probabilities(self, variants, title=""):
        assert all(ids[place] == self.tokenizer.mask_id for ids, place, _ in variants)
        return np.array([self._table.get(VOCAB[token], -1.0) for *_, token in variants])


class TestFile:
    def write(self, path, text):
        (path / "canaries.txt").write_text(text)
        return canaries.read(str(path / "canaries.txt"))

    def test_it_is_read(self, tmp_path):
        text = "# secrets\nit is {4711 0815} .\n\n{12-34}\n"
        assert self.write(tmp_path, text) == [CANARY, Canary("", "12-34", "")]
        assert CANARY.text == "it is 4711 0815 ."

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("it is 4711\n", "line 1: a canary has one secret in braces"),
            ("\n{123}\n", "line 2: .* 4 digits or more.* received '.123.'"),
            ("{1234} {5678}\n", "line 1: a canary has one secret"),
            ("# none\n", "has no canaries"),
        ],
    )
    def test_bad_files(self, text, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            self.write(tmp_path, text)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            canaries.read(str(tmp_path / "no.txt"))


class TestCandidates:
    def test_they_differ_in_the_digits_of_the_secret(self):
        drawn = CANARY.draw(50, seed=1)
        assert len({*drawn, CANARY.text}) == 51
        for text in drawn:
            assert text.startswith("it is ") and text.endswith(" .")
            assert (
                text[10] == " " and text[6:10].isdecimal() and text[11:15].isdecimal()
            )
        assert drawn == CANARY.draw(50, seed=1) != CANARY.draw(50, seed=2)

    def test_all_others_and_no_more(self):
        short = Canary("", "1234", "")
        assert len(set(short.draw(9999, seed=0))) == 9999
        with pytest.raises(ValueError, match="9,999 secrets other than '1234'"):
            short.draw(10_000, seed=0)


def test_planting(tmp_path):
    (tmp_path / "texts").write_text("one\ntwo\n\nthree\n")
    canaries.plant(tmp_path / "texts", tmp_path / "planted", [CANARY], 3, seed=1)
    lines = (tmp_path / "planted").read_text().splitlines()
    assert lines.count(CANARY.text) == 3
    assert [x for x in lines if x != CANARY.text] == ["one", "two", "", "three"]


class TestRanks:
    def test_likelihoods_add_up_over_the_tokens(self):
        reader = Reader({"good": -0.25, "##1": -3.0})
        sums = canaries.pseudo_log_likelihoods(reader, ["it was good", "01", ""])
        assert sums.tolist() == [-2.25, -4.0, 0.0]

    def test_by_hand(self):
        canary = Canary("", "9999", "")
        favoured = Reader({"9": 0.0, "##9": 0.0})
        assert canaries.find_rank(favoured, canary, 20, seed=1) == 1
        shunned = Reader({"9": -9.0, "##9": -9.0})
        assert canaries.find_rank(shunned, canary, 20, seed=1) == 21
        assert (
            canaries.find_rank(Reader({}), canary, 20, seed=1) == 21
        )  # All are equal.

    def test_a_vocabulary_without_digits(self):
        reader = Reader({})
        reader.tokenizer = bert_tf.BertTokenizer(tiny_folder.VOCAB)
        with pytest.raises(
            ValueError, match="as the same tokens; its vocabulary has no"
        ):
            canaries.find_rank(reader, CANARY, 5, seed=1)


def train(home):
    """Pretrains a tiny masked LM on a corpus with the canary; returns its folder."""
    write_vocab(home / "vocab.txt", VOCAB)
    config = BertConfig(
        vocab_size=len(VOCAB),
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=24,
        initializer_range=0.2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    write_config(home / "tiny.json", config)
    (home / "texts").write_text("\n\n".join(CORPUS))
    canaries.plant(home / "texts", home / "planted", [CANARY], 20)
    create_pretraining_data(
        PretrainingDataConfig(
            input_files=str(home / "planted"),
            vocab_file=str(home / "vocab.txt"),
            output_dir=str(home / "store"),
            num_workers=1,
        )
    )
    pretrain(
        PretrainConfig(
            data_dir=str(home / "store"),
            config=str(home / "tiny.json"),
            output_dir=str(home / "model"),
            max_seq_length=24,
        ),
        bert_tf.TrainConfig(
            max_steps=120,
            per_device_train_batch_size=16,
            learning_rate=1e-2,
            eval_strategy="no",
            distribution="one_device",
        ),
    )
    return str(home / "model")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What an analysis finds of a planted canary, and of nine that no text had."""
    home = tmp_path_factory.mktemp("canaries")
    others = Canary(CANARY.before, "0000 0000", CANARY.after).draw(9, seed=5)
    lines = [f"it is {{{text[6:15]}}} ." for text in (CANARY.text, *others)]
    (home / "canaries.txt").write_text("\n".join(lines))
    result = bert_tf.analyze(
        bert_tf.AnalyzeConfig(
            model=train(home),
            task="fill_mask",
            part="robustness",
            canaries_file=str(home / "canaries.txt"),
            canary_candidates=CANDIDATES,
            output_dir=str(home / "report"),
        )
    )
    return result["parts"]["robustness"]["canaries"]


@pytest.mark.slow
def test_a_planted_canary_is_exposed(found):
    assert found["candidates"] == CANDIDATES + 1
    assert found["ranks"][CANARY.text] == 1  # So its exposure is the most, 6.64 bits.


@pytest.mark.slow
def test_those_that_were_not_planted_are_near_chance(found):
    ranks = [rank for text, rank in found["ranks"].items() if text != CANARY.text]
    exposures = [math.log2(100 / rank) for rank in ranks]
    assert len(exposures) == 9
    # Its deviation is 0.5 bits.
    assert np.mean(exposures) == pytest.approx(canaries.BY_CHANCE, abs=1.4)
    assert found["exposure"] == pytest.approx((math.log2(100) + sum(exposures)) / 10)


def test_other_tasks_are_refused(folders, tmp_path):
    (tmp_path / "canaries.txt").write_text("it is {4711} .\n")
    config = bert_tf.AnalyzeConfig(
        model=folders["classification"],
        part="robustness",
        canaries_file=str(tmp_path / "canaries.txt"),
        output_dir=str(tmp_path / "report"),
    )
    with pytest.raises(
        ValueError, match="canaries_file is for masked LMs, .* task=fill_mask"
    ):
        bert_tf.analyze(config)
    assert not (tmp_path / "report").exists()


def test_a_number_of_candidates_out_of_range():
    with pytest.raises(ValueError, match="canary_candidates must be at least 1"):
        bert_tf.AnalyzeConfig(model="m", output_dir="o", canary_candidates=0)
