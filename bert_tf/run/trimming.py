"""Finds the tokens that texts need, so that the others can leave the vocabulary.

A word is split into the longest pieces that match. In a smaller vocabulary the same
pieces are still the longest, if they are all in it. So every word whose pieces are kept is
split as before. An unknown word stays unknown if the pieces before its first gap are kept:
else shorter pieces might fit together after all.
"""

import collections
import dataclasses
import json
import re

import numpy as np

from bert_tf.checkpoints.trimming import special_ids
from bert_tf.data.corpus.documents import DOCUMENT_END, read_corpus
from bert_tf.data.corpus.files import find_files
from bert_tf.ground import reading_progress
from bert_tf.tokenization import make_tokenizer
from bert_tf.tokenization.base import SPECIAL
from bert_tf.tokenization.cleaning import clean_strings
from bert_tf.tokenization.words import WordSplitter, match_pieces

_BATCH = 1_000_000  # Characters that are tokenized together; memory depends on it.
_SAMPLED = 1_000  # First lines, of which `choose_texts` takes some.
_LONGEST = 2_000  # Characters of a line in the sample.
_LONGEST_LINE = 2**24  # Characters; of a line of JSON, 2**27 bytes.
_TABLES = (".xlsx", ".xlsm", ".parquet")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')  # Of JSON.


@dataclasses.dataclass(frozen=True)
class Needed:
    """What texts need of a vocabulary.

    Attributes:
        ids: increasing list of the ids to keep.
        texts: a few lines of which all tokens are kept.
    """

    ids: list[int]
    texts: list[str]


def find_needed(folder, globs, min_frequency=1):
    """Finds the tokens of a vocabulary that texts need.

    These are the special tokens, the pieces that occur in the texts, and all single
    characters of the texts, alone and within a word. Each word that occurs at least
    `min_frequency` times is split as before.

    Args:
        folder: `ModelFolder`.
        globs: globs of files with commas between: text, tables of text, JSON; perhaps
            gzipped. Of tables and JSON, all columns and strings are read.
        min_frequency: occurrences that a piece needs.

    Returns:
        `Needed`.

    Raises:
        OSError, ValueError: there is no such file, it cannot be read, or the texts hold
            no token of the vocabulary; a special token is not in the vocabulary.
    """
    special = special_ids(folder)
    files = find_files(globs)
    if tables := [file for file in files if file.lower().endswith(_TABLES)]:
        raise ValueError(
            f"trim_vocab reads no Excel and no Parquet, such as {tables[0]}; save the "
            "texts as CSV, JSON or plain text."
        )
    counter = _Counter(folder)
    sample = []
    with reading_progress(files, "counting tokens") as bar:
        texts, size = [], 0
        for text in _read_texts(files, bar.update):
            if len(sample) < _SAMPLED and len(text) <= _LONGEST:
                sample.append(text)
            texts.append(text)
            size += len(text)
            if size >= _BATCH:
                counter.add(texts)
                texts, size = [], 0
        counter.add(texts)
    occurring = np.flatnonzero(counter.counts)
    if special.issuperset(occurring):
        raise ValueError(
            f"trim_vocab: {globs} holds no token of the vocabulary but special ones. "
            "Give files with texts of the language of the model."
        )
    kept = special | set(np.flatnonzero(counter.counts >= min_frequency).tolist())
    kept |= counter.character_ids()
    # An unknown word that is rarer may be read as pieces from now on.
    same = kept if min_frequency == 1 else kept - {counter.tokenizer.unk_id}
    return Needed(sorted(kept), counter.choose_texts(sample, same))


def _read_texts(files, progress):
    """Yields the lines of files; where a line has escapes of JSON, its strings instead."""
    read = {"as_it_stands": True, "max_document_characters": _LONGEST_LINE}
    for line in read_corpus(files, progress=progress, **read):
        if line is DOCUMENT_END:
            continue
        if "\\" not in line:
            yield line
            continue
        if _parse(line) is None:  # Text, or a part of JSON that has several lines.
            yield line
        for literal in _STRING.findall(line):
            text = _parse(literal)
            if text:
                # Halves of characters cannot be tokenized.
                yield text.encode("utf-8", "ignore").decode("utf-8")


def _parse(text):
    """Returns what a text of JSON holds, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _Counter:
    """Counts how often each token of a vocabulary occurs in texts."""

    def __init__(self, folder):
        self.tokenizer = tokenizer = make_tokenizer(folder)
        self.splitter = WordSplitter(
            lower_case=tokenizer.lower_case,
            strip_accents=tokenizer.strip_accents,
            tokenize_chinese_chars=tokenizer.tokenize_chinese_chars,
        )
        self.counts = np.zeros(tokenizer.vocab_size, np.int64)
        self.unknown_characters = set()

    def add(self, lines):
        """Counts the tokens of texts, and those before the gaps of unknown words."""
        if not lines:
            return
        if self.tokenizer.clean_input:
            lines, _ = clean_strings(lines)
        ids, rows = self._tokenize(lines)
        self.counts += np.bincount(ids, minlength=len(self.counts))
        unknown = np.unique(rows[ids == self.tokenizer.unk_id])
        words = collections.Counter(
            word for row in unknown for word in self.splitter.split(lines[row])
        )
        if not words:
            return
        ids, rows = self._tokenize(list(words))
        names = np.array(list(words), object)
        for word in names[np.unique(rows[ids == self.tokenizer.unk_id])]:
            self.unknown_characters.update(word)
            for piece in match_pieces(word, self.tokenizer.token_to_id):
                self.counts[self.tokenizer.token_to_id[piece]] += words[word]

    def character_ids(self):
        """Returns the ids of all single characters, alone and after ##, of the texts."""
        known = self.tokenizer.token_to_id
        pieces = {self.tokenizer.vocab[n] for n in np.flatnonzero(self.counts)}
        characters = self.unknown_characters.union(
            *(piece.removeprefix("##") for piece in pieces.difference(SPECIAL))
        )
        names = [prefix + c for c in characters for prefix in ("", "##")]
        return {known[name] for name in names if name in known}

    def choose_texts(self, lines, kept, wanted=8):
        """Returns some of the lines of which all tokens are kept, evenly spread."""
        if not lines:
            return []
        ids, rows = self._tokenize(lines)
        fine = np.isin(ids, list(kept))
        whole = np.setdiff1d(np.unique(rows), rows[~fine])
        return [lines[row] for row in whole[:: max(1, len(whole) // wanted)][:wanted]]

    def _tokenize(self, texts):
        """Returns the ids of all texts one after another, and the text of each."""
        tokens = self.tokenizer.tokenize(texts)
        lengths = np.diff(np.asarray(tokens.row_splits))
        return np.asarray(tokens.values), np.repeat(np.arange(len(texts)), lengths)
