"""What the kernels of TensorFlow Text are given, so that they do what BERT does.

Two kernels do the work: one maps characters (`FastBertNormalize`), one splits words
off and cuts them into pieces (`FastWordpieceTokenizeWithOffsets`). The second splits
by Unicode tables of its own. Where BERT splits and it would not, the first puts
spaces; where it splits and BERT would not, a private-use character stands in for the
letter, in the text and in the vocabulary alike. BERT drops private-use characters
from text, so that stand-ins are never mistaken for it.
"""

import functools

from bert_tf.tokenization import characters, normalizer

MAX_CHARACTERS = 100  # A longer word is unknown, as in Hugging Face.
_LETTERS = 0xF0000  # Stand-ins for letters, from here on.
_OTHER = "\U0010fffc"  # The one for all letters that no piece holds.
_KEPT = 0xF8F0  # Stand-ins for special pieces kept in the text; 3 bytes of UTF-8.
DECOY = "\uf8ef"  # For stand-ins of special pieces that the text itself holds.
_NEVER = "\U0010fffd"  # Begins the pieces that can never occur.


def kept(number) -> str:
    """The stand-in for special piece `number`."""
    return chr(_KEPT + number)


def letters(vocab, tokenize_chinese_chars) -> frozenset[str]:
    """The characters of the vocabulary that need a stand-in of their own."""
    return _split_letters(tokenize_chinese_chars).intersection(set().union(*vocab))


@functools.cache
def normalizer_model(
    lower_case, strip_accents, tokenize_chinese_chars, letters, kept_pieces
):
    """The first kernel's table: every character that changes → what it becomes."""
    ascii_ = set(range(0x80))  # Left to the second kernel.
    between = {chr(c): f" {chr(c)} " for c in characters.PUNCTUATION - ascii_}
    between |= dict.fromkeys(_split_letters(tokenize_chinese_chars), _OTHER)
    between |= _stand_ins(letters)
    table = {}
    for character in characters.changing().union(between):
        normal = characters.normalize(
            character, lower_case=lower_case, strip_accents=strip_accents
        )
        normal = "".join(between.get(c, c) for c in normal)
        if normal != character:
            table[character] = normal
    for number in range(kept_pieces):
        table[kept(number)] = f" {kept(number)} "
    return normalizer.build(table, characters.PRIVATE_BLOCKS)


def pieces(vocab, tokenize_chinese_chars, letters, kept_pieces) -> list[str]:
    """The vocabulary for the second kernel, with the kept special pieces after it.

    Pieces that can never occur are renamed, because the kernel, unlike BERT, might
    find them (such as one with a space inside) or refuse them (twice the same).
    """
    stand_ins = _stand_ins(letters)
    alone, gone = _alone(tokenize_chinese_chars), _gone()
    last = {piece: number for number, piece in enumerate(vocab)}
    known = []
    for number, piece in enumerate(vocab):
        body = piece.removeprefix("##")
        is_letter = piece == body and len(piece) == 1
        occurs = (
            last[piece] == number
            and 0 < len(body) <= MAX_CHARACTERS
            and len(body.encode("utf-8")) <= 256  # The kernel's own limit.
            and gone.isdisjoint(body)
            and max(body) < chr(_LETTERS)
            and (is_letter or alone.isdisjoint(body))
        )
        if occurs:
            piece = "".join(stand_ins.get(c, c) for c in piece)
        elif piece != "[UNK]" or last[piece] != number:
            piece = f"{_NEVER}{number}"
        known.append(piece)
    return known + [kept(number) for number in range(kept_pieces)]


@functools.cache
def _split_letters(tokenize_chinese_chars):
    """Letters to BERT that the second kernel would split off."""
    chinese = set() if tokenize_chinese_chars else characters.CHINESE
    return frozenset(map(chr, characters.KERNEL_ONLY.union(chinese)))


def _stand_ins(letters):
    return {c: chr(_LETTERS + number) for number, c in enumerate(sorted(letters))}


@functools.cache
def _alone(tokenize_chinese_chars):
    """Characters that are words of their own."""
    chinese = characters.CHINESE if tokenize_chinese_chars else set()
    return frozenset(map(chr, characters.PUNCTUATION.union(chinese)))


@functools.cache
def _gone():
    """Characters that never reach a piece."""
    return frozenset(map(chr, characters.DROPPED | characters.SPACES | {0x20}))
