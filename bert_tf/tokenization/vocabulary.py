"""vocab.txt, a piece a line, and the list of pieces it stands for."""

import os
import pathlib

REQUIRED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def read_vocab(path) -> list[str]:
    r"""Reads `vocab.txt`: line n, counted from 0, is the piece with id n.

    Only "\n" and "\r\n" end a line: separators such as U+2028 belong to the piece.
    A piece listed twice keeps both lines; its id is the later one, as in Hugging
    Face. Raises FileNotFoundError, or ValueError where the bytes are not UTF-8 or
    a special piece is missing.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"vocabulary file not found: {path}. It should be a text file with one "
            "piece a line, usually named vocab.txt."
        )
    lines = path.read_bytes().split(b"\n")
    if lines[-1] == b"":
        lines.pop()  # What follows the last line's end.
    vocab = []
    for number, line in enumerate(lines, start=1):
        try:
            vocab.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError:
            raise ValueError(
                f"{path}, line {number}: {line[:40]!r} is not UTF-8. Save the "
                "vocabulary as UTF-8 text."
            ) from None
    check_vocab(vocab, path)
    return vocab


def write_vocab(path, vocab) -> None:
    r"""Writes `vocab.txt` so that `read_vocab` gives the same list back.

    The file is written beside its place and then renamed, so that a reader never
    sees half of it. Raises ValueError for a piece that a line cannot hold
    (with "\n" inside or "\r" at its end).
    """
    check_vocab(vocab, path)
    for number, piece in enumerate(vocab):
        if "\n" in piece or piece.endswith("\r"):
            raise ValueError(
                f"{path}: piece {number}, {piece!r}, holds a line break and cannot be "
                "written one piece a line. Remove it."
            )
    path = pathlib.Path(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes("".join(piece + "\n" for piece in vocab).encode("utf-8"))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def check_vocab(vocab, source="vocab") -> None:
    """Raises ValueError where a piece that BERT cannot do without is missing."""
    missing = [piece for piece in REQUIRED if piece not in vocab]
    if missing:
        raise ValueError(
            f"{source}: {' '.join(missing)} missing from {len(vocab)} pieces. Is this "
            "a BERT vocabulary, one piece a line?"
        )
