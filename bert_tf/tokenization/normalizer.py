"""A table {character: replacement} as a model of TensorFlow Text's normaliser.

`FastBertNormalize` maps code points one by one by a table that it is given: a
double-array trie over their UTF-8 bytes (Darts-clone layout) and a pool of
replacements. TensorFlow Text only builds tables that fold compatibility characters,
which BERT does not; this file builds ours.
"""

import collections

import flatbuffers
import numpy as np

CHANGED = 0x40000000  # Marks a replacement; then 24 bits of place, 6 of length.
LEAF = 0x80000000


def build(table, dropped_blocks=()) -> bytes:
    """The kernel's model for `table`, {character: replacement}.

    Characters that are not in the table stay. Bytes that are not UTF-8 vanish, as
    U+FFFD does. A replacement has at most 63 bytes.

    Args:
        dropped_blocks: code points, multiples of 64 from 0x10000 on; each stands for
            64 characters that vanish. (Planes of private use, listed one by one,
            would take a second.)
    """
    pool, places, values = bytearray(), {}, {}
    for character, replacement in table.items():
        data = replacement.encode("utf-8")
        if data not in places:
            places[data] = len(pool)
            pool += data
        values[character.encode("utf-8")] = CHANGED | places[data] << 6 | len(data)
    zero = values.pop(b"\0", 0)  # Byte 0 would be mistaken for a leaf of the trie.
    for broken in _broken_sequences():
        values[broken] = CHANGED
    blocks = [chr(point).encode("utf-8")[:-1] for point in dropped_blocks]
    builder = flatbuffers.Builder(1 << 20)
    pool = builder.CreateNumpyVector(np.frombuffer(bytes(pool) or b"\0", np.uint8))
    trie = builder.CreateNumpyVector(_double_array(values, blocks))
    builder.StartObject(4)  # Slot 0, a flag of the builder's own, is not read.
    builder.PrependUOffsetTRelativeSlot(1, trie, 0)
    builder.PrependInt32Slot(2, zero, 0)
    builder.PrependUOffsetTRelativeSlot(3, pool, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _broken_sequences():
    """What the kernel steps over where UTF-8 is broken: lone bytes, lost endings."""
    tails = range(0x80, 0xC0)
    yield from (bytes([lead]) for lead in range(0x80, 0x100))
    yield from (bytes([lead, a]) for lead in range(0xE0, 0xF5) for a in tails)
    yield from (
        bytes([lead, a, b]) for lead in range(0xF0, 0xF5) for a in tails for b in tails
    )


def _double_array(values, dropped_blocks) -> np.ndarray:
    """{key: value} as a double array, uint32; keys bytes without 0, values < 2^31.

    A unit holds its label (bits 0-7), whether it has a value (bit 8) and the
    distance to its children (from bit 10), xor-ed: the child by label b of the unit
    at i lies at i ^ distance ^ b, the value at i ^ distance. Equal subtrees are
    stored once, so that many dropped characters cost nothing.
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
    """A base for each list of labels, so that all base ^ label differ; what is free."""
    free = bytearray(b"\1") * (1 << 20)
    free[0] = 0  # The root's own unit.
    untaken = bytearray(free)  # As a base: two subtrees never share one.
    bases, lowest = [0] * len(labels), 1
    for number in sorted(range(len(labels)), key=lambda n: -len(labels[n])):
        if len(labels[number]) == 1:  # These come last and fill the gaps.
            base = lowest
        else:
            base = max(free.rindex(0) - 0x100, 1)
        while not (untaken[base] and all(free[base ^ at] for at in labels[number])):
            base += 1
        if len(labels[number]) == 1:
            lowest = base
        bases[number], untaken[base] = base, 0
        for at in labels[number]:
            free[base ^ at] = 0
    return bases, free


def _subtrees(values, dropped_blocks):
    """The distinct subtrees, [(value, ((label, number), ...))], children first."""
    numbers = {}  # Subtree → its number.
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
    return [*numbers, (None, tuple(children[b""]))]  # The root is the last.
