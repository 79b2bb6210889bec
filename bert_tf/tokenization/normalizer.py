"""Builds the model of TensorFlow Text's normalizer from {character: replacement}.

`FastBertNormalize` replaces code points one by one. Its model is a double-array trie over
their UTF-8 bytes (Darts-clone layout) and a pool of replacements. TensorFlow Text can only
build models that fold compatibility characters, which BERT does not do.
"""

import collections

import numpy as np

from bert_tf.ground import lazy

flatbuffers = lazy("flatbuffers")  # It comes with TensorFlow.

CHANGED = (
    0x40000000  # Marks a replacement, with its place (24 bits) and length (6 bits).
)
LEAF = 0x80000000


def build(table, dropped_blocks=()) -> bytes:
    """Returns the kernel's model.

    Characters that are not in the table stay. Bytes that are not UTF-8 are dropped.

    Args:
        table: {character: replacement}; a replacement has at most 63 bytes.
        dropped_blocks: code points, multiples of 64 from 0x10000 on. Each stands for a
            block of 64 characters that are dropped. (Listing the private-use planes
            character by character would take a second.)
    """
    pool, places, values = bytearray(), {}, {}
    for character, replacement in table.items():
        data = replacement.encode("utf-8")
        if data not in places:
            places[data] = len(pool)
            pool += data
        values[character.encode("utf-8")] = CHANGED | places[data] << 6 | len(data)
    zero = values.pop(b"\0", 0)  # The trie would take byte 0 for a leaf.
    for sequence in _invalid_sequences():
        values[sequence] = CHANGED
    blocks = [chr(point).encode("utf-8")[:-1] for point in dropped_blocks]
    builder = flatbuffers.Builder(1 << 20)
    pool = builder.CreateNumpyVector(np.frombuffer(bytes(pool) or b"\0", np.uint8))
    trie = builder.CreateNumpyVector(_double_array(values, blocks))
    builder.StartObject(4)  # Slot 0 is a flag that the kernel does not read.
    builder.PrependUOffsetTRelativeSlot(1, trie, 0)
    builder.PrependInt32Slot(2, zero, 0)
    builder.PrependUOffsetTRelativeSlot(3, pool, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _invalid_sequences():
    """Yields the byte sequences that the kernel reads as one where UTF-8 is invalid."""
    tails = range(0x80, 0xC0)
    yield from (bytes([lead]) for lead in range(0x80, 0x100))
    yield from (bytes([lead, a]) for lead in range(0xE0, 0xF5) for a in tails)
    yield from (
        bytes([lead, a, b]) for lead in range(0xF0, 0xF5) for a in tails for b in tails
    )


def _double_array(values, dropped_blocks) -> np.ndarray:
    """Returns {key: value} as a double array, uint32; keys have no byte 0, values < 2^31.

    A unit holds its label (bits 0-7), whether it has a value (bit 8), and the distance to
    its children (from bit 10), which is combined by xor: the child with label b of the
    unit at i lies at i ^ distance ^ b, and the value at i ^ distance. Equal subtrees are
    stored once, so that many dropped characters take no space.
    """
    subtrees = _subtrees(values, dropped_blocks)
    labels = [
        [label for label, _ in children] + [0] * (value is not None)
        for value, children in subtrees
    ]
    bases, free = _place(labels)
    units = np.zeros((free.rindex(0) | 0xFF) + 1, np.uint32)
    for base, (value, children) in zip(bases, subtrees):
        for label, child in children:
            has_value = (subtrees[child][0] is not None) << 8
            units[base ^ label] = (
                (base ^ label ^ bases[child]) << 10 | has_value | label
            )
        if value is not None:
            units[base] = LEAF | value
    units[0] = bases[-1] << 10
    return units


def _place(labels):
    """Returns a base for each list of labels, and which units are free.

    The bases differ, and so do all units base ^ label.
    """
    free = bytearray(b"\1") * (1 << 20)
    free[0] = 0  # The unit of the root.
    free_bases = bytearray(free)
    bases, lowest = [0] * len(labels), 1
    for number in sorted(range(len(labels)), key=lambda n: -len(labels[n])):
        if len(labels[number]) == 1:  # Single labels come last and fill the gaps.
            base = lowest
        else:
            base = max(free.rindex(0) - 0x100, 1)
        while not (free_bases[base] and all(free[base ^ b] for b in labels[number])):
            base += 1
        if len(labels[number]) == 1:
            lowest = base
        bases[number], free_bases[base] = base, 0
        for label in labels[number]:
            free[base ^ label] = 0
    return bases, free


def _subtrees(values, dropped_blocks):
    """Returns the distinct subtrees, [(value, ((label, number), ...))], children first."""
    numbers = {}  # {subtree: its number}
    children = collections.defaultdict(list)
    by_length = collections.defaultdict(dict)
    for key in values:
        by_length[len(key)][key] = None
    for block in dropped_blocks:
        leaf = numbers.setdefault((CHANGED, ()), len(numbers))
        children[block] = [(label, leaf) for label in range(0x80, 0xC0)]
        by_length[len(block)][block] = None
    for length in range(max(by_length), 0, -1):
        for key in by_length[length]:
            subtree = (values.get(key), tuple(sorted(children.pop(key, ()))))
            number = numbers.setdefault(subtree, len(numbers))
            children[key[:-1]].append((key[-1], number))
            by_length[length - 1][key[:-1]] = None
    return [*numbers, (None, tuple(children[b""]))]  # The root comes last.
