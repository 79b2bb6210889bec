"""Words of a text and their pieces, in Python, exactly as `BertTokenizer` finds them."""

import functools

from bert_tf.tokenization import characters, kernels


class WordSplitter:
    """Splits texts into the words that `BertTokenizer` cuts into pieces.

    Args:
        lower_case, strip_accents, tokenize_chinese_chars: as in `BertTokenizer`.
    """

    def __init__(
        self, *, lower_case=True, strip_accents=None, tokenize_chinese_chars=True
    ):
        alone = characters.PUNCTUATION
        if tokenize_chinese_chars:
            alone |= characters.CHINESE
        strip_accents = lower_case if strip_accents is None else strip_accents
        self._table = _Table(alone, lower_case, strip_accents)

    def split(self, text):
        """Returns the words of a text, a list of strings."""
        return [
            word
            for word in text.translate(self._table).split()
            if len(word) <= kernels.MAX_CHARACTERS  # A longer word is [UNK].
        ]


class _Table(dict):
    """Maps code points to their replacements, which are computed at first use."""

    def __init__(self, alone, lower_case, strip_accents):
        super().__init__()
        self.alone = alone
        self.normalize = functools.partial(
            characters.normalize, lower_case=lower_case, strip_accents=strip_accents
        )

    def __missing__(self, point):
        private = 0xF0000 <= point
        normal = "" if private else self.normalize(chr(point))
        self[point] = "".join(f" {c} " if ord(c) in self.alone else c for c in normal)
        return self[point]


def match_pieces(word, vocab):
    """Returns the pieces of a word, the longest that match, up to the first gap.

    Args:
        word: string, one of `WordSplitter`.
        vocab: set or dict of pieces.

    Returns:
        list of pieces. They spell the whole word, unless it is unknown.

    Example:
        >>> from bert_tf.tokenization.words import match_pieces
        >>> match_pieces("abcd", {"a", "ab", "##c"})
        ['ab', '##c']
    """
    begin, pieces = 0, []
    while begin < len(word):
        prefix = "##" if begin else ""
        ends = range(len(word), begin, -1)
        end = next((e for e in ends if prefix + word[begin:e] in vocab), None)
        if end is None:
            break
        pieces.append(prefix + word[begin:end])
        begin = end
    return pieces
