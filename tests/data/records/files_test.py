"""Reading files as text; the error for other bytes names their place."""

import os

import pytest

from bert_tf.data.records.files import (
    decode,
    read_encoded,
    read_text,
    split_lines,
)


def test_missing_file(write, refusal):
    write("train.tsv", "text\tlabel\na\t1\n")
    message = refusal(read_text, "trian.tsv", error=FileNotFoundError)
    assert message == "trian.tsv: no such file. Did you mean 'train.tsv'?"
    message = refusal(read_text, "z", error=FileNotFoundError)
    assert message == "z: no such file. Its folder holds 'train.tsv'."
    message = refusal(read_text, "no/train.tsv", error=FileNotFoundError)
    assert "and no folder 'no'" in message
    message = refusal(read_text, "train.tsv/x", error=FileNotFoundError)
    assert "train.tsv/x: no such file" in message


def test_folder(write, refusal, tmp_path):
    write("train.tsv", "a")
    message = refusal(read_text, tmp_path)
    assert "is a folder. Give one file of it: 'train.tsv'." in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["the file is empty"]),
        (b" \n\n", ["the file is empty"]),
        (
            b"text\tlabel\na\t1\ncaf\xe9\t1\n",
            ["line 3", "0xe9", "after 'caf'", "UTF-8", "encoding=cp1252"],
        ),
        (b"a\rcaf\xe9\r", ["line 2", "0xe9", "after 'caf'"]),
        (b"\xef\xbb\xbfa\n\xe9", ["line 2", "byte 0xe9 is not UTF-8"]),
        ("text\tlabel\n".encode("utf-16-le"), ["line 1", "NUL", "encoding=utf-16-le"]),
        ("été\tlabel\n".encode("utf-16-be"), ["line 1", "encoding=utf-16-be"]),
        (b"text\tlabel\na\0\t1\n", ["line 2", "NUL"]),
        (b"\x1f\x8b\x08\x00", ["gzip"]),
        (b"PK\x03\x04\xff", ["zip", "Excel", ".xlsx"]),
        (b"PAR1\xff", ["Parquet"]),
    ],
)
def test_a_file_that_is_not_text_is_refused(write, refusal, content, words):
    message = refusal(read_text, write("a.tsv", content))
    assert message.startswith("a.tsv")
    assert all(word in message for word in words), message


def test_the_byte_order_mark_is_removed(write):
    assert read_text(write("a", b"\xef\xbb\xbf\xc3\xa9t\xc3\xa9\n")) == "été\n"


def test_lines_end_with_lf_or_cr_lf(write):
    assert split_lines("a\r\n\nb\u2028c\rd\n") == ["a", "", "b\u2028c\rd"]
    # Carriage returns end lines only if the file has no line feed.
    assert split_lines(read_text(write("a", b"a\rb\r"))) == ["a", "b"]


def test_decode_counts_lines_from_the_first(refusal):
    assert "lines, line 8: byte 0xe9" in refusal(decode, b"a\n\xe9", "lines", line=7)


GERMAN = "Grüße aus Köln, schönes Paket\n" * 3


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (GERMAN, "cp1252"),
        ("Очень быстро доставили\n", "cp1251"),
        ("物流很快，包装也很好，下次还会再来购买的\n", "gb18030"),
        ("配送がとても早かったです\n", "cp932"),
    ],
)
def test_an_encoding_is_suggested_and_can_be_given(write, refusal, text, codec):
    path = write("a.txt", text.encode(codec))
    message = refusal(read_text, path)
    assert message.endswith(f": give encoding={codec}.")
    assert text[:4] in message
    assert read_encoded(path, codec) == (text, codec.upper())


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(write, codec):
    path = write("a.txt", GERMAN.encode(codec))
    name = codec.removesuffix("-sig").upper()
    assert read_encoded(path) == (GERMAN, name)
    assert read_encoded(path, codec) == (GERMAN, name)
    path = write("a.txt", ("\ufeff" + GERMAN).encode("utf-16-be"))
    assert read_text(path, "utf-16-be") == GERMAN


@pytest.mark.parametrize("encoding", ["nope", "base64", "utf-8\0"])
def test_an_unknown_encoding(write, refusal, encoding):
    message = refusal(read_text, write("a.txt", "a\n"), encoding)
    assert message.startswith(f"encoding {encoding!r} is unknown. Give a name such as")


def test_wrong_bytes_in_another_encoding(write, refusal):
    path = write("a.txt", "é\nü\n")
    message = refusal(read_text, path, "ascii")
    assert message == (
        "a.txt, line 1: byte 0xc3 is not ASCII. It looks like utf-8 ('é\\nü'): give "
        "encoding=utf-8."
    )


def test_pipes_and_devices(refusal, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        assert f"{path}: a pipe or a device" in refusal(read_text, path)


def test_a_file_that_changes_while_it_is_read(write, refusal, monkeypatch):
    path = write("a.txt", "a\n")
    state = os.stat(path)

    class Longer:
        st_size, st_mtime_ns = state.st_size + 1, state.st_mtime_ns

    monkeypatch.setattr(os, "fstat", lambda number: Longer)
    assert "a.txt: the file changes while it is read." in refusal(read_text, path)


def test_a_name_with_the_characters_of_patterns(write):
    assert read_text(write("a[1]*?.txt", "a\n")) == "a\n"
