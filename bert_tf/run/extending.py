"""Adds words to a vocabulary; each starts as the mean of its former word pieces."""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf.ground import quote
from bert_tf.tokenization import make_tokenizer

_log = logging.getLogger(__name__)
_TABLE = "bert/embeddings/word_embeddings"
_BIAS = "cls/predictions/output_bias"


def read_words(text):
    """Returns words from text with commas between, or from a file with one a line."""
    path = pathlib.Path(text)
    if path.suffix and path.is_file():
        words = path.read_text(encoding="utf-8-sig").splitlines()
    else:
        words = text.split(",")
    words = list(dict.fromkeys(filter(None, map(str.strip, words))))
    if not words:
        raise ValueError(
            f"add_tokens has no words; received {text!r}. Write words with commas "
            "between, or name a file with one word a line."
        )
    return words


def extend(folder, arrays, words):
    """Adds words to the vocabulary of a model.

    Args:
        folder: `ModelFolder`.
        arrays: {path: array} of its weights.
        words: strings; those in the vocabulary are left out.

    Returns:
        The folder and the arrays with the new words. Their rows in the word embeddings
        and in the bias of the masked-word head are means over their word pieces.

    Raises:
        ValueError: the tokenizer does not read one of them as a single word.
    """
    tokenizer = make_tokenizer(folder)
    if folder.tokenizer["do_lower_case"]:
        words = list(dict.fromkeys(word.lower() for word in words))
    new = [word for word in words if word not in tokenizer.token_to_id]
    if not new:
        raise ValueError(
            "add_tokens: all of these words are in the vocabulary already; drop it."
        )
    if len(new) < len(words):
        known = len(words) - len(new)
        _log.warning("skipped %d words that are in the vocabulary already.", known)
    pieces = tokenizer.tokenize(new).to_list()
    size = len(folder.vocab) + len(new)
    extended = dataclasses.replace(
        folder,
        vocab=[*folder.vocab, *new],
        config=dataclasses.replace(
            folder.config, vocab_size=max(folder.config.vocab_size, size)
        ),
    )
    ids = make_tokenizer(extended).tokenize(new).to_list()
    for number, word in enumerate(new):
        if ids[number] != [len(folder.vocab) + number]:
            raise ValueError(
                f"add_tokens: the tokenizer does not read {quote(word)} as one word. "
                "Words have no spaces and no punctuation in them and, in an uncased "
                "model, no accents."
            )

    def extend_rows(array):
        rows = np.zeros((extended.config.vocab_size, *array.shape[1:]), array.dtype)
        rows[: len(array)] = array
        for number, piece_ids in enumerate(pieces):
            piece_ids = piece_ids or [tokenizer.unk_id]
            rows[len(folder.vocab) + number] = array[piece_ids].mean(axis=0)
        return rows

    return extended, arrays | {
        path: extend_rows(arrays[path]) for path in (_TABLE, _BIAS) if path in arrays
    }
