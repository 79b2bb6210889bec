"""Strict JSON: values of valid text, and one line for each way to be invalid."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.json_files import json_value, parse_json, read_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS, lambda part: st.lists(part) | st.dictionaries(st.text("abé"), part)
)


@given(st.dictionaries(st.text("abcé"), VALUES))
def test_what_json_writes_is_read(values):
    assert parse_json(json.dumps(values), "x") == values
    assert parse_json(json.dumps(values, ensure_ascii=False).encode(), "x") == values


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, "\\ud83d\\ude00"]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, "😀"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "x is not JSON: it is empty."),
        (b" \n", "x is not JSON: it is empty."),
        (b"\x89PNG", "x is not UTF-8 at byte 0."),
        ('{"a": 1}'.encode("utf-16"), "x is not UTF-8 at byte 0."),
        (b"{", "x is not JSON: Expecting property name"),
        (b"[1]", r"x must hold a JSON object, {…}; received [1]."),
        (b"null", "x must hold a JSON object, {…}; received None."),
        (b"3", "x must hold a JSON object, {…}; received 3."),
        (b'{"a": NaN}', "x: 'NaN' is no number that JSON can hold."),
        (b'{"a": -Infinity}', "x: '-Infinity' is no number"),
        (b'{"a": 1e999}', "x: '1e999' is no number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "x: '99999999999999999999999999999…' is no"),
        (b'{"a": 1, "a": 2}', "x: the key 'a' occurs more than once."),
        (b'{"a": "\\ud800"}', "x escapes half of a character (\\ud800)."),
        (b'{"a": ' + b"[" * 150 + b"]" * 150 + b"}", "x nests more than 100 objects"),
        (b"[" * 10**5, "x nests more than 100 objects"),
        (b'{"a":' * 10**5, "x nests more than 100 objects"),
    ],
)
def test_invalid_text(text, message):
    with pytest.raises(ValueError) as error:
        parse_json(text, "x")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@given(st.binary() | st.text('{}[]":,\\und8019eE.-+NaI \n'))
def test_any_text_is_an_object_or_one_line(text):
    try:
        assert type(parse_json(text, "x")) is dict
    except ValueError as error:
        assert str(error).startswith("x") and "\n" not in str(error)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, message in (
        ("none", "there is no file .*none"),
        ("loop", "there is no file .*loop"),
        ("", "is a folder"),
        ("pipe", "is a device, a pipe or a socket"),
        ("/dev/zero", "is a device, a pipe or a socket"),
    ):
        with pytest.raises(OSError, match=message):
            read_json(tmp_path / name)


def test_a_file_of_hundred_megabytes_is_not_read(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(10**8)
    with pytest.raises(ValueError, match="has 100,000,000 bytes"):
        read_json(tmp_path / "a.json")


MIXED = {"text": "a", "whole": 3, "part": 0.5, "no": False, "null": None}


class TestValue:
    @pytest.mark.parametrize(
        ("key", "kind", "value"),
        [("text", str, "a"), ("whole", int, 3), ("part", float, 0.5)]
        + [("whole", float, 3), ("no", bool, False)],
    )
    def test_right_types(self, key, kind, value):
        assert json_value(MIXED, key, kind, "x") == value

    def test_absent_and_null(self):
        assert json_value(MIXED, "none", int, "x", 7) == 7
        assert json_value(MIXED, "null", dict, "x", {}) == {}
        with pytest.raises(ValueError, match="x: none must be a string; received none"):
            json_value(MIXED, "none", str, "x")

    @pytest.mark.parametrize(
        ("key", "kind", "message"),
        [
            ("text", int, "x: text must be a whole number; received 'a'."),
            ("part", int, "x: part must be a whole number; received 0.5."),
            ("no", int, "x: no must be a whole number; received False."),
            ("no", float, "x: no must be a number; received False."),
            ("whole", bool, "x: whole must be true or false; received 3."),
            ("text", dict, "x: text must be a JSON object, {…}; received 'a'."),
            ("text", list, "x: text must be a JSON list, […]; received 'a'."),
            ("null", str, "x: null must be a string; received None."),
        ],
    )
    def test_wrong_types(self, key, kind, message):
        with pytest.raises(ValueError) as error:
            json_value(MIXED, key, kind, "x")
        assert str(error.value) == message
