"""Reading files as text; the error for other bytes names their place."""

import pytest

from bert_tf.data.records.files import decode, read_text, split_lines


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
            ["line 3", "0xe9", "after 'caf'", "UTF-8", "iconv"],
        ),
        (b"a\rcaf\xe9\r", ["line 2", "0xe9", "after 'caf'"]),
        (b"\xef\xbb\xbfa\n\xe9", ["line 2", "byte 0xe9 is not UTF-8"]),
        ("text\tlabel\n".encode("utf-16"), ["line 1", "UTF-16"]),
        (b"text\tlabel\na\0\t1\n", ["line 2", "NUL"]),
        (b"\x1f\x8b\x08\x00", ["gzip"]),
        (b"PK\x03\x04\xff", ["Excel"]),
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
