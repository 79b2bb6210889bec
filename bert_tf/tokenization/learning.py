"""A WordPiece vocabulary learnt from counts of words.

The learner is TensorFlow Text's, whose top-down algorithm is described in its guide
"Subword tokenizers"; words are split exactly as `BertTokenizer` splits them.
"""

import functools
import logging

from tensorflow_text.tools.wordpiece_vocab import (
    wordpiece_tokenizer_learner_lib as learner,
)

from bert_tf.tokenization import characters, kernels

_log = logging.getLogger(__name__)

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")
# As the learner has them by default.
_ITERATIONS = 4
_LONGEST_PIECE = 50
_MOST_CHARACTERS = 1000
_MOST_WORDS = 200_000  # The learner holds every part of every word in memory.
_SURPLUS = 0.02  # Share of pieces too many at which the search ends; they are cut off.


class WordSplitter:
    """Texts to the words that `BertTokenizer` cuts into pieces.

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
            if len(word) <= kernels.MAX_CHARACTERS  # A longer one is unknown.
        ]


class _Table(dict):
    """Code point → what stands for it; filled as characters come."""

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


def learn_vocab(counts, vocab_size, *, unused=99):
    """Returns the most useful pieces for the words counted.

    Args:
        counts: {word: how often}; beyond the 200,000 most frequent, words do not count.
        vocab_size: pieces wanted; fewer come back where the words give no more.
        unused: slots [unused0] and so on, to be given a meaning later. With 99, the
            special pieces have the ids of Google's vocabularies.

    Returns:
        list of str: [PAD], unused slots, [UNK], [CLS], [SEP], [MASK], single
        characters, then pieces, the more frequent first.

    Raises:
        ValueError: no words, or less room than special pieces and characters need.
    """
    reserved = ["[PAD]", *(f"[unused{n}]" for n in range(unused)), *SPECIAL]
    counts = [(word, n) for word, n in counts.items() if word not in reserved]
    if not counts:
        raise ValueError("there are no words to learn a vocabulary from.")
    allowed = learner.get_allowed_chars(counts, _MOST_CHARACTERS)
    # By the word where counts are equal, so that the order of the text is of no matter.
    counts = learner.filter_input_words(
        learner.get_input_words(sorted(counts), reserved, _LONGEST_PIECE),
        allowed,
        _MOST_WORDS,
    )
    least = len(reserved) + 2 * len(learner.extract_char_tokens(counts))
    if vocab_size < least:
        raise ValueError(
            f"vocab_size must be at least {least}, for {len(reserved)} special pieces "
            f"and each character, alone and within a word; received {vocab_size}."
        )
    params = learner.Params(
        upper_thresh=None,
        lower_thresh=None,
        num_iterations=_ITERATIONS,
        max_input_tokens=_MOST_WORDS,
        max_token_length=_LONGEST_PIECE,
        max_unique_chars=_MOST_CHARACTERS,
        vocab_size=vocab_size,
        slack_ratio=0.0,
        include_joiner_token=True,
        joiner="##",
        reserved_tokens=reserved,
    )

    def learn(frequency):
        vocab = learner.learn_with_thresh(counts, frequency, params)
        _log.info("a frequency of %d gives %d pieces.", frequency, len(vocab))
        return vocab

    # A word so frequent is a piece itself: at this frequency there are enough.
    enough = counts[vocab_size - 1][1] if vocab_size <= len(counts) else 1
    too_few, best = None, learn(enough)
    while len(best) > vocab_size * (1 + _SURPLUS) and too_few != enough + 1:
        middle = (enough + too_few) // 2 if too_few else 2 * enough
        vocab = learn(middle)
        if len(vocab) < vocab_size:
            too_few = middle
        else:
            enough, best = middle, vocab
    return _cut(best, vocab_size)


def _cut(vocab, size):
    """Takes off the rarest pieces, at the end, but no single character."""
    surplus, kept = len(vocab) - size, []
    for piece in reversed(vocab):
        if surplus > 0 and len(piece.removeprefix("##")) > 1:
            surplus -= 1
        else:
            kept.append(piece)
    return kept[::-1]
