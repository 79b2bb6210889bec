"""Streams raw text: files of any size become lines and marks of document ends.

The first line that is not blank decides the form of a file: JSON lines with `text`,
WikiExtractor's `<doc …> … </doc>`, or plain text, in which a blank line ends a document
(as in google-research/bert). A file of any form may be gzipped.
"""

import dataclasses
import gzip
import itertools
import json
import logging
import zlib

from bert_tf.disk import check_file
from bert_tf.ground import one_of, quote

DOCUMENT_END = None  # `read_corpus` yields it after each document.
MOST_CHARACTERS = 1_000_000  # Of a document, if `read_corpus` is not told otherwise.
# Text may contain tabs, line feeds and carriage returns, but no other control character.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))
# A line of JSON is parsed whole; in plain text, lines may be of any length.
_LONGEST_JSON = 2**27

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Found:
    """Counts of what `read_corpus` has read so far."""

    files: int = 0
    documents: int = 0
    split_documents: int = 0  # Documents that were too long, and so became several.
    lines: int = 0  # Lines that contain text.
    bad_bytes: int = 0  # Bytes that are not UTF-8 and were dropped.
    bad_characters: int = 0  # Halves of characters, escaped in JSON, that were dropped.
    control_characters: int = 0  # Characters that the tokenizer will drop.

    def drop(self, path, number, *, bytes=0, characters=0):
        """Counts what was dropped, and logs the place of the first."""
        if not self.bad_bytes and not self.bad_characters:
            _log.warning(
                "%s, line %d: %s is dropped, and counted from here on.",
                path,
                number,
                "what is not UTF-8" if bytes else "half of an escaped character",
            )
        self.bad_bytes += bytes
        self.bad_characters += characters


def read_corpus(
    paths,
    *,
    documents="auto",
    max_document_characters=MOST_CHARACTERS,
    as_it_stands=False,
    found=None,
    progress=lambda size: None,
):
    """Yields the lines of files, and `DOCUMENT_END` after each document.

    Args:
        paths: files, read in this order.
        documents: "auto" ends a document of plain text at each blank line, "file" only at
            the end of the file.
        max_document_characters: a longer document is split into several, at the ends of
            lines, or at blanks within a line as long; memory depends on it.
        as_it_stands: True to read files of any form as plain text.
        found: `Found` whose counts are increased.
        progress: function that is called with the number of bytes just read.

    Yields:
        str without surrounding white space, never empty; or `DOCUMENT_END`.

    Raises:
        OSError: a path is a folder, a device or a pipe.
        ValueError: a gzip file is damaged, or a JSON line has no `text`. The message
            names the file, and the line of JSON.
    """
    one_of("documents", documents, ("auto", "file"))
    found = Found() if found is None else found
    most = max_document_characters
    for path in paths:
        found.files += 1
        size, is_split = 0, False  # Characters of the current document.
        form = "plain" if as_it_stands else None
        lines = _read_file(check_file(path), form, documents, most, found, progress)
        for line in itertools.chain(lines, [DOCUMENT_END]):
            if line is DOCUMENT_END:
                if size:
                    found.documents += 1
                    found.split_documents += is_split
                    yield DOCUMENT_END
                size, is_split = 0, False
                continue
            for part in _cut(line, most):
                if size and size + len(part) > most:
                    found.documents += 1
                    yield DOCUMENT_END
                    size, is_split = 0, True
                size += len(part)
                found.lines += 1
                yield part


def _read_file(path, form, documents, most, found, progress):
    """Yields lines, also blank ones, and `DOCUMENT_END` by the rules of the form."""
    for number, line in _decoded(path, most, found, progress):
        if form is None and line.strip():
            form = _recognise(line)
        if form == "json":
            if line.strip():
                text = _json_text(path, number, line)
                whole = text.encode("utf-8", "ignore").decode("utf-8")
                if len(whole) < len(text):
                    found.drop(path, number, characters=len(text) - len(whole))
                yield from whole.splitlines()
                yield DOCUMENT_END
        else:
            ends_document = {
                "doc": line.startswith(("<doc ", "</doc>")),
                "plain": not line.strip() and documents == "auto",
            }
            yield DOCUMENT_END if ends_document.get(form) else line


def _decoded(path, most, found, progress):
    """Yields (number, line) of a file; bytes that are not UTF-8 are dropped and counted.

    A line of JSON is whole; others come in parts of about `most` characters.
    """
    with open(path, "rb") as raw:
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        if path.suffix == ".gz" and not is_gzip:
            raise ValueError(
                f"{path} is no gzip file, though its name ends in .gz. Rename it, or copy "
                "it again."
            )
        position = 0
        try:
            stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw
            # A character has at most four bytes.
            for number, data in _raw_lines(path, stream, 4 * most):
                found.control_characters += len(data) - len(
                    data.translate(None, _CONTROLS)
                )
                try:
                    line = data.decode("utf-8")
                except UnicodeDecodeError:
                    line = data.decode("utf-8", errors="ignore")
                    bad = len(data) - len(line.encode("utf-8"))
                    found.drop(path, number, bytes=bad)
                yield number, line
                previous, position = position, raw.tell()
                progress(position - previous)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: the gzip file is cut short or damaged ({error}). Copy it again."
            ) from None


def _raw_lines(path, stream, most):
    """Yields (number of the line, its bytes or a part of them)."""
    number, rest, is_json = 1, b"", None
    while data := stream.readline(most):
        if number == 1 and not rest:
            data = data.removeprefix(b"\xef\xbb\xbf")  # Byte order mark.
        if is_json is None and data.strip():  # As `_recognise` decides by this line.
            is_json = data.lstrip().startswith(b"{")
        if is_json and not data.endswith(b"\n"):
            data += stream.readline(_LONGEST_JSON)
            if len(data) >= _LONGEST_JSON:
                raise ValueError(
                    f"{path}, line {number}: a JSON object has at most {_LONGEST_JSON:,} "
                    "bytes; split this one into several lines."
                )
        data = rest + data
        is_part = len(data) >= most and not data.endswith(b"\n") and not is_json
        end = _last_break(data) if is_part else len(data)
        data, rest = data[:end], data[end:]
        yield number, data
        number += data.endswith(b"\n")
    if rest:
        yield number, rest


def _last_break(data):
    """Returns where to cut bytes: behind the last blank, or before the last character."""
    if end := data.rfind(b" ") + 1:
        return end
    for end in range(len(data) - 1, max(0, len(data) - 4), -1):
        if data[end] & 0xC0 != 0x80:  # The first byte of a character.
            return end
    return len(data)


def _cut(line, most):
    """Yields a line in parts of at most `most` characters, cut at blanks if it has any."""
    begin = 0
    while begin < len(line):
        end = begin + most
        if end < len(line):
            end = line.rfind(" ", begin, end) + 1 or end
        if part := line[begin:end].strip():
            yield part
        begin = end


def _recognise(line):
    """Returns the form of a file by its first line that is not blank."""
    if line.startswith("<doc "):
        return "doc"
    return "json" if "text" in (_json_object(line) or ()) else "plain"


def _json_object(line):
    """Returns the JSON object of a line, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_text(path, number, line):
    match _json_object(line):
        case {"text": str(text)}:
            return text
    raise ValueError(
        f"{path}, line {number}: not a JSON object with a string `text`; received "
        f"{quote(line.strip())}. The first line has one, so every line needs one."
    )
