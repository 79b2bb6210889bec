"""The counted words of an index, kept beside its vectors so that a search need not count."""

import pathlib

from bert_tf.retrieval.kept import keep, open_kept
from bert_tf.retrieval.words import WORD, Words

FOLDER = "words"


def open_words(index, facts, texts):
    """Returns the `Words` of an index: those that it keeps, or else counted, and kept.

    Words of another corpus, of another version of bm25s, or that are damaged are counted
    anew.

    Args:
        index: path of the folder of the index.
        facts: of `read_facts`.
        texts: iterable of strings, which is read only if the words must be counted.
    """
    path = pathlib.Path(index, FOLDER)
    identity = {
        "corpus_sha256": facts["corpus_sha256"],
        "settings": facts["settings"],
        "count": facts["count"],
        "word": WORD,
        "bm25s": Words.version(),
    }
    if words := open_kept(path, identity, Words.load):
        return words
    words = Words(texts)
    if not words.is_empty:  # The package cannot save what has no words.
        keep(path, identity, words.save)
    return words
