"""Pieces found in Python are those of the tokenizer, and those before a gap."""

import numpy as np
import pytest

from bert_tf.tokenization import BertTokenizer
from bert_tf.tokenization.words import match_pieces

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "ab", "##bc", "##c", "##d", "##cd"]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("abcd", ["ab", "##cd"]),
        ("abc", ["ab", "##c"]),
        ("ac", ["a", "##c"]),
        ("abb", ["ab"]),  # Nothing matches after the longest piece: unknown.
        ("xa", []),
        ("", []),
    ],
)
def test_the_longest_piece_comes_first(word, pieces):
    assert match_pieces(word, set(VOCAB)) == pieces


def test_pieces_are_those_of_the_tokenizer():
    random = np.random.default_rng(5)
    words = ["".join(random.choice(list("abcd"), n % 6 + 1)) for n in range(300)]
    tokenizer = BertTokenizer(VOCAB)
    unknown = 0
    for word, ids in zip(words, tokenizer.tokenize(words).to_list()):
        pieces = match_pieces(word, tokenizer.token_to_id)
        if "".join(piece.removeprefix("##") for piece in pieces) == word:
            assert [VOCAB[number] for number in ids] == pieces
        else:
            unknown += 1
            assert ids == [tokenizer.unk_id]
    assert 0 < unknown < 300
