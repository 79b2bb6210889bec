"""Weight files: equal arrays after a round trip, and clear errors for damaged files."""

import json
import pathlib

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.checkpoints import formats
from bert_tf.ground import replacing

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "vector": np.array([1, -2], np.int64),
    "scalar": np.array(0.5, np.float64),
    "none": np.zeros((0, 3), np.float32),
}


def write_raw(path, header, numbers):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return path


def entry(dtype="F32", shape=(2,), data_offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


def assert_same(received, expected):
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(received[name], array)
        assert received[name].dtype == array.dtype, name
        assert received[name].shape == array.shape, name


def test_round_trip(tmp_path):
    formats.write_safetensors(tmp_path / "a.safetensors", ARRAYS)
    assert_same(formats.read_safetensors(tmp_path / "a.safetensors"), ARRAYS)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_safetensors_package_reads_what_we_write(tmp_path):
    path = tmp_path / "a.safetensors"
    formats.write_safetensors(path, ARRAYS)
    assert_same(safetensors.numpy.load_file(path), ARRAYS)
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata() == {"format": "pt"}


def test_file_mode_is_the_default(tmp_path):
    (tmp_path / "any").touch()
    formats.write_safetensors(tmp_path / "a", ARRAYS)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_transposed_view_is_written_in_its_own_order(tmp_path):
    formats.write_safetensors(tmp_path / "a", {"view": ARRAYS["matrix"].T})
    received = formats.read_safetensors(tmp_path / "a")["view"]
    np.testing.assert_array_equal(received, [[0, 3], [1, 4], [2, 5]])


def test_half_precision_becomes_float32(tmp_path):
    header = {
        "brain": entry("BF16", [3], [0, 6]),
        "half": entry("F16", [2], [6, 10]),
    }
    numbers = bytes.fromhex("803f 20c0 807f") + np.array([1.5, -2], "<f2").tobytes()
    arrays = formats.read_safetensors(write_raw(tmp_path / "a", header, numbers))
    np.testing.assert_array_equal(arrays["brain"], [1.0, -2.5, np.inf])
    np.testing.assert_array_equal(arrays["half"], [1.5, -2.0])
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("left", [0, 5, 20])
def test_file_that_ends_in_its_header(tmp_path, left):
    path = tmp_path / "a.safetensors"
    formats.write_safetensors(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match=f"a.safetensors is cut .* file has {left}"):
        formats.read_safetensors(path)


def test_file_of_another_size(tmp_path):
    path = tmp_path / "a.safetensors"
    formats.write_safetensors(path, ARRAYS)
    whole = path.read_bytes()
    for damaged in (whole[:-3], whole + b"more"):
        path.write_bytes(damaged)
        expected = f"describes {len(whole)} bytes, the file has {len(damaged)}"
        with pytest.raises(ValueError, match=expected):
            formats.read_safetensors(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"\xff\xfe", "not a safetensors file: its header is not UTF-8"),
        (b"{", "its header is not JSON"),
        (b"[]", r"its header must hold a JSON object, {…}; received \[\]"),
        ({"w": 3}, "entry w of its header"),
        ({"w": {"dtype": "F32"}}, "entry w of its header"),
        ({"w": entry(shape=[-2])}, "entry w of its header"),
        ({"w": entry(shape=[2.0])}, "entry w of its header"),
        ({"w": entry(shape="ab")}, "entry w of its header"),
        ({"w": entry(data_offsets=[0])}, "entry w of its header"),
        ({"w": entry(data_offsets=["0", 8])}, "entry w of its header"),
        ({"w": entry(dtype="F4")}, "w has dtype F4; allowed are F64"),
        ({"w": entry(dtype=["F32"])}, "entry w of its header"),
        ({"w": entry(shape=[3])}, r"w \[3\] of F32 takes 12 bytes, .* 0 to 8"),
    ],
)
def test_corrupt_header(tmp_path, header, message):
    path = write_raw(tmp_path / "a.safetensors", header, bytes(8))
    with pytest.raises(ValueError, match=f"a.safetensors.*{message}"):
        formats.read_safetensors(path)


def one_more(**entries):
    return {"w": entry()} | entries


# (header, bytes of numbers); the safetensors package refuses the first, not the second.
REFUSED = {
    "overlap": (one_more(v=entry(data_offsets=[4, 12])), 12),
    "same place": (one_more(v=entry()), 8),
    "hole": (one_more(v=entry(data_offsets=[12, 20])), 20),
    "hole at the start": ({"w": entry(data_offsets=[4, 12])}, 12),
    "empty array inside another": (one_more(v=entry("F32", [0], [4, 4])), 8),
    "too few bytes": ({"w": entry(shape=[3])}, 8),
    "too many bytes": ({"w": entry(shape=[1])}, 8),
    "another type": ({"w": entry(dtype="F64")}, 8),
    "offsets backward": ({"w": entry(data_offsets=[8, 0])}, 8),
    "overflow": ({"w": entry(shape=[2**40, 2**40])}, 8),
    "fraction": ({"w": entry(shape=[2.0])}, 8),
    "negative": ({"w": entry(shape=[-2])}, 8),
    "metadata of numbers": (one_more(__metadata__={"a": 3}), 8),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(one_more()).encode(), 8),
    "bytes behind": (one_more(), 9),
    "cut short": (one_more(), 7),
}
ACCEPTED = {
    "one": (one_more(), 8),
    "empty arrays": (
        one_more(v=entry("F32", [0], [8, 8]), u=entry("F64", [], [8, 16])),
        16,
    ),
    "spaces behind": (json.dumps(one_more()).encode() + b"   ", 8),
    "metadata": (one_more(__metadata__={"format": "pt"}), 8),
    "nothing": ({}, 0),
}


@pytest.mark.parametrize("case", [*REFUSED, *ACCEPTED])
def test_the_safetensors_package_refuses_the_same(tmp_path, case):
    header, size = (REFUSED | ACCEPTED)[case]
    path = write_raw(tmp_path / "a.safetensors", header, bytes(range(size)))
    if case in ACCEPTED:
        expected = safetensors.numpy.load_file(path)
        assert_same(formats.read_safetensors(path), expected)
        return
    with pytest.raises(safetensors.SafetensorError):
        safetensors.numpy.load_file(path)
    with pytest.raises(ValueError, match="a.safetensors") as error:
        formats.read_safetensors(path)
    assert "\n" not in str(error.value)


def test_arrays_that_share_bytes_are_named(tmp_path):
    header = one_more(v=entry(data_offsets=[4, 12]))
    path = write_raw(tmp_path / "a.safetensors", header, bytes(12))
    with pytest.raises(
        ValueError, match="'v' overlaps 'w', which ends at byte 8, not 4"
    ):
        formats.read_safetensors(path)


def test_a_name_that_occurs_twice(tmp_path):
    entries = json.dumps({"w": entry()})[1:-1]
    header = f"{{{entries}, {entries}}}".encode()
    path = write_raw(tmp_path / "a.safetensors", header, bytes(8))
    with pytest.raises(ValueError, match="the key 'w' occurs more than once"):
        formats.read_safetensors(path)


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write((2**33).to_bytes(8, "little"))
        file.truncate(2**34)  # Sparse: it takes no room.
    with pytest.raises(ValueError, match="header would have 8,589,934,592 bytes"):
        formats.read_safetensors(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_package_refuses_is_refused(tmp_path_factory, data):
    """Headers that are nearly right: ours reads none that the package does not read."""
    sizes = st.sampled_from([0, 0, 1, 2, 4])
    header, end = {}, 0
    for name in "abc"[: data.draw(st.integers(1, 3))]:
        shape = data.draw(st.lists(sizes, max_size=2))
        begin = max(0, end + data.draw(st.sampled_from([0] * 8 + [-4, 4])))
        size = 4 * int(np.prod(shape)) + data.draw(st.sampled_from([0] * 8 + [-4, 4]))
        header[name] = entry("F32", shape, [begin, begin + size])
        end = begin + size
    path = tmp_path_factory.getbasetemp() / "near.safetensors"
    write_raw(path, header, bytes(max(0, end)))
    try:
        expected = safetensors.numpy.load_file(path)
    except safetensors.SafetensorError:
        with pytest.raises(ValueError, match="near.safetensors"):
            formats.read_safetensors(path)
    else:
        assert_same(formats.read_safetensors(path), expected)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weight file .*a.safetensors"):
        formats.read_safetensors(tmp_path / "a.safetensors")


class TestSharded:
    def index(self, folder, weight_map):
        path = folder / "model.safetensors.index.json"
        path.write_text(json.dumps({"weight_map": weight_map}))
        return path

    def test_shards_are_joined(self, tmp_path):
        names = list(ARRAYS)
        for file, part in (("1.safetensors", names[:2]), ("2.safetensors", names[2:])):
            shard = {name: ARRAYS[name] for name in part}
            formats.write_safetensors(tmp_path / file, shard)
        files = dict(zip(names, ["1.safetensors"] * 2 + ["2.safetensors"] * 2))
        assert_same(formats.read_sharded(self.index(tmp_path, files)), ARRAYS)

    def test_name_absent_from_its_shard(self, tmp_path):
        formats.write_safetensors(tmp_path / "1.safetensors", ARRAYS)
        index = self.index(tmp_path, {"other": "1.safetensors"})
        with pytest.raises(ValueError, match="lists other in 1.safetensors"):
            formats.read_sharded(index)

    def test_missing_shard(self, tmp_path):
        index = self.index(tmp_path, {"other": "1.safetensors"})
        with pytest.raises(FileNotFoundError, match="1.safetensors"):
            formats.read_sharded(index)

    def test_shard_in_another_folder(self, tmp_path):
        index = self.index(tmp_path, {"other": "../1.safetensors"})
        with pytest.raises(ValueError, match="not in its own folder"):
            formats.read_sharded(index)

    @pytest.mark.parametrize(
        ("weight_map", "message"),
        [
            (None, "weight_map must be a JSON object, {…}; received None"),
            ([], r"weight_map must be a JSON object, {…}; received \[\]"),
            ({"a": 3}, "weight_map: a must be a string; received 3"),
            ({"a": ".."}, "lists '..', which is not in its own folder"),
            ({"a": ""}, "lists '', which is not in its own folder"),
        ],
    )
    def test_wrong_types(self, tmp_path, weight_map, message):
        with pytest.raises(ValueError, match=message):
            formats.read_sharded(self.index(tmp_path, weight_map))

    def test_invalid_index(self, tmp_path):
        path = tmp_path / "model.safetensors.index.json"
        path.write_text("[]")
        with pytest.raises(
            ValueError, match=r"index.json must hold a JSON object.* received \[\]"
        ):
            formats.read_sharded(path)


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as beside:
            pathlib.Path(beside).write_text("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
