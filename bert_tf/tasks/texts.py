"""What the tasks share: columns of texts, framed examples, weights, arrays of lists.

Shapes: N records, W windows of their texts, B examples of a batch.
"""

import itertools

import numpy as np

from bert_tf.data.rows.long_texts import frame_long
from bert_tf.ground import lazy
from bert_tf.tokenization.arrays import operations

ops = lazy("keras.ops")


def text_columns(table):
    """Returns `text`, and `text_pair` of pairs, arrays of strings [N], of a `Table`."""
    records = table.records
    return {
        name: np.array([record[name] for record in records], dtype=object)
        for name in ("text", "text_pair")
        if records and name in records[0]
    }


def object_columns(table, names):
    """Returns those of the fields that the records have, arrays of objects [N]."""
    return {
        name: objects([record[name] for record in table.records])
        for name in names
        if name in table.records[0]
    }


def is_labelled(table):
    """Returns whether the records of a `Table` have labels."""
    return bool(table.records) and "label" in table.records[0]


def frame_texts(columns, tokenizer, max_seq_length, long_text="truncate"):
    """Turns strings [B], arrays or tensors, into framed examples; see `frame_long`.

    `label` and `weight` go along. With windows there are more examples than records.
    """
    texts = [columns[name] for name in ("text", "text_pair") if name in columns]
    example = frame_long(
        [tokenizer.tokenize(strings) for strings in texts],
        long_text=long_text,
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
        max_seq_length=max_seq_length,
    )
    return example | {
        name: columns[name] for name in columns.keys() & {"label", "weight"}
    }


def example_weights(rows):
    """Returns float32 [B]: 1 for an example, 0 for an empty slot of rows of fixed shape."""
    if "weight" in rows:
        return rows["weight"]
    return ops.ones(ops.shape(rows["label"])[:1], dtype="float32")


def objects(values):
    """Returns an array of objects [N] from lists or arrays of any lengths."""
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array


def row_arrays(rows):
    """Returns the rows of a ragged tensor, or `Ragged`, as a list of NumPy arrays."""
    values, splits = np.asarray(rows.values), np.asarray(rows.row_splits)
    return [values[begin:end] for begin, end in itertools.pairwise(splits)]


def in_parts(make, count, size):
    """Calls a function on slices of the records, and concatenates its results.

    Args:
        make: function(slice) -> dict of tensors or arrays, perhaps ragged, with
            `record`, int64 [W], the number of the record within the slice.
        count: number of records.
        size: records of a slice, so that memory stays bounded.

    Returns:
        dict of the same kinds; `record` is a NumPy array, int32, and counts from the
        first slice.
    """
    parts = []
    for begin in range(0, count, size):
        part = make(slice(begin, begin + size))
        parts.append(part | {"record": part["record"] + begin})
    whole = {
        name: operations(first).concat([part[name] for part in parts], axis=0)
        for name, first in parts[0].items()
    }
    return whole | {"record": np.asarray(whole["record"], np.int32)}
