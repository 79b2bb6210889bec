"""Rows of different lengths as NumPy arrays: tokens of texts, without TensorFlow.

Shapes: B rows, T values of all rows.
"""

import numpy as np


class Ragged:
    """Rows of different lengths in one array of values.

    Has the names of `tf.RaggedTensor`, so that the same function takes either; see
    `bert_tf.tokenization.arrays`.

    Args:
        values: array [T, …], the values of all rows, one row after the other.
        row_splits: integers [B + 1]; row n has values[row_splits[n] : row_splits[n + 1]].
    """

    def __init__(self, values, row_splits):
        self.values = np.asarray(values)
        self.row_splits = np.asarray(row_splits, np.int64)

    @classmethod
    def from_row_splits(cls, values, row_splits, validate=True):
        ragged = cls(values, row_splits)
        if validate:
            ragged._check()
        return ragged

    @classmethod
    def from_row_lengths(cls, values, row_lengths, validate=True):
        ends = np.cumsum(row_lengths, dtype=np.int64)
        return cls.from_row_splits(values, np.concatenate([[0], ends]), validate)

    @classmethod
    def from_uniform_row_length(cls, values, uniform_row_length, nrows):
        return cls.from_row_splits(values, np.arange(nrows + 1) * uniform_row_length)

    @classmethod
    def from_value_rowids(cls, values, value_rowids, nrows=None, validate=True):
        value_rowids = np.asarray(value_rowids, np.int64)
        if nrows is None:
            nrows = value_rowids[-1] + 1 if len(value_rowids) else 0
        lengths = np.bincount(value_rowids, minlength=nrows)
        if validate and (np.diff(value_rowids) < 0).any():
            raise ValueError("value_rowids must not decrease.")
        return cls.from_row_lengths(values, lengths, validate)

    @classmethod
    def from_tensor(cls, rows):
        """Returns the rows of a `tf.RaggedTensor` that is not in a graph."""
        return cls(rows.values, rows.row_splits)

    def _check(self):
        splits = self.row_splits
        if splits[0] or splits[-1] != len(self.values) or (np.diff(splits) < 0).any():
            raise ValueError(
                f"the row splits must rise from 0 to {len(self.values)}, the number of "
                f"values; received {splits.tolist()!r:.60}."
            )

    @property
    def shape(self):
        """(B, None, …)."""
        return (self.nrows(), None, *self.values.shape[1:])

    @property
    def dtype(self):
        return self.values.dtype

    def __len__(self):
        return self.nrows()

    def __getitem__(self, row):
        """Returns the values of one row, [L, …]."""
        row = range(self.nrows())[row]
        return self.values[self.row_splits[row] : self.row_splits[row + 1]]

    def nrows(self):
        return len(self.row_splits) - 1

    def row_lengths(self):
        """Returns the number of values of each row, int64 [B]."""
        return np.diff(self.row_splits)

    def row_starts(self):
        """Returns the index of each row's first value, int64 [B]."""
        return self.row_splits[:-1]

    def value_rowids(self):
        """Returns the row of each value, int64 [T]."""
        return np.repeat(np.arange(self.nrows()), self.row_lengths())

    def with_values(self, values):
        """Returns the same rows of other values, [T, …]."""
        return Ragged(values, self.row_splits)

    def to_list(self):
        return [self[row].tolist() for row in range(self.nrows())]

    def to_tensor(self, default_value=0, shape=None):
        """Returns an array [B, L, …], padded with `default_value`.

        Args:
            shape: [None, L] for rows of L values, of which longer rows lose the end; None
                for those of the longest row.
        """
        width = self.row_lengths().max(initial=0) if shape is None else shape[1]
        rows = self.value_rowids()
        places = np.arange(len(rows)) - self.row_starts()[rows]
        inside = places < width
        size = (self.nrows(), width, *self.values.shape[1:])
        array = np.full(size, default_value, self.dtype)
        array[rows[inside], places[inside]] = self.values[inside]
        return array
