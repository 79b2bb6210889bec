"""Damaged versions of a file: {name: bytes}."""

import json
import struct

import numpy as np
import safetensors.numpy

# Values of every wrong type, and numbers that no model can have.
WRONG = {
    "null": "null",
    "true": "true",
    "minus": "-1",
    "zero": "0",
    "half": "0.5",
    "huge": "1000000000",
    "infinite": "1e999",
    "digits": "1" + "0" * 5000,
    "nan": "NaN",
    "text": '"x"',
    "newline": '"a\\nb"',
    "surrogate": '"\\ud800"',
    "list": "[]",
    "lists": "[[[]]]",
    "object": "{}",
}


def damaged_bytes(data):
    """Returns damaged versions of any file."""
    return {
        "empty": b"",
        "blank": b"\n\n",
        "cut": data[: len(data) // 2],
        "zeros": bytes(len(data)),
        "binary": bytes(range(256)) * 8,
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n",
        "utf16": data.decode("latin-1").encode("utf-16"),
    }


def damaged_json(data, keys=None):
    """Returns damaged versions of a JSON object: its text, then each of its values.

    Args:
        data: UTF-8 bytes of a JSON object.
        keys: keys whose values are damaged; all of them if None.
    """
    entries = json.loads(data)
    versions = damaged_bytes(data) | {
        "bom": b"\xef\xbb\xbf" + data,
        "latin1": b'{"caf\xe9": 1}',
        "deep_list": b"[" * 100_000,
        "deep_object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "comma": data.rstrip().removesuffix(b"}") + b",}",
        "twice": data + data,
        **{f"whole_{name}": value.encode() for name, value in WRONG.items()},
    }
    for key in entries if keys is None else keys:
        without = {name: value for name, value in entries.items() if name != key}
        versions[f"{key}_missing"] = json.dumps(without).encode()
        for name, value in WRONG.items():
            text = json.dumps(entries | {key: "@@"}).replace('"@@"', value)
            versions[f"{key}_{name}"] = text.encode()
    return versions


def damaged_weights(data):
    """Returns damaged versions of a safetensors file; none of them may be read."""
    arrays = safetensors.numpy.load(data)
    name = max(arrays, key=lambda name: arrays[name].size)

    def replaced(array):
        return safetensors.numpy.save(arrays | {name: array})

    poisoned = {}
    for title, value in (("nan", np.nan), ("infinite", np.inf)):
        array = arrays[name].copy()
        array.flat[-1] = value
        poisoned[title] = replaced(array)
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    entries = [key for key in header if key != "__metadata__"]

    def with_header(changes):
        text = json.dumps(header | changes).encode()
        return struct.pack("<Q", len(text)) + text + body

    first, second = header[entries[0]], header[entries[1]]
    return damaged_bytes(data) | poisoned | {
        "smaller": replaced(arrays[name][:-1]),
        "integers": replaced(arrays[name].astype(np.int8)),
        "without": safetensors.numpy.save(
            {key: array for key, array in arrays.items() if key != name}
        ),
        "header_huge": struct.pack("<Q", 2**62) + data[8:],
        "header_short": struct.pack("<Q", 3) + data[8:],
        "header_deep": struct.pack("<Q", 200_000) + b"[" * 200_000 + body,
        "overlapping": with_header(
            {
                entries[1]: second
                | {
                    "shape": first["shape"],
                    "data_offsets": first["data_offsets"],
                }
            }
        ),
        "outside": with_header(
            {entries[0]: first | {"data_offsets": [len(body), len(body) + 48]}}
        ),
        "negative": with_header({entries[0]: first | {"data_offsets": [-4, 44]}}),
        "no_dtype": with_header({entries[0]: first | {"dtype": "F1000"}}),
        "no_shape": with_header({entries[0]: first | {"shape": [-1]}}),
        "trailing": data + b"more",
    }  # fmt: skip


def damaged_vocab(data):
    """Returns damaged versions of vocab.txt."""
    lines = data.decode().splitlines()
    versions = {
        "twice": [*lines, lines[-1]],
        "short": lines[:7],
        "long": [*lines, *(f"word{number}" for number in range(100_000))],
        "no_special": [line for line in lines if not line.startswith("[")],
        "no_unknown": [line for line in lines if line != "[UNK]"],
        "blank_line": [*lines[:7], "", *lines[7:]],
        "nul": [*lines[:7], "a\0b", *lines[8:]],
    }
    texts = {name: "\n".join(lines).encode() for name, lines in versions.items()}
    return damaged_bytes(data) | texts | {"latin1": data + b"caf\xe9\n"}
