"""Puts the outputs of batches into the order of the examples, whatever the engine."""

import numpy as np


class Collector:
    """Collects the outputs of N examples, which come in batches and in any order.

    Args:
        count: N.
    """

    def __init__(self, count):
        self._count, self._arrays = count, {}

    def add(self, numbers, outputs):
        """Takes the outputs of a batch.

        Args:
            numbers: int [B], the number of each example; −1 for padding, which is dropped.
            outputs: array [B, …], or {name: array [B, …]}.
        """
        named = outputs if isinstance(outputs, dict) else {None: outputs}
        chosen = numbers >= 0
        for name, batch in named.items():
            self._arrays[name] = _place(
                self._arrays.get(name),
                np.asarray(batch)[chosen],
                numbers[chosen],
                self._count,
            )

    def outputs(self):
        """Returns an array [N, …], or {name: array [N, …]}; None without batches.

        An output with shapes that differ between batches is an array of N objects.
        """
        return self._arrays.get(None, self._arrays or None)


def _place(array, batch, numbers, count):
    """Returns the array [count, …], or a new one, with a batch [B, …] at its numbers."""
    if array is None:
        array = np.zeros((count, *batch.shape[1:]), batch.dtype)
    if array.dtype != object and array.shape[1:] != batch.shape[1:]:
        array = _as_objects(array)
    array[numbers] = _as_objects(batch) if array.dtype == object else batch
    return array


def _as_objects(batch):
    array = np.empty(len(batch), dtype=object)
    array[:] = list(batch)
    return array
