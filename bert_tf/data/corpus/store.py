"""Tokenised text on disk: pieces of sentences of documents, in shards.

A store is a folder:

    manifest.json           what is in it; written last, so that a store without it is
                            not finished
    vocab.txt               the pieces that the ids stand for
    shard-00000.pieces.npy      ids, one sentence after the other, uint16 (uint32 where
                                the vocabulary needs it)
    shard-00000.sentences.npy   where each sentence ends in them, uint32
    shard-00000.documents.npy   where each document ends among the sentences, uint32

Arrays are NumPy's own files, mapped into memory when read: a store may be larger than it.
"""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.ground import count
from bert_tf.tokenization import read_vocab, write_vocab

MANIFEST = "manifest.json"
_FORMAT = 1
_PARTS = ("pieces", "sentences", "documents")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One shard, mapped into memory; see the module."""

    pieces: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray


def piece_type(vocab_size):
    """The NumPy type of pieces on disk."""
    return np.uint16 if vocab_size <= 2**16 else np.uint32


class StoreWriter:
    """Writes a store; `close` makes it one.

    Args:
        path: folder, made where it is missing; what an interrupted writer left in it
            is removed.
        vocab: list of pieces.
        tokenizer: options as in tokenizer_config.json.
        shard_pieces: pieces after which a shard ends, with the document at hand.

    Raises:
        ValueError: the folder holds a finished store, or other files.
    """

    def __init__(self, path, vocab, tokenizer, *, shard_pieces=32 * 2**20):
        self.path = pathlib.Path(path)
        if (self.path / MANIFEST).exists():
            raise ValueError(f"{path} holds a finished store; choose another folder.")
        if self.path.is_file():
            raise ValueError(f"{path} is a file; choose a folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        strange = [
            entry.name
            for entry in self.path.iterdir()
            if entry.name != "vocab.txt" and not entry.name.startswith("shard-")
        ]
        if strange:
            raise ValueError(
                f"{path} holds other files ({', '.join(sorted(strange)[:3])}); choose "
                "another folder."
            )
        for left in self.path.iterdir():
            left.unlink()
        write_vocab(self.path / "vocab.txt", vocab)
        self.vocab_size = len(vocab)
        self.dtype = piece_type(len(vocab))
        self.tokenizer = tokenizer
        self.shard_pieces = shard_pieces
        self.shards = []
        self._begin_shard()

    def _begin_shard(self):
        self._pieces, self._lengths, self._documents = [], [], []
        self._size = 0

    def add(self, pieces, lengths, documents):
        """Adds whole documents.

        Args:
            pieces: ids [T], sentence after sentence.
            lengths: pieces of each sentence [S], none 0.
            documents: sentences of each document [D], none 0.
        """
        self._pieces.append(np.asarray(pieces, self.dtype))
        self._lengths.append(np.asarray(lengths, np.int64))
        self._documents.append(np.asarray(documents, np.int64))
        self._size += len(pieces)
        if self._size >= self.shard_pieces:
            self._end_shard()

    def _end_shard(self):
        if not self._size:
            return
        arrays = {
            "pieces": np.concatenate(self._pieces),
            "sentences": np.cumsum(np.concatenate(self._lengths)).astype(np.uint32),
            "documents": np.cumsum(np.concatenate(self._documents)).astype(np.uint32),
        }
        name = f"shard-{len(self.shards):05d}"
        described = {"name": name, "bytes": {}}
        for part, array in arrays.items():
            path = self.path / f"{name}.{part}.npy"
            np.save(path, array, allow_pickle=False)
            described[part] = len(array)
            described["bytes"][part] = path.stat().st_size
        self.shards.append(described)
        self._begin_shard()

    def close(self, found):
        """Ends the last shard and writes the manifest.

        Args:
            found: dict, what reading the text came across; goes into the manifest.

        Returns:
            The manifest, a dict.

        Raises:
            ValueError: there is not one sentence.
        """
        self._end_shard()
        if not self.shards:
            raise ValueError("the text holds no sentence; is it the right one?")
        manifest = {
            "format": _FORMAT,
            "vocab_size": self.vocab_size,
            "tokenizer": self.tokenizer,
            **{part: sum(shard[part] for shard in self.shards) for part in _PARTS},
            "found": found,
            "shards": self.shards,
        }
        beside = self.path / f".{MANIFEST}"
        beside.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        beside.replace(self.path / MANIFEST)
        return manifest


class Store:
    """A finished store, to be read.

    Args:
        path: its folder.

    Attributes:
        manifest: dict, see `StoreWriter.close`.
        vocab: list of pieces.

    Raises:
        FileNotFoundError: there is no finished store.
        ValueError: a shard is missing or cut short, or the format is another; names it.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if not (self.path / MANIFEST).is_file():
            raise FileNotFoundError(
                f"{path} holds no finished store of tokenised text ({MANIFEST} is not "
                "there); make it by scripts/create_pretraining_data.py."
            )
        self.manifest = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        if self.manifest.get("format") != _FORMAT:
            raise ValueError(
                f"{path} is of format {self.manifest.get('format')}, but this version "
                f"reads {_FORMAT}; make it anew."
            )
        self.vocab = read_vocab(self.path / "vocab.txt")
        for shard in self.manifest["shards"]:
            for part, size in shard["bytes"].items():
                file = self.path / f"{shard['name']}.{part}.npy"
                there = file.stat().st_size if file.is_file() else 0
                if there != size:
                    raise ValueError(
                        f"{file} is cut short: {count(there, 'byte')} of {size:,}. Copy "
                        "it anew, or make the store anew."
                    )

    def __len__(self):
        return len(self.manifest["shards"])

    def shard(self, number):
        """Maps shard `number` into memory."""
        name = self.manifest["shards"][number]["name"]
        return Shard(
            **{
                part: np.load(
                    self.path / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False
                )
                for part in _PARTS
            }
        )
