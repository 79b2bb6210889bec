"""Decodes the bytes of a file, or raises an error that names the wrong byte."""

import pathlib

from bert_tf.ground import did_you_mean, quote_all

# First bytes of common files that are not UTF-8 text, and how to convert these files.
FOREIGN = {
    b"\xff\xfe": "It looks like UTF-16: iconv -f UTF-16 -t UTF-8 converts it.",
    b"\x1f\x8b": "It looks like gzip: unpack it first.",
    b"PK": "It looks like a zip or Excel file: save the table as CSV in UTF-8.",
}


def read_text(path):
    """Returns the text of a UTF-8 file, with or without a byte order mark."""
    return read_encoded(path)[0]


def read_encoded(path, is_latin1=lambda text: False):
    """Returns the text of a file and its encoding, "UTF-8" or "Latin-1".

    Args:
        path: the file.
        is_latin1: function that returns whether a text, decoded as Latin-1 (ISO 8859-1),
            is certainly right. Other files that are not UTF-8 are an error.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        names = quote_all(_files(path))
        raise ValueError(f"{str(path)!r} is a folder. Give one file of it: {names}.")
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(_describe_missing(path)) from None
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # Line ends of classic Mac OS.
    try:
        text, encoding = decode(data, path), "UTF-8"
    except ValueError:
        text, encoding = data.decode("latin-1"), "Latin-1"
        if not is_latin1(text):
            raise
    if not text.strip():
        raise ValueError(f"{path}: the file is empty. Give a file with text.")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(
            f"{path}, line {line}: a NUL character means that the file is not plain "
            "text. Save the table as UTF-8 text."
        )
    return text, encoding


def decode(data, source, line=1):
    """Returns the text of UTF-8 bytes, of which `line` is the number of the first line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `error.object` is the data without its byte order mark, as `error.start` is.
        before, wrong = error.object[: error.start], error.object[error.start]
    convert = "Convert it with: iconv -f LATIN1 -t UTF-8 (or -f GB18030, SHIFT_JIS)."
    advice = next((FOREIGN[b] for b in FOREIGN if data.startswith(b)), convert)
    *lines, after = before.split(b"\n")
    after = f" after {after.decode()[-20:]!r}" if after else ""
    raise ValueError(
        f"{source}, line {line + len(lines)}: byte 0x{wrong:02x}{after} is "
        f"not UTF-8. {advice}"
    )


def split_lines(text):
    """Returns the lines of a text without their ends, LF or CR LF."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _describe_missing(path):
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file, and no folder {str(folder)!r}. Check the path."
    names = _files(folder)
    advice = did_you_mean(path.name, names, f"Its folder holds {quote_all(names)}.")
    return f"{path}: no such file. {advice}"


def _files(folder):
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
