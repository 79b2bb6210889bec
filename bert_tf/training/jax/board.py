"""Curves for TensorBoard, written without it: a file of records, each a protocol buffer."""

import os
import socket
import struct
import time

from bert_tf.disk import writing


class Board:
    """Writes scalars to an event file in a folder."""

    def __init__(self, folder):
        name = (
            f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        )
        self._path = folder / name
        with writing(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._add(_text(3, b"brain.Event:2"))

    def write(self, step, values):
        """Adds a point to the curve of each name in {name: float}."""
        points = b"".join(
            _text(1, _text(1, name.encode()) + b"\x15" + struct.pack("<f", value))
            for name, value in values.items()
        )
        self._add(b"\x10" + _varint(step) + _text(5, points))

    def flush(self):
        with writing(self._path):
            self._file.flush()

    def close(self):
        with writing(self._path):
            self._file.close()

    def _add(self, event):
        event = b"\x09" + struct.pack("<d", time.time()) + event
        length = struct.pack("<Q", len(event))
        record = length + _checksum(length) + event + _checksum(event)
        with writing(self._path):
            self._file.write(record)


def _text(field, content):
    """Returns a field of bytes, text or a message in a protocol buffer."""
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _checksum(content):
    """Returns the masked CRC-32C of a record, as TensorFlow's record files have it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return struct.pack("<I", masked)


def _remainder(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_remainder(byte) for byte in range(256)]
