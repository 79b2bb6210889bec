"""Running text into words, as the makers of tagged texts (Penn Treebank, CoNLL) do."""

import itertools
import re

from bert_tf.tokenization.characters import CHINESE, PUNCTUATION

_CHUNK = re.compile(r"\S+")
_ENDS = re.compile(r"(?:['’](?:s|S|m|M|d|D|ll|LL|re|RE|ve|VE)|n['’]t|N['’]T)$")


def split_words(text, bounds=()):
    """Returns where each word of a text begins and ends, [(start, end), ...].

    Spaces part words. Punctuation at a word's edge is a word of its own, inside it is
    not (1996-08-22, U.S.), and English 's, n't and the like stand alone; so does each
    Chinese character.

    Args:
        bounds: further places at which words end, say where an entity does.
    """
    words = []
    for chunk in _CHUNK.finditer(text):
        cuts = {place for place in bounds if chunk.start() < place < chunk.end()}
        for begin, end in _parts(text, chunk.start(), chunk.end(), sorted(cuts)):
            words += _trim(text, begin, end)
    return words


def _parts(text, begin, end, cuts):
    """Cuts [begin, end) at the given places and around Chinese characters."""
    places = [begin]
    for place in range(begin, end):
        chinese = ord(text[place]) in CHINESE
        if chinese or place in cuts:
            places.append(place)
        if chinese:
            places.append(place + 1)
    places = [*dict.fromkeys(places), end]
    return [(a, b) for a, b in itertools.pairwise(places) if a < b]


def _trim(text, begin, end):
    """Parts punctuation and English endings from the edges of a word."""
    before, after = [], []
    while begin < end and _is_mark(text[begin]) and end - begin > 1:
        before.append((begin, begin + 1))
        begin += 1
    while end - begin > 1 and _is_mark(text[end - 1]):
        if text[end - 1] == "." and "." in text[begin : end - 1]:
            break  # U.S.
        after.append((end - 1, end))
        end -= 1
    ending = _ENDS.search(text[begin:end])
    if ending and ending.start():
        after.append((begin + ending.start(), end))
        end = begin + ending.start()
    return [*before, (begin, end), *reversed(after)]


def _is_mark(character):
    return ord(character) in PUNCTUATION
