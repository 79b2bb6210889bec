"""Words equal those of the tokenizer, and a learned vocabulary can write them."""

import collections
import subprocess
import sys

import numpy as np
import pytest

from bert_tf.tokenization import BertTokenizer, learning
from bert_tf.tokenization.learning import SPECIAL, learn_vocab
from bert_tf.tokenization.words import WordSplitter

TEXTS = [
    "The cat's Äpfel, ÉTÉ… (co-op) 東京tower $5.00",
    "tabs\tand\u2028lines\u00a0stay apart; so\u200bft hy\u00adphens do not",
    "\u0130stanbul ΣΑΣ ﬁne ½ e\u0301 \U0010fffd\x00x 한국어 กำ",
    "",
    "x" * 100 + " " + "y" * 101,
]


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_words_are_those_of_the_tokenizer(lower_case, chinese):
    options = {"lower_case": lower_case, "tokenize_chinese_chars": chinese}
    splitter = WordSplitter(**options)
    words = [splitter.split(text) for text in TEXTS]
    # If every character is a piece, the pieces of a text spell its words.
    characters = sorted(set("".join(word for text in words for word in text)))
    vocab = ["[PAD]", *SPECIAL, *characters, *(f"##{c}" for c in characters)]
    ids = BertTokenizer(vocab, **options).tokenize(TEXTS).to_list()
    for expected, piece_ids in zip(words, ids):
        spelled = []
        for piece in (vocab[number] for number in piece_ids):
            if piece.startswith("##") and len(piece) > 2:
                spelled[-1] += piece[2:]
            elif piece != "[UNK]":  # A word that is too long.
                spelled.append(piece)
        assert expected == spelled


def test_a_worked_example():
    # "ing" is in four words, each stem in one, and "do" is a frequent word.
    counts = {f"{stem}ing": 10 for stem in ("read", "jump", "fill", "boss")}
    counts["do"] = 50
    vocab = learn_vocab(counts, 41, unused=2)
    assert vocab[:7] == ["[PAD]", "[unused0]", "[unused1]", *SPECIAL]
    letters = sorted(set("".join(counts)))
    assert vocab[7 : 7 + len(letters)] == letters
    assert {f"##{letter}" for letter in letters} <= set(vocab)
    assert {"do", "##ing"} <= set(vocab)
    assert "reading" not in vocab
    assert len(vocab) == len(set(vocab)) == 41


def test_tensorflow_is_not_needed():
    program = """
import sys
sys.modules["tensorflow"] = sys.modules["flatbuffers"] = None  # They cannot be imported.
from bert_tf.tokenization.learning import learn_vocab
print(*learn_vocab({"ab": 2, "b": 9}, 10, unused=0))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    pieces = ["a", "b", "ab", "##a", "##b"]
    assert done.stdout.split() == ["[PAD]", *SPECIAL, *pieces]


def test_without_tensorflow_text(monkeypatch):
    monkeypatch.setattr(learning.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install --no-deps tensorflow-text"):
        learning._load_learner()


class TestSize:
    @pytest.fixture
    def counts(self):
        # Word frequencies by Zipf's law.
        random = np.random.default_rng(4)
        letters = np.array(list("etaoinshrdlu"))
        words = {
            "".join(random.choice(letters, random.integers(2, 9))) for _ in range(900)
        }
        return collections.Counter(
            {word: 1 + 3000 // rank for rank, word in enumerate(sorted(words), 1)}
        )

    @pytest.mark.parametrize("size", [140, 200, 500])
    def test_a_vocabulary_has_the_given_size(self, counts, size):
        vocab = learn_vocab(counts, size, unused=99)
        assert len(vocab) == len(set(vocab)) == size
        assert vocab[99:104] == ["[unused98]", *SPECIAL]
        assert {"e", "##e", "u", "##u"} <= set(vocab)
        # No word needs [UNK].
        tokenizer = BertTokenizer(vocab)
        ids = tokenizer.tokenize(list(counts)).values.numpy()
        assert tokenizer.unk_id not in ids

    def test_a_larger_vocabulary_gives_shorter_texts(self, counts):
        texts = [" ".join(counts)]
        lengths = [
            len(BertTokenizer(learn_vocab(counts, size)).tokenize(texts).values)
            for size in (140, 200, 500)
        ]
        assert lengths[0] > lengths[1] > lengths[2] >= len(counts)

    def test_the_order_of_the_words_does_not_matter(self, counts):
        backwards = dict(reversed(counts.items()))
        assert learn_vocab(counts, 200) == learn_vocab(backwards, 200)

    def test_few_words_give_fewer_pieces(self):
        vocab = learn_vocab({"ab": 3, "abc": 1}, 1000, unused=0)
        assert len(vocab) < 20
        assert {"ab", "abc"} <= set(vocab)

    def test_too_small_a_size_is_an_error(self, counts):
        # 5 special pieces, 99 slots, and 12 letters, alone and within a word.
        with pytest.raises(ValueError, match="at least 128, for 104 .* received 127"):
            learn_vocab(counts, 127)

    def test_no_words_are_an_error(self):
        with pytest.raises(ValueError, match="no words to learn"):
            learn_vocab({}, 100)


def test_special_pieces_among_the_words_are_not_repeated():
    vocab = learn_vocab({"[MASK]": 9, "mask": 9}, 30, unused=0)
    assert vocab.count("[MASK]") == 1
