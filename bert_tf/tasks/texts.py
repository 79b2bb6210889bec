"""What all tasks on a text, or a pair of texts, share: strings in, framed pieces out.

Shapes: N records, W windows of their texts, B examples of a batch.
"""

import itertools

import numpy as np
import tensorflow as tf
from keras import ops

from bert_tf.data.rows.long_texts import frame_long


def text_columns(table):
    """Returns `text` and perhaps `text_pair`, arrays of strings [N], of a `Table`."""
    records = table.records
    return {
        name: np.array([record[name] for record in records], dtype=object)
        for name in ("text", "text_pair")
        if records and name in records[0]
    }


def has_labels(table):
    return bool(table.records) and "label" in table.records[0]


def frame_texts(columns, tokenizer, max_seq_length, long_text="truncate"):
    """Turns string tensors [B] into framed pieces; label and weight go along.

    See `frame_long`: with windows there are more examples than records.
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
    """An array of objects [N], of lists or arrays of any lengths."""
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array


def ragged(rows):
    """int32 ragged [W, (…)] of lists or arrays."""
    values = [np.asarray(row, np.int32) for row in rows]
    lengths = np.array([len(row) for row in rows], np.int64)
    return tf.RaggedTensor.from_row_lengths(np.concatenate(values), lengths)


def arrays(rows):
    """The rows of a ragged tensor, a NumPy array each."""
    values, splits = rows.values.numpy(), rows.row_splits.numpy()
    return [values[begin:end] for begin, end in itertools.pairwise(splits)]
