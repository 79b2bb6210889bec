"""The vocabulary of a target language, learnt from the targets of the training data."""

import collections
import logging

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.characters import CHINESE
from bert_tf.tokenization.words import WordSplitter

learning = lazy("bert_tf.tokenization.learning")

_log = logging.getLogger(__name__)

MOST_CHINESE = 0.75  # Fraction of the vocabulary that Chinese characters may take.
MOST_UNKNOWN = 0.01  # Fraction of words that may be [UNK] without a warning.


def learn_target_vocabulary(texts, size, lower_case=False):
    """Learns a WordPiece vocabulary from the targets of the training data.

    Args:
        texts: list of strings.
        size: most tokens of the vocabulary.
        lower_case: False keeps case and accents.

    Returns:
        list of strings. The same texts give the same list, in whatever order.

    Raises:
        ValueError: `size` has no room for the characters of the texts.
    """
    splitter = WordSplitter(lower_case=lower_case)
    counts = collections.Counter()
    for text in texts:
        counts.update(splitter.split(text))
    # Each Chinese character is a word. The learner would take a thousand of them only,
    # and each within a word, too, where none ever stands.
    chinese = [word for word in counts if ord(word[0]) in CHINESE]
    chinese.sort(key=lambda word: (-counts[word], word))
    others = {word: n for word, n in counts.items() if ord(word[0]) not in CHINESE}
    chinese = chinese[: int(size * MOST_CHINESE)]
    if chinese and not others:
        return ["[PAD]", *learning.SPECIAL, *chinese]
    try:
        vocab = learning.learn_vocab(others, size - len(chinese), unused=0)
    except ValueError as error:
        raise ValueError(
            f"target_vocab_size is {size}, {len(chinese)} of them for Chinese "
            f"characters. For all others: {error}"
        ) from None
    return vocab + chinese


def count_unknown(tokenizer, texts):
    """Returns the fraction of words that are [UNK] in the target vocabulary.

    Logs a warning if it is over 1%: such words are neither learnt nor generated.

    Args:
        tokenizer: tokenizer of the target vocabulary.
        texts: list of strings.
    """
    ids = np.asarray(tokenizer.tokenize(list(texts)).values)
    begins = np.array([not piece.startswith("##") for piece in tokenizer.vocab])
    words = int(begins[ids].sum())
    unknown = float((ids == tokenizer.unk_id).sum() / max(words, 1))
    if unknown > MOST_UNKNOWN:
        _log.warning(
            "%.1f%% of the words of the targets are [UNK] in the target vocabulary of %d "
            "tokens, and cannot be generated; pass the vocabulary of their language as "
            "target_vocab_file, or a larger target_vocab_size.",
            100 * unknown,
            tokenizer.vocab_size,
        )
    return unknown
