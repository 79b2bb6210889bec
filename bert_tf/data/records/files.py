"""Decodes the bytes of a file, or raises an error that names the wrong byte."""

import codecs
import os
import pathlib
import stat

from bert_tf.ground import count, did_you_mean, quote, quote_all

# First bytes of common files that are not text, and how to convert these files.
FOREIGN = {
    b"\x1f\x8b": "It looks like gzip: unpack it first.",
    b"PK": "It looks like a zip file: unpack it first. (A table of Excel ends in .xlsx.)",
    b"\xd0\xcf\x11\xe0": "It looks like an old Excel file: save it as .xlsx.",
    b"PAR1": "It looks like Parquet: let its name end in .parquet.",
    b"%PDF": "It looks like a PDF: save its text.",
}
BINARY = (".xlsx", ".xlsm", ".parquet")
_MARKS = {  # UTF-32's mark begins with that of UTF-16.
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What the bytes may be, if not UTF-8; other encodings are rare in files of our time.
_CANDIDATES = ("cp1252", "utf_8", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254")
_CANDIDATES += ("cp1255", "cp1256", "gb18030", "cp932", "euc_jp", "big5", "cp949")
_CANDIDATES += ("mac_roman",)
_GUESSES = 3  # Most encodings to name.
_GUESSED = 50_000  # Bytes around the first wrong one; enough to tell encodings apart.
_FEW = 10  # Lines with wrong bytes that are no sign of another encoding.
_ESCAPED = range(0xDC80, 0xDD00)  # What "surrogateescape" makes of wrong bytes.


def read_text(path, encoding=None):
    """Returns the text of a file, in UTF-8 if no encoding is given or marked."""
    return read_encoded(path, encoding)[0]


def read_encoded(path, encoding=None, *, is_latin1=lambda text: False, escapes=False):
    """Returns the text of a file and the name of its encoding.

    Args:
        path: the file.
        encoding: such as "cp1252". None takes the byte order mark's, or else UTF-8.
        is_latin1: function that returns whether a text, decoded as Latin-1 (ISO 8859-1),
            is certainly right. Other files that are not UTF-8 are an error.
        escapes: True to return wrong bytes as lone surrogates, see `has_wrong_bytes`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, is not text, or has another encoding.
    """
    if pathlib.Path(path).suffix.lower() in BINARY:
        raise ValueError(
            f"{path}: Excel and Parquet hold texts with labels only. Save data of this "
            "task as JSON lines."
        )
    encoding = encoding and find_codec(encoding)
    data = read_bytes(path)
    marked = next(
        (name for mark, name in _MARKS.items() if data.startswith(mark)), None
    )
    name = encoding or marked or "utf-8"
    try:
        text = _decode(data, path, name, escapes=escapes and encoding is not None)
    except ValueError:
        latin1 = data.decode("latin-1")
        if name == "utf-8" and encoding is None and is_latin1(latin1):
            text, name = latin1, "Latin-1"
        elif escapes and name == "utf-8":
            text = _decode(data, path, name, escapes=True)
            if not _is_mostly_right(text):
                raise
        else:
            raise
    if "\n" not in text:
        text = text.replace("\r", "\n")  # Line ends of classic Mac OS.
    if not text.strip():
        raise ValueError(f"{path}: the file is empty. Give a file with text.")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        advice = "Save the table as UTF-8 text."
        if guess := _guess_wide(data):
            advice = f"It looks like {guess}: give encoding={guess}."
        raise ValueError(
            f"{path}, line {line}: a NUL character means that the file is not plain "
            f"text. {advice}"
        )
    return text, name if name == "Latin-1" else name.upper()


def read_bytes(path):
    """Returns the bytes of a regular file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a pipe or a device; or the file changes while it is read.
    """
    path = pathlib.Path(path)
    try:
        before = path.stat()
        if stat.S_ISDIR(before.st_mode):
            names = quote_all(_files(path))
            raise ValueError(
                f"{str(path)!r} is a folder. Give one file of it: {names}."
            )
        if not stat.S_ISREG(before.st_mode):
            raise ValueError(
                f"{path}: a pipe or a device, not a file. Write its data to a file first."
            )
        with path.open("rb") as file:
            data = file.read()
            after = os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(_describe_missing(path)) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ValueError(
            f"{path}: the file changes while it is read. Wait until it is written."
        )
    return data


def has_wrong_bytes(text):
    """Returns whether a text has bytes that could not be decoded, as surrogates."""
    return not text.isascii() and any(ord(character) in _ESCAPED for character in text)


def _is_mostly_right(text):
    """Returns whether only a few lines have wrong bytes, so that the encoding is right."""
    wrong = right = 0
    for line in text.split("\n"):
        if not line.isascii():
            escaped = has_wrong_bytes(line)
            wrong, right = wrong + escaped, right + (not escaped)
    return wrong <= max(_FEW, right)


def decode(data, source, line=1):
    """Returns the text of UTF-8 bytes, of which `line` is the number of the first line."""
    return _decode(data, source, "utf-8", line, is_stream=True)


def _decode(data, source, encoding, line=1, *, escapes=False, is_stream=False):
    """Returns the text of bytes; wrong ones are an error or become lone surrogates."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        text = data.decode(codec, "surrogateescape" if escapes else "strict")
        return text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        # `error.object` is the data without its byte order mark, as `error.start` is.
        whole, start = error.object, error.start
    except UnicodeError as error:  # UTF-16 without a mark, of odd length and such.
        raise ValueError(
            f"{source}: not {encoding}: {error}. {_advise(data, 0)}"
        ) from None
    before = whole[:start].decode(codec, "replace")
    if b"\n" not in whole:
        before = before.replace("\r", "\n")
    *lines, after = before.split("\n")
    after = f" after {after[-20:]!r}" if after else ""
    raise ValueError(
        f"{source}, line {line + len(lines)}: byte 0x{whole[start]:02x}{after} is not "
        f"{encoding.upper()}{_count_wrong(whole, encoding)}. "
        f"{_advise(whole, start, is_stream)}"
    )


def _count_wrong(data, encoding):
    """Returns in how many lines there are wrong bytes, if there are several."""
    if encoding != "utf-8":
        return ""
    text = data.decode("utf-8", "surrogateescape")
    lines = sum(map(has_wrong_bytes, text.split("\n")))
    return f" (nor are bytes of {count(lines - 1, 'other line')})" if lines > 1 else ""


def _advise(data, place, is_stream=False):
    """Returns what to do about bytes that are not in the expected encoding."""
    for begin, advice in FOREIGN.items():
        if data.startswith(begin):
            return advice
    if guess := _guess_wide(data):
        guesses = {guess: ""}
    else:
        guesses = _guess(data, place)
    if is_stream:
        return f"Convert it with: iconv -f {next(iter(guesses), 'cp1252')} -t UTF-8."
    if not guesses:
        return "Give its encoding, such as encoding=cp1252, gb18030 or utf-16."
    reads = [f"{name}{text and f' ({text!r})'}" for name, text in guesses.items()]
    first = next(iter(guesses))
    return f"It looks like {' or '.join(reads)}: give encoding={first}."


def _guess_wide(data):
    """Returns UTF-16's name if every second byte of the beginning is mostly 0, or None."""
    head = data[:1000]
    if len(head) < 4:
        return None
    if head[1::2].count(0) > 0.4 * len(head) / 2 and not head[::2].count(0):
        return "utf-16-le"
    if head[::2].count(0) > 0.4 * len(head) / 2 and not head[1::2].count(0):
        return "utf-16-be"
    return None


def _guess(data, place):
    """Returns {likely encoding: what a part of the text is then}, the likeliest first."""
    import charset_normalizer

    part = data[max(place - _GUESSED // 2, 0) :][:_GUESSED]
    # Lines without a wrong byte tell nothing, and make short texts look like English.
    wrong = b"\n".join(line for line in part.splitlines() if not line.isascii())
    matches = charset_normalizer.from_bytes(
        wrong, cp_isolation=list(_CANDIDATES), enable_fallback=False
    )
    guesses = {}
    for match in sorted(matches, key=_rank)[:_GUESSES]:
        text = str(match)
        # Encodings of neighbouring languages often agree; the first is the most common.
        same = (name for name in _CANDIDATES if wrong.decode(name, "replace") == text)
        begin = next(n for n, character in enumerate(text) if not character.isascii())
        name = next(same, match.encoding).replace("utf_8", "utf-8")
        guesses[name] = text[max(begin - 4, 0) :][:12]
    return guesses


def _rank(match):
    """Returns the key that sorts guesses: the likeliest first, then the most common."""
    return match.chaos, -match.coherence, _CANDIDATES.index(match.encoding)


def find_codec(encoding):
    """Returns the name that Python gives an encoding; raises ValueError for others."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError):
        codec = None
    # Such as "rot13" and "base64", which are no encodings of text.
    if codec is None or not codec._is_text_encoding:
        raise ValueError(
            f"encoding {quote(encoding)} is unknown. Give a name such as utf-8, cp1252, "
            "latin-1, gb18030, big5, shift_jis or utf-16."
        )
    return {"utf-8-sig": "utf-8"}.get(codec.name, codec.name)


def split_lines(text):
    """Returns the lines of a text without their ends, LF or CR LF."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def number_entries(lines):
    """Yields the number and the text of each line, but of empty ones and # comments."""
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def _describe_missing(path):
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file, and no folder {str(folder)!r}. Check the path."
    names = _files(folder)
    advice = did_you_mean(path.name, names, f"Its folder holds {quote_all(names)}.")
    return f"{path}: no such file. {advice}"


def _files(folder):
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
