"""A store: tokenized text on disk, in shards of whole documents.

A store is a folder:

    manifest.json               its contents, with a checksum of each file; written last,
                                so that a folder without it is an unfinished store
    vocab.txt                   the tokens that the ids stand for
    shard-00000.pieces.npy      token ids of all sentences, uint16, or uint32 if the
                                vocabulary has more than 65,536 tokens
    shard-00000.sentences.npy   the end of each sentence among the token ids, uint32
    shard-00000.documents.npy   the end of each document among the sentences, uint32

The arrays are NumPy files that are mapped into memory, so that a store may be larger than
the memory.
"""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.data.corpus import store_checks
from bert_tf.data.corpus.store_checks import PARTS, piece_type
from bert_tf.ground import reading_progress, write_text
from bert_tf.json_files import read_json
from bert_tf.tokenization import read_vocab, write_vocab

MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Shard:
    """The arrays of one shard, mapped into memory; see the module's docstring."""

    pieces: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray


class StoreWriter:
    """Writes a store, which is finished when `close` has returned.

    Args:
        path: folder, created if it is missing. Files of an unfinished store in it are
            removed.
        vocab: list of tokens.
        tokenizer: tokenizer options, named as in tokenizer_config.json.
        shard_pieces: a shard ends after the document that reaches this number of tokens.

    Raises:
        ValueError: the folder holds a finished store or other files.
    """

    def __init__(self, path, vocab, tokenizer, *, shard_pieces=32 * 2**20):
        self.path = pathlib.Path(path)
        if (self.path / MANIFEST).exists():
            raise ValueError(f"{path} holds a finished store; choose another folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        # Hidden files are the lock, and what a killed process has begun to write.
        files = [file for file in self.path.iterdir() if file.name[0] != "."]
        other_files = [
            file.name
            for file in files
            if file.name != "vocab.txt" and not file.name.startswith("shard-")
        ]
        if other_files:
            raise ValueError(
                f"{path} holds other files ({', '.join(sorted(other_files)[:3])}); "
                "choose another folder."
            )
        for file in files:
            file.unlink()
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
            pieces: token ids [T], sentence after sentence.
            lengths: number of tokens of each sentence [S], none 0.
            documents: number of sentences of each document [D], none 0.
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
        shard = {"name": name, "bytes": {}, "crc32": {}}
        for part, array in arrays.items():
            path = self.path / f"{name}.{part}.npy"
            np.save(path, array, allow_pickle=False)
            shard[part] = len(array)
            shard["bytes"][part] = path.stat().st_size
            shard["crc32"][part] = store_checks.checksum(path)
        self.shards.append(shard)
        self._begin_shard()

    def close(self, found):
        """Writes the last shard and the manifest, and returns the manifest.

        Args:
            found: dict of counts from reading the text, stored as "found".

        Raises:
            ValueError: no document was added.
        """
        self._end_shard()
        if not self.shards:
            raise ValueError("the text holds no sentence; check the input files.")
        manifest = {
            "format": store_checks.FORMAT,
            "vocab_size": self.vocab_size,
            "vocab_crc32": store_checks.checksum(self.path / "vocab.txt"),
            "tokenizer": self.tokenizer,
            **{part: sum(shard[part] for shard in self.shards) for part in PARTS},
            "found": found,
            "shards": self.shards,
        }
        write_text(self.path / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        return manifest


class Store:
    """Reads a finished store.

    Args:
        path: folder of the store.

    Attributes:
        manifest: dict that `StoreWriter.close` wrote.
        vocab: list of tokens.

    Raises:
        FileNotFoundError: the folder holds no finished store.
        ValueError: a file is missing, cut short or damaged, holds ids or ends out of
            their range, or is not what the manifest says; or the format version is not
            supported. Stores of before checksums were written pass by their ranges.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if not (self.path / MANIFEST).is_file():
            raise FileNotFoundError(
                f"{path} holds no finished store of tokenized text ({MANIFEST} is "
                "missing); create one with bert-tf create-pretraining-data."
            )
        self.manifest = read_json(self.path / MANIFEST)
        store_checks.check_manifest(self.manifest, self.path / MANIFEST)
        vocab = self.path / "vocab.txt"
        self.vocab = read_vocab(vocab)
        if len(self.vocab) != self.manifest["vocab_size"]:
            raise ValueError(
                f"{vocab} has {len(self.vocab):,} tokens, but the store was made with "
                f"{self.manifest['vocab_size']:,}. Put its own vocabulary back."
            )
        if "vocab_crc32" in self.manifest:
            store_checks.check_checksum(vocab, self.manifest["vocab_crc32"])
        self._check_shards()

    def _check_shards(self):
        shards = self.manifest["shards"]
        files = []
        for number, shard in enumerate(shards):
            for part in PARTS:
                files.append(self._file(number, part))
                store_checks.check_size(files[-1], shard["bytes"][part])
        with reading_progress(files, "checking the store") as bar:
            for number, shard in enumerate(shards):
                for part, crc in shard.get("crc32", {}).items():
                    file = self._file(number, part)
                    store_checks.check_checksum(file, crc, bar.update)
                store_checks.check_ranges(
                    lambda part, number=number: self._file(number, part),
                    self.shard(number),
                    len(self.vocab),
                )

    def _file(self, number, part):
        return self.path / f"{self.manifest['shards'][number]['name']}.{part}.npy"

    def __len__(self):
        return len(self.manifest["shards"])

    def shard(self, number):
        """Returns `Shard` number `number`, mapped into memory."""
        shard = self.manifest["shards"][number]
        types = {"pieces": piece_type(len(self.vocab))}
        return Shard(
            **{
                part: store_checks.open_array(
                    self._file(number, part), shard[part], types.get(part, np.uint32)
                )
                for part in PARTS
            }
        )
