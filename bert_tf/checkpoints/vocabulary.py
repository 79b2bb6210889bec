"""Reads and writes vocab.txt, which has one piece a line."""

import pathlib

from bert_tf.ground import check_file, replacing

_MOST_BYTES = 2**28
REQUIRED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def read_vocab(path) -> list[str]:
    r"""Reads `vocab.txt`: line n, counted from 0, is the piece with id n.

    Only "\n" and "\r\n" end a line; separators such as U+2028 belong to the piece. A
    piece that is listed twice keeps both lines, and its id is the later one, as in
    Hugging Face.

    Raises:
        OSError: there is no such file, or it is a folder or a device.
        ValueError: the file is not UTF-8, or a special piece is missing.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"vocabulary file not found: {path}. Give a text file with one piece a line, "
            "usually named vocab.txt."
        )
    if (size := check_file(path).stat().st_size) > _MOST_BYTES:
        raise ValueError(
            f"{path} has {size:,} bytes; a vocabulary has at most {_MOST_BYTES:,}."
        )
    lines = path.read_bytes().split(b"\n")
    if lines[-1] == b"":
        lines.pop()  # The end of the last line begins no new line.
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
    r"""Writes `vocab.txt` in one step; `read_vocab` returns the same list.

    Raises:
        ValueError: a special piece is missing, or a piece contains "\n" or ends with
            "\r".
    """
    check_vocab(vocab, path)
    for number, piece in enumerate(vocab):
        if "\n" in piece or piece.endswith("\r"):
            raise ValueError(
                f"{path}: piece {number}, {piece!r}, contains a line break, but vocab.txt "
                "has one piece a line. Remove the piece."
            )
    with replacing(path) as beside:
        beside.write_bytes("".join(piece + "\n" for piece in vocab).encode("utf-8"))


def check_vocab(vocab, source="vocab") -> None:
    """Raises ValueError if [PAD], [UNK], [CLS] or [SEP] is missing."""
    missing = [piece for piece in REQUIRED if piece not in vocab]
    if missing:
        raise ValueError(
            f"{source}: {' '.join(missing)} missing from {len(vocab)} pieces. Give a "
            "BERT vocabulary with one piece a line."
        )
