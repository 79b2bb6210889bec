"""Learns a WordPiece vocabulary from counts of words.

Uses the learner of TensorFlow Text, whose guide "Subword tokenizers" describes its
top-down algorithm. Texts are split into words exactly as `BertTokenizer` splits them.
"""

import importlib.util
import logging
import pathlib

_log = logging.getLogger(__name__)

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Defaults of the learner.
_ITERATIONS = 4
_LONGEST_PIECE = 50
_MOST_CHARACTERS = 1000
_MOST_WORDS = 200_000  # The learner holds every part of every word in memory.
# The search ends when the vocabulary is too large by at most this fraction. The surplus
# is then cut off.
_SURPLUS = 0.02


def _load_learner():
    """Returns the module of TensorFlow Text that learns; it needs no TensorFlow.

    It is read from its file, since its package would import TensorFlow.
    """
    package = importlib.util.find_spec("tensorflow_text")
    if package is None:
        raise ValueError(
            "learning a vocabulary needs a part of TensorFlow Text, but not TensorFlow: "
            "pip install --no-deps tensorflow-text"
        )
    (folder,) = package.submodule_search_locations
    file = "tools/wordpiece_vocab/wordpiece_tokenizer_learner_lib.py"
    spec = importlib.util.spec_from_file_location("learner", pathlib.Path(folder, file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


learner = _load_learner()


def learn_vocab(counts, vocab_size, *, unused=99):
    """Returns a vocabulary of the most useful pieces for the given words.

    Args:
        counts: {word: number of occurrences}. Only the 200,000 most frequent words count.
        vocab_size: number of pieces. Fewer are returned if the words have no more.
        unused: number of slots [unused0], [unused1], ... that can get a meaning later.
            With 99, the special pieces have the ids of Google's vocabularies.

    Returns:
        list of str: [PAD], unused slots, [UNK], [CLS], [SEP], [MASK], single characters,
        then other pieces, the most frequent first.

    Raises:
        ValueError: there are no words, or `vocab_size` has no room for special pieces and
            characters.
    """
    reserved = ["[PAD]", *(f"[unused{n}]" for n in range(unused)), *SPECIAL]
    counts = [(word, n) for word, n in counts.items() if word not in reserved]
    if not counts:
        raise ValueError(
            "there are no words to learn a vocabulary from; check the input files."
        )
    allowed = learner.get_allowed_chars(counts, _MOST_CHARACTERS)
    # Sorted, so that the vocabulary does not depend on the order of the texts.
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
        _log.info("A minimum frequency of %d gives %d pieces.", frequency, len(vocab))
        return vocab

    # Bisects the minimum frequency of a piece. `low` gives enough pieces: every word that
    # is as frequent is a piece itself. `high` gives too few.
    low = counts[vocab_size - 1][1] if vocab_size <= len(counts) else 1
    high, best = None, learn(low)
    while len(best) > vocab_size * (1 + _SURPLUS) and high != low + 1:
        middle = (low + high) // 2 if high else 2 * low
        vocab = learn(middle)
        if len(vocab) < vocab_size:
            high = middle
        else:
            low, best = middle, vocab
    return _drop_rarest(best, vocab_size)


def _drop_rarest(vocab, size):
    """Drops the last, rarest pieces, but keeps all single characters."""
    surplus, kept = len(vocab) - size, []
    for piece in reversed(vocab):
        if surplus > 0 and len(piece.removeprefix("##")) > 1:
            surplus -= 1
        else:
            kept.append(piece)
    return kept[::-1]
