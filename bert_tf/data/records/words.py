"""Splits running text into words, as the Penn Treebank and CoNLL data sets do.

`bert_tf.data.records.words_in_graph` does the same in a TensorFlow graph, for serving.
"""

import itertools
import re

from bert_tf.tokenization.characters import CHINESE, PUNCTUATION

_CHUNK = re.compile(r"\S+")
_ENDS = re.compile(r"(?:['’](?:s|S|m|M|d|D|ll|LL|re|RE|ve|VE)|n['’]t|N['’]T)$")


def split_words(text, bounds=()):
    """Returns where each word of a text begins and ends, [(start, end), ...].

    Spaces separate words. A punctuation mark at the edge of a word is a word of its own,
    but not inside a word (1996-08-22, U.S.). English endings such as 's and n't, and each
    Chinese character, are words of their own.

    Args:
        bounds: further places where words end, such as the edges of an entity.
    """
    words = []
    for chunk in _CHUNK.finditer(text):
        cuts = {place for place in bounds if chunk.start() < place < chunk.end()}
        for begin, end in _split_chunk(text, chunk.start(), chunk.end(), cuts):
            words += _split_edges(text, begin, end)
    return words


def _split_chunk(text, begin, end, cuts):
    """Cuts [begin, end) at `cuts` and around Chinese characters."""
    places = [begin]
    for place in range(begin, end):
        chinese = ord(text[place]) in CHINESE
        if chinese or place in cuts:
            places.append(place)
        if chinese:
            places.append(place + 1)
    places = [*dict.fromkeys(places), end]
    return [(a, b) for a, b in itertools.pairwise(places) if a < b]


def _split_edges(text, begin, end):
    """Separates punctuation and English endings from the edges of [begin, end)."""
    before, after = [], []
    while begin < end and _is_mark(text[begin]) and end - begin > 1:
        before.append((begin, begin + 1))
        begin += 1
    while end - begin > 1 and _is_mark(text[end - 1]):
        if text[end - 1] == "." and "." in text[begin : end - 1]:
            break  # The last full stop of U.S. belongs to the word.
        after.append((end - 1, end))
        end -= 1
    ending = _ENDS.search(text[begin:end])
    if ending and ending.start():
        after.append((begin + ending.start(), end))
        end = begin + ending.start()
    return [*before, (begin, end), *reversed(after)]


def _is_mark(character):
    return ord(character) in PUNCTUATION
