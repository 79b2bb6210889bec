"""One order: read, shuffle, features, pack, prefetch; every batch a function of its number.

Nothing remembers where it was: the order of an epoch follows from (seed, epoch), a batch
from its number. So a run that begins at step n sees exactly what the uninterrupted run
saw from there, on any number of replicas.

Functions that TensorFlow would convert by AutoGraph are kept as they are: nothing in them
asks a tensor in Python, and to convert them takes seconds at every start.
"""

import numpy as np
import tensorflow as tf

from bert_tf.data.rows.fixed_shapes import fix_shapes
from bert_tf.data.rows.packing import pack


def steps_per_epoch(examples, batch_size, micro_batches):
    """Updates an epoch takes; the last may be smaller."""
    return -(-examples // (batch_size * micro_batches))


def micro_batch_numbers(start, micro_batches, share):
    """Returns a `tf.data.Dataset` of the numbers of a worker's micro-batches, int64.

    Args:
        start: number of the first of all workers' ones, where an update begins.
        micro_batches: how many make one update, over all workers.
        share: (W, w) for worker w of W: those whose number is w modulo W.
    """
    workers, worker = share
    if micro_batches % workers:
        raise ValueError(
            f"micro_batches must be a multiple of the {workers} workers; received "
            f"{micro_batches}."
        )
    return tf.data.Dataset.counter(start + worker, workers)


def training_rows(
    columns,
    features,
    *,
    batch_size,
    micro_batches=1,
    seed=0,
    start_step=0,
    shape=None,
    share=(1, 0),
):
    """Streams packed micro-batches without end, in a new order each epoch.

    Args:
        columns: dict of arrays [N, …] or ragged tensors [N, (…)], one entry an example;
            strings stay strings.
        features: function from such columns of a few examples to a dict with ragged
            `input_ids` and `segment_ids` and what else belongs to the examples.
        batch_size: examples of a micro-batch.
        micro_batches: how many make one update, over all replicas. Each is packed by
            itself: packed rows can't be divided again. Where an epoch's last update
            has too few examples, its last micro-batches are empty.
        seed: of the order, and of dropout.
        start_step: first update.
        shape: (R, S) for rows of one shape, see `fix_shapes`, with a quarter more slots
            than `batch_size`; None for what each micro-batch needs.
        share: which of them this worker takes, see `micro_batch_numbers`.

    Returns:
        `tf.data.Dataset` of rows (see `pack`), with `dropout_seed`, int32 [2].
    """
    start, (workers, worker) = start_step * micro_batches, share
    numbers = micro_batch_numbers(start, micro_batches, share)
    count = next(iter(columns.values())).shape[0]
    steps = steps_per_epoch(count, batch_size, micro_batches)
    empty = steps * micro_batches * batch_size - count

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=[tf.constant(seed, tf.int64), epoch]
        )
        order = tf.pad(order, [[0, empty]], constant_values=-1)
        batches = tf.reshape(order, [steps * micro_batches, batch_size])
        return tf.data.Dataset.from_tensor_slices(batches)

    @tf.autograph.experimental.do_not_convert
    def framed(numbers):
        chosen = tf.boolean_mask(numbers, numbers >= 0)
        return features({name: tf.gather(x, chosen) for name, x in columns.items()})

    @tf.autograph.experimental.do_not_convert
    def rows(number, batch):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return (pack(batch) if shape is None else batch) | {
            "dropout_seed": dropout_seed
        }

    columns = _tensors(columns)
    first_step = start_step % steps
    if shape is None:
        order = tf.data.Dataset.counter(start_step // steps).flat_map(one_epoch)
        batches = order.skip(first_step * micro_batches).shard(workers, worker)
        batches = batches.map(framed, num_parallel_calls=2)
    else:  # What waits for a batch comes from those before it: all are laid again.
        order = tf.data.Dataset.counter().flat_map(one_epoch)
        batches = order.map(framed, num_parallel_calls=2)
        fixed = {"rows": shape[0], "row_length": shape[1]}
        batches = fix_shapes(batches, **fixed, slots=batch_size * 5 // 4).skip(start)
        batches = batches.shard(workers, worker)
    numbered = tf.data.Dataset.zip(numbers, batches)
    return numbered.map(rows, num_parallel_calls=2).prefetch(4)


def evaluation_rows(columns, features, *, batch_size, characters=None):
    """Streams every example once, packed.

    Texts of like length come together, longest first: short ones then get short rows,
    and memory is at its most at once.

    Args:
        columns, features, batch_size: as in `training_rows`.
        characters: texts of more than so many count as several, for those that go in
            windows; None where each is one, however long.

    Returns:
        `tf.data.Dataset` of rows with `example_number`, int32 [B], the place of each
        answer in the input.
    """
    columns = _tensors(columns)
    length = tf.add_n([size for array in columns.values() for size in _sizes(array)])
    order = tf.argsort(length, direction="DESCENDING", stable=True)
    counts = np.ones(len(order), int)
    if characters:
        counts = np.maximum(-(-length.numpy()[order] // characters), 1)
    batches = tf.RaggedTensor.from_row_lengths(order, _share_out(counts, batch_size))

    @tf.autograph.experimental.do_not_convert
    def rows(chosen):
        batch = {name: tf.gather(array, chosen) for name, array in columns.items()}
        return pack(features(batch)) | {"example_number": chosen}

    batches = tf.data.Dataset.from_tensor_slices(batches)
    return batches.map(rows, num_parallel_calls=2).prefetch(4)


def _share_out(counts, batch_size):
    """How many examples each batch takes, in order: as many as count `batch_size`."""
    sizes, room = [], 0
    for count in counts.tolist():
        if room < count:
            sizes.append(0)
            room = batch_size
        sizes[-1] += 1
        room -= count
    return np.array(sizes, np.int64)


def _tensors(columns):
    return {
        name: array if isinstance(array, tf.RaggedTensor) else tf.constant(array)
        for name, array in columns.items()
    }


def _sizes(array):
    """How long each text is, int32 [N]; nothing of a column that is no text."""
    if isinstance(array, tf.RaggedTensor):
        return [tf.cast(array.row_lengths(), tf.int32)]
    if array.dtype != tf.string:
        return []
    lengths = tf.strings.length(array)
    return [tf.reduce_sum(lengths, axis=range(1, lengths.shape.rank))]
