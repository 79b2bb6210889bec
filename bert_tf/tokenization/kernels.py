"""Inputs for two kernels of TensorFlow Text that make them tokenize as BERT does.

The first kernel (`FastBertNormalize`) maps characters. The second one
(`FastWordpieceTokenizeWithOffsets`) splits texts into words, and words into pieces. It
splits words by its own Unicode tables. If only BERT splits at a character, the first
kernel puts spaces around it. If only the kernel splits, a private-use character stands in
for the letter, in the text and in the vocabulary. BERT drops the private-use characters of
a text, so that no stand-in can be confused with one.
"""

import functools

from bert_tf.tokenization import characters, normalizer

MAX_CHARACTERS = 100  # A longer word is unknown, as in Hugging Face.
_LETTERS = 0xF0000  # The first stand-in for a letter of the vocabulary.
_OTHER = "\U0010fffc"  # Stands in for all letters that are not in the vocabulary.
_KEPT = 0xF8F0  # The first stand-in for a special piece; 3 bytes of UTF-8.
DECOY = "\uf8ef"  # Replaces characters of the text that look like a special piece's.
_NEVER = "\U0010fffd"  # Begins the names of pieces that can never occur.


def kept(number) -> str:
    """Returns the stand-in for special piece `number`, which is kept in the text."""
    return chr(_KEPT + number)


def letters(vocab, tokenize_chinese_chars) -> frozenset[str]:
    """Returns the characters of the vocabulary that need their own stand-in."""
    return _split_letters(tokenize_chinese_chars).intersection(set().union(*vocab))


@functools.cache
def normalizer_model(
    lower_case, strip_accents, tokenize_chinese_chars, letters, kept_pieces
):
    """Returns the first kernel's model: a replacement for every character that changes.

    Args:
        letters: result of the function `letters`.
        kept_pieces: number of special pieces that are kept in the text.
    """
    ascii_ = set(range(0x80))  # The second kernel splits ASCII as BERT does.
    replacements = {chr(c): f" {chr(c)} " for c in characters.PUNCTUATION - ascii_}
    replacements |= dict.fromkeys(_split_letters(tokenize_chinese_chars), _OTHER)
    replacements |= _stand_ins(letters)
    table = {}
    for character in characters.changing().union(replacements):
        normal = characters.normalize(
            character, lower_case=lower_case, strip_accents=strip_accents
        )
        normal = "".join(replacements.get(c, c) for c in normal)
        if normal != character:
            table[character] = normal
    for number in range(kept_pieces):
        table[kept(number)] = f" {kept(number)} "
    return normalizer.build(table, characters.PRIVATE_BLOCKS)


def pieces(vocab, tokenize_chinese_chars, letters, kept_pieces) -> list[str]:
    """Returns the second kernel's vocabulary: that of the model, then the kept pieces.

    Pieces that can never occur are renamed, because the kernel could match them, which
    BERT does not (a piece with a space inside), or refuse them (a repeated piece).
    """
    stand_ins = _stand_ins(letters)
    alone, dropped = _alone(tokenize_chinese_chars), _dropped()
    last = {piece: number for number, piece in enumerate(vocab)}
    renamed = []
    for number, piece in enumerate(vocab):
        body = piece.removeprefix("##")
        is_letter = piece == body and len(piece) == 1
        occurs = (
            last[piece] == number
            and 0 < len(body) <= MAX_CHARACTERS
            and len(body.encode("utf-8")) <= 256  # The kernel's own limit.
            and dropped.isdisjoint(body)
            and max(body) < chr(_LETTERS)
            and (is_letter or alone.isdisjoint(body))
        )
        if occurs:
            piece = "".join(stand_ins.get(c, c) for c in piece)
        elif piece != "[UNK]" or last[piece] != number:
            piece = f"{_NEVER}{number}"
        renamed.append(piece)
    return renamed + [kept(number) for number in range(kept_pieces)]


@functools.cache
def _split_letters(tokenize_chinese_chars):
    """Returns the characters that only the second kernel would split off."""
    chinese = set() if tokenize_chinese_chars else characters.CHINESE
    return frozenset(map(chr, characters.KERNEL_ONLY.union(chinese)))


def _stand_ins(letters):
    return {c: chr(_LETTERS + number) for number, c in enumerate(sorted(letters))}


@functools.cache
def _alone(tokenize_chinese_chars):
    """Returns the characters that are words of their own."""
    chinese = characters.CHINESE if tokenize_chinese_chars else set()
    return frozenset(map(chr, characters.PUNCTUATION.union(chinese)))


@functools.cache
def _dropped():
    """Returns the characters that never occur inside a word."""
    return frozenset(map(chr, characters.DROPPED | characters.SPACES | {0x20}))
