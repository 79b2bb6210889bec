"""Streams raw text: files of any size become lines and marks of document ends.

The first line that is not blank decides the form of a file: JSON lines with `text`,
WikiExtractor's `<doc …> … </doc>`, or plain text, in which a blank line ends a document
(as in google-research/bert). A file of any form may be gzipped.
"""

import dataclasses
import glob
import gzip
import json
import os
import zlib

from bert_tf.ground import one_of, quote

DOCUMENT_END = None  # `read_corpus` yields it after each document.
# Text may contain tabs, line feeds and carriage returns, but no other control character.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))


@dataclasses.dataclass
class Found:
    """Counts of what `read_corpus` has read so far."""

    files: int = 0
    documents: int = 0
    lines: int = 0  # Lines that contain text.
    bad_bytes: int = 0  # Bytes that are not UTF-8 and were dropped.
    control_characters: int = 0  # Characters that the tokenizer will drop.


def find_files(globs):
    """Returns the files that a comma-separated list of globs matches, sorted and unique.

    Raises:
        FileNotFoundError: a glob matches no file.
    """
    files = set()
    for pattern in filter(None, (part.strip() for part in globs.split(","))):
        matching = {p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p)}
        if not matching:
            raise FileNotFoundError(f"{pattern}: no such file. Check the path.")
        files |= matching
    return sorted(files)


def read_corpus(paths, *, documents="auto", found=None, progress=lambda size: None):
    """Yields the lines of files, and `DOCUMENT_END` after each document.

    Args:
        paths: files, read in this order.
        documents: "auto" ends a document of plain text at each blank line, "file" only at
            the end of the file.
        found: `Found` whose counts are increased.
        progress: function that is called with the number of bytes just read.

    Yields:
        str without surrounding white space, never empty; or `DOCUMENT_END`.

    Raises:
        ValueError: a gzip file is damaged, or a JSON line has no `text`. The message
            names the file, and the line of JSON.
    """
    one_of("documents", documents, ("auto", "file"))
    found = Found() if found is None else found
    for path in paths:
        found.files += 1
        empty = True  # Whether the current document has no line yet.
        for line in _read_file(path, documents, found, progress):
            if line is DOCUMENT_END:
                if not empty:
                    found.documents += 1
                    yield DOCUMENT_END
                empty = True
            elif line := line.strip():
                empty = False
                found.lines += 1
                yield line
        if not empty:
            found.documents += 1
            yield DOCUMENT_END


def _read_file(path, documents, found, progress):
    """Yields lines, also blank ones, and `DOCUMENT_END` by the rules of the form."""
    form = None
    for number, line in enumerate(_decoded(path, found, progress), 1):
        if form is None and line.strip():
            form = _recognise(line)
        if form == "json":
            if line.strip():
                yield from _json_text(path, number, line).splitlines()
                yield DOCUMENT_END
        else:
            ends_document = {
                "doc": line.startswith(("<doc ", "</doc>")),
                "plain": not line.strip() and documents == "auto",
            }
            yield DOCUMENT_END if ends_document.get(form) else line


def _decoded(path, found, progress):
    """Yields the lines of a file; bytes that are not UTF-8 are dropped and counted."""
    with open(path, "rb") as raw:
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        position = 0
        try:
            for number, data in enumerate(
                gzip.GzipFile(fileobj=raw) if is_gzip else raw
            ):
                if number == 0:
                    data = data.removeprefix(b"\xef\xbb\xbf")  # Byte order mark.
                found.control_characters += len(data) - len(
                    data.translate(None, _CONTROLS)
                )
                try:
                    line = data.decode("utf-8")
                except UnicodeDecodeError:
                    line = data.decode("utf-8", errors="ignore")
                    found.bad_bytes += len(data) - len(line.encode("utf-8"))
                yield line
                previous, position = position, raw.tell()
                progress(position - previous)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: the gzip file is cut short or damaged ({error}). Copy it again."
            ) from None


def _recognise(line):
    """Returns the form of a file by its first line that is not blank."""
    if line.startswith("<doc "):
        return "doc"
    try:
        return "json" if "text" in json.loads(line) else "plain"
    except (ValueError, TypeError):
        return "plain"


def _json_text(path, number, line):
    try:
        match json.loads(line):
            case {"text": str(text)}:
                return text
    except ValueError:
        pass
    raise ValueError(
        f"{path}, line {number}: not a JSON object with a string `text`; received "
        f"{quote(line.strip())}. The first line has one, so every line needs one."
    )
