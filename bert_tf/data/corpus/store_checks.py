"""Checks of a store when it is opened: its manifest, its checksums, and its ranges.

One pass over the files, at about 3 GB a second where they lie in memory, else at the speed
of the disk. Training on damaged arrays would give a model that looks like any other.
"""

import re
import zlib

import numpy as np

from bert_tf.disk import check_file
from bert_tf.ground import count, reason, show
from bert_tf.json_files import json_value

FORMAT = 1
PARTS = ("pieces", "sentences", "documents")
_CHUNK = 2**22
_AGAIN = "Copy it again, or create the store again."


def piece_type(vocab_size):
    """Returns the NumPy type of token ids on disk."""
    return np.uint16 if vocab_size <= 2**16 else np.uint32


def checksum(path, progress=lambda size: None):
    """Returns the CRC-32 of a file, which finds damage but no ill will."""
    crc = 0
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            crc = zlib.crc32(data, crc)
            progress(len(data))
    return crc


def check_manifest(manifest, source):
    """Checks the types of a manifest, and that it names no file outside of the store.

    Raises:
        ValueError: one line with the key and the value.
    """
    if manifest.get("format") != FORMAT:
        raise ValueError(
            f"{source.parent} has format {show(manifest.get('format'))}, but this version "
            f"reads format {FORMAT}; create the store again."
        )
    for key in ("vocab_size", *PARTS):
        _positive(manifest, key, source)
    tokenizer = json_value(manifest, "tokenizer", dict, source)
    json_value(tokenizer, "do_lower_case", bool, f"{source}: tokenizer", True)
    json_value(manifest, "vocab_crc32", int, source, 0)  # Older stores have none.
    shards = json_value(manifest, "shards", list, source)
    for number, shard in enumerate(shards):
        where = f"{source}: shards"
        json_value({number: shard}, number, dict, where)
        where = f"{where}[{number}]"
        if not re.fullmatch(r"shard-\d+", json_value(shard, "name", str, where)):
            raise ValueError(
                f"{where}: name must be shard- and a number; received "
                f"{show(shard['name'])}."
            )
        sizes = json_value(shard, "bytes", dict, where)
        checksums = json_value(shard, "crc32", dict, where, None)
        for part in PARTS:
            _positive(shard, part, where)
            _positive(sizes, part, f"{where}: bytes")
            if checksums is not None:
                json_value(checksums, part, int, f"{where}: crc32")
    for part in PARTS:
        total = sum(shard[part] for shard in shards)
        if total != manifest[part]:
            raise ValueError(
                f"{source}: {part} is {manifest[part]:,}, but the shards have {total:,} "
                "together. Create the store again."
            )


def check_size(file, size):
    """Checks that a file has so many bytes."""
    received = check_file(file).stat().st_size if file.exists() else 0
    if received != size:
        raise ValueError(
            f"{file} is cut short: {count(received, 'byte')} of {size:,}. {_AGAIN}"
        )


def check_checksum(file, expected, progress=lambda size: None):
    """Checks that a file has a checksum."""
    if checksum(file, progress) != expected:
        raise ValueError(f"{file} is damaged: its checksum is another. {_AGAIN}")


def open_array(file, length, dtype):
    """Maps an array of a shard into memory, and checks its length and type."""
    try:
        array = np.lib.format.open_memmap(file, mode="r")
    except (ValueError, EOFError, TypeError) as error:
        raise ValueError(
            f"{file} is no array of NumPy ({reason(error)}). {_AGAIN}"
        ) from None
    if array.shape != (length,) or array.dtype != dtype:
        raise ValueError(
            f"{file} holds {array.dtype}{list(array.shape)}, but the manifest says "
            f"{np.dtype(dtype)}[{length}]. {_AGAIN}"
        )
    return array


def check_ranges(file, shard, vocab_size):
    """Checks that ids are in the vocabulary, and that ends rise up to the last item.

    Args:
        file: function(part) → the file of an array, for the error.
        shard: `Shard`.
        vocab_size: number of tokens.
    """
    if (largest := max(chunk.max() for chunk in _chunks(shard.pieces))) >= vocab_size:
        raise ValueError(
            f"{file('pieces')} holds the token id {largest}, but the vocabulary has only "
            f"{vocab_size:,} tokens. {_AGAIN}"
        )
    for part, items in (("sentences", shard.pieces), ("documents", shard.sentences)):
        ends = getattr(shard, part)
        # Neighbors are compared in chunks that overlap by one.
        rising = all((chunk[1:] > chunk[:-1]).all() for chunk in _chunks(ends, 1))
        if not rising or ends[0] == 0 or ends[-1] != len(items):
            raise ValueError(
                f"{file(part)} must rise from above 0 to {len(items)}; it begins with "
                f"{ends[0]} and ends with {ends[-1]}. {_AGAIN}"
            )


def _chunks(array, more=0):
    for begin in range(0, len(array), _CHUNK):
        yield np.asarray(array[begin : begin + _CHUNK + more])


def _positive(values, key, source):
    if json_value(values, key, int, source) < 1:
        raise ValueError(f"{source}: {key} must be at least 1; received {values[key]}.")
