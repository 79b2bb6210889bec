"""New words for a vocabulary: each begins as the mean of the pieces it had before."""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf.ground import quote
from bert_tf.predictor import make_tokenizer

_log = logging.getLogger(__name__)
_TABLE = "bert/embeddings/word_embeddings"
_BIAS = "cls/predictions/output_bias"


def read_words(text):
    """Words with commas between, or those of a file, one a line."""
    path = pathlib.Path(text)
    if path.suffix and path.is_file():
        words = path.read_text(encoding="utf-8-sig").splitlines()
    else:
        words = text.split(",")
    words = list(dict.fromkeys(filter(None, map(str.strip, words))))
    if not words:
        raise ValueError(
            f"add_tokens has no words; received {text!r}. Write words with commas "
            "between, or name a file with one a line."
        )
    return words


def extend(folder, arrays, words):
    """Adds words to the vocabulary of a model.

    Args:
        folder: `ModelFolder`.
        arrays: {path: array} of its weights.
        words: strings; those that are pieces already are left out.

    Returns:
        The folder and the arrays with them: their rows of the word table, and of the
        masked-word head's bias, are the means of those of their pieces.

    Raises:
        ValueError: something that the tokenizer does not read as one word.
    """
    tokenizer = make_tokenizer(folder)
    if folder.tokenizer["do_lower_case"]:
        words = list(dict.fromkeys(word.lower() for word in words))
    new = [word for word in words if word not in tokenizer.token_to_id]
    if not new:
        raise ValueError(
            "add_tokens: all of these words are in the vocabulary already."
        )
    if len(new) < len(words):
        _log.warning("%d words are in the vocabulary already.", len(words) - len(new))
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

    def grown(array):
        rows = np.zeros((extended.config.vocab_size, *array.shape[1:]), array.dtype)
        rows[: len(array)] = array
        for number, own in enumerate(pieces):
            own = own or [tokenizer.unk_id]
            rows[len(folder.vocab) + number] = array[own].mean(axis=0)
        return rows

    return extended, arrays | {
        path: grown(arrays[path]) for path in (_TABLE, _BIAS) if path in arrays
    }
