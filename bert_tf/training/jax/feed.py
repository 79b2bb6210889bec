"""The rows of each update, placed on the devices in shapes on which all processes agree."""

import jax
import jax.numpy as jnp
import numpy as np

from bert_tf.data.rows.fixed_shapes import stack, widen


class Feed:
    """Takes this process's micro-batches of an update from a stream.

    Args:
        batches: iterator of rows, dicts of NumPy arrays.
        count: micro-batches of an update for each device.
        devices: `Devices`.
        several: whether there are several processes.
    """

    def __init__(self, batches, count, devices, several):
        self._batches, self._devices = batches, devices
        self._count = count * len(devices.local)
        self._several, self._ahead = several, None
        self._largest = jax.jit(
            lambda sizes: jnp.max(sizes, axis=0), out_shardings=devices.everywhere
        )

    def take(self):
        """Returns {name: array [devices, micro-batches, …]} of the next update."""
        if not self._several:
            return self._devices.divide(self._stack())
        # An update ahead, because waiting for the others' shapes would keep devices waiting.
        rows, sizes = self._ahead or self._compare()
        self._ahead = self._compare()
        sizes, shapes = np.asarray(sizes.addressable_data(0))[0].tolist(), {}
        for name in sorted(rows):
            shapes[name] = [sizes.pop(0) for _ in rows[name].shape]
        return self._devices.divide(widen(rows, shapes))

    def _stack(self):
        return stack([next(self._batches) for _ in range(self._count)])

    def _compare(self):
        """Returns rows, and the largest sizes of those of all processes, being computed."""
        rows = self._stack()
        sizes = np.concatenate([rows[name].shape for name in sorted(rows)])
        copies = np.tile(sizes.astype(np.int32), [len(self._devices.local), 1])
        return rows, self._largest(self._devices.divide({"sizes": copies})["sizes"])
