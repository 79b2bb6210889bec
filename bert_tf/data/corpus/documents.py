"""Raw text, streamed: files of any size become lines, and ends of documents.

Three forms are known by the first line that is not blank: JSON lines with `text`, the
`<doc …> … </doc>` of WikiExtractor, and else plain text, in which a blank line ends a
document (as in google-research/bert). Any of them may be gzipped.
"""

import dataclasses
import glob
import gzip
import json
import os
import zlib

from bert_tf.ground import quote

DOCUMENT_END = None  # What `read_corpus` gives between documents.
# Tab, line feed and carriage return are white space; the rest are of no text.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))


@dataclasses.dataclass
class Found:
    """What reading has come across so far."""

    files: int = 0
    documents: int = 0
    lines: int = 0  # That hold text.
    bad_bytes: int = 0  # Not UTF-8; dropped.
    control_characters: int = 0  # The tokenizer drops them.


def find_files(globs):
    """Returns the files of a comma-separated list of globs, sorted, each once.

    Raises:
        FileNotFoundError: a glob that finds nothing; names it.
    """
    files = set()
    for pattern in filter(None, (part.strip() for part in globs.split(","))):
        matching = {p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p)}
        if not matching:
            raise FileNotFoundError(f"{pattern}: no such file. Is the folder right?")
        files |= matching
    return sorted(files)


def read_corpus(paths, *, documents="auto", found=None, progress=lambda size: None):
    """Streams the lines of files.

    Args:
        paths: files, read in this order.
        documents: "auto" ends plain documents at blank lines, "file" at the ends of
            files only.
        found: `Found`, to be counted up.
        progress: function(bytes of the file just read).

    Yields:
        Lines of text, str, stripped, never empty; and `DOCUMENT_END` after the last
        line of each document.

    Raises:
        ValueError: a file is cut short, or JSON lines without `text`; names the line.
    """
    if documents not in ("auto", "file"):
        raise ValueError(f"documents must be auto or file; received {documents!r}.")
    found = Found() if found is None else found
    for path in paths:
        found.files += 1
        empty = True  # The document at hand.
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
    """Yields lines, blank ones too, and `DOCUMENT_END` where the form says so."""
    form = None
    for number, line in enumerate(_decoded(path, found, progress), 1):
        if form is None and line.strip():
            form = _recognise(line)
        if form == "json":
            if line.strip():
                yield from _json_text(path, number, line).splitlines()
                yield DOCUMENT_END
        else:
            marks = {
                "doc": line.startswith(("<doc ", "</doc>")),
                "plain": not line.strip() and documents == "auto",
            }
            yield DOCUMENT_END if marks.get(form) else line


def _decoded(path, found, progress):
    """Yields the lines of a file; what is not UTF-8 is dropped and counted."""
    with open(path, "rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        position = 0
        try:
            for number, data in enumerate(
                gzip.GzipFile(fileobj=raw) if packed else raw
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
                before, position = position, raw.tell()
                progress(position - before)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: the gzip file is cut short or damaged ({error}). Copy it anew."
            ) from None


def _recognise(line):
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
        f"{path}, line {number}: no JSON object with a string `text`; received "
        f"{quote(line.strip())}."
    )
