"""A vocabulary is learnt from files of text and reported on."""

import pathlib

import numpy as np
import pytest

from bert_tf.run.vocabulary import VocabularyConfig, learn_vocabulary
from bert_tf.tokenization import BertTokenizer, read_vocab

WORDS = ("lighthouse", "keeper", "Stormy", "night", "waves", "rowing", "seagull")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(6)
    lines = [
        " ".join(random.choice(WORDS, random.integers(3, 9))) + f" {number}."
        for number in range(400)
    ]
    pathlib.Path("a.txt").write_text("\n".join(lines[:200]) + "\n\nThe end.\n")
    pathlib.Path("b.txt").write_text("\n".join(lines[200:]))
    return tmp_path


def learn(**changes):
    config = {"input_files": "*.txt", "output": "vocab", "vocab_size": 200}
    return learn_vocabulary(VocabularyConfig(**config | changes))


def test_learns_writes_and_reports():
    result = learn(eval_fraction=0.1)
    vocab = read_vocab("vocab")
    assert result["vocab_size"] == len(vocab) == 200
    assert (result["files"], result["documents"], result["lines"]) == (2, 3, 401)
    tokenizer = BertTokenizer(vocab)
    assert {"lighthouse", "stormy"} <= set(vocab)
    assert tokenizer.tokenize(["Lighthouse!"]).to_list() == [
        [vocab.index("lighthouse"), tokenizer.unk_id]
    ]
    # About 40 lines of words, a number and a full stop.
    assert 100 < result["eval_words"] < 600
    assert 1.0 < result["eval_pieces_per_word"] < 1.5
    assert result["eval_unk_rate"] == 0.0


def test_held_out_lines_are_not_learnt_from():
    whole, part = learn(eval_fraction=0.0), learn(eval_fraction=0.5)
    assert whole["words"] == part["words"] + part["eval_words"]
    assert whole["eval_words"] == 0
    assert whole["eval_unk_rate"] is None


def test_unknown_words_are_counted():
    pathlib.Path("new.txt").write_text("naïve ⚓\n")
    without = learn(eval_fraction=0.0, input_files="a.txt")
    assert "⚓" not in read_vocab("vocab")
    assert without["eval_words"] == 0
    # The line with the anchor is among the held-out lines.
    result = learn(eval_fraction=0.9, vocab_size=170)
    assert 0 <= result["eval_unk_rate"] < 0.05


def test_cased():
    learn(do_lower_case=False)
    assert "Stormy" in read_vocab("vocab")
    assert "stormy" not in read_vocab("vocab")


def test_a_smaller_vocabulary_is_logged(caplog):
    assert learn(vocab_size=5000)["vocab_size"] < 5000
    assert "the text gives only" in caplog.text


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"input_files": ""},
            ValueError,
            "input_files is missing: pass --input_files=",
        ),
        ({"input_files": "c*"}, FileNotFoundError, r"c\*: no such file"),
        ({"output": "no/vocab"}, ValueError, "output must be a file in a folder that"),
        ({"output": "."}, ValueError, "output must be a file in a folder that exists"),
        ({"vocab_size": 110}, ValueError, "vocab_size must be at least"),
        ({"eval_fraction": 1.0}, ValueError, r"eval_fraction must be in \[0, 1\)"),
    ],
)
def test_bad_input_writes_nothing(home, changes, error, message):
    before = sorted(home.iterdir())
    with pytest.raises(error, match=message):
        learn(**changes)
    assert sorted(home.iterdir()) == before


def test_an_empty_corpus():
    pathlib.Path("empty.txt").write_text(" \n\n")
    with pytest.raises(ValueError, match="no words to learn"):
        learn(input_files="empty.txt")
