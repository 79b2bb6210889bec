"""Which examples a batch holds: a function of its number, the same under every engine.

No iterator state is saved. The order of an epoch depends only on (seed, epoch), and a
batch only on its number. A run that resumes at step n therefore sees the same batches as
an uninterrupted run, on any number of replicas.
"""

import functools
import math

import numpy as np

from bert_tf.data.corpus.randomness import random_bits


def steps_per_epoch(examples, batch_size, micro_batches):
    """Returns the number of updates of an epoch; the last one may have fewer examples."""
    return -(-examples // (batch_size * micro_batches))


def first_number(start_step, micro_batches, share):
    """Returns the number of a worker's first micro-batch; those of others lie between.

    Args:
        start_step: number of the first update.
        micro_batches: number of micro-batches of one update, over all workers.
        share: (W, w) for worker w of W workers, which gets every number that is w modulo
            W.

    Raises:
        ValueError: `micro_batches` is not a multiple of the number of workers.
    """
    workers, worker = share
    if micro_batches % workers:
        raise ValueError(
            f"micro_batches must be a multiple of the {workers} workers; received "
            f"{micro_batches}."
        )
    return start_step * micro_batches + worker


class Order:
    """The examples of each micro-batch of training, in a new order each epoch.

    Args:
        count: number of examples.
        batch_size: number of examples of a micro-batch.
        micro_batches: number of micro-batches of one update. If the last update of an
            epoch has too few examples, its last micro-batches are empty.
        seed: of the order.

    Attributes:
        batches_per_epoch: number of micro-batches of an epoch.
    """

    def __init__(self, count, *, batch_size, micro_batches, seed):
        self._count, self._batch_size, self._seed = count, batch_size, seed
        steps = steps_per_epoch(count, batch_size, micro_batches)
        self.batches_per_epoch = steps * micro_batches
        self.shuffle = functools.lru_cache(maxsize=2)(self.shuffle)

    def __getitem__(self, number):
        """Returns the examples of a micro-batch, int32 [batch_size] or fewer."""
        epoch, batch = divmod(int(number), self.batches_per_epoch)
        begin = batch * self._batch_size
        return self.shuffle(epoch)[begin : begin + self._batch_size]

    def shuffle(self, epoch):
        """Returns the order of an epoch, int32 [count]."""
        bits = random_bits(self._seed, epoch, np.arange(self._count))
        return np.argsort(bits, kind="stable").astype(np.int32)


def longest_first(columns, batch_size, characters=None):
    """Returns the examples of each batch of an evaluation, a list of int32 [B].

    Texts of similar length share a batch, longest first. Short texts then get short rows,
    and the first batch already takes the most memory.

    Args:
        columns: dict of arrays [N, …] or ragged arrays [N, (…)].
        batch_size: number of examples of a batch.
        characters: a text that is n times as long as this counts as n examples of a
            batch, for texts that are cut into windows. None counts each text once.
    """
    length = sum(size for array in columns.values() for size in _sizes(array))
    order = np.argsort(-length, kind="stable").astype(np.int32)
    counts = np.ones(len(order), int)
    if characters:
        counts = np.maximum(-(-length[order] // characters), 1)
    return np.split(order, _ends(counts, batch_size)) if len(order) else []


def _ends(counts, batch_size):
    """Returns where batches but the last end, whose `counts` add up to `batch_size`."""
    ends, room = [], batch_size
    for place, count in enumerate(counts.tolist()):
        if room < count and place:
            ends.append(place)
            room = batch_size
        room -= count
    return ends


def _sizes(array):
    """Returns a list of the lengths, int64 [N], of a column; [] if it holds no texts."""
    if hasattr(array, "row_lengths"):
        return [np.asarray(array.row_lengths())]
    array = np.asarray(array)
    if array.dtype.kind not in "OSU":
        return []
    texts = array.reshape(len(array), math.prod(array.shape[1:]))
    return [np.array([sum(map(_bytes, row)) for row in texts.tolist()], np.int64)]


def _bytes(text):
    """Returns the length of a text in UTF-8."""
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode())
