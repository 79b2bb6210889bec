"""Streams packed rows from arrays of examples; each batch is a function of its number.

No iterator state is saved. The order of an epoch depends only on (seed, epoch), and a
batch only on its number. A run that resumes at step n therefore sees the same batches as
an uninterrupted run, on any number of replicas.

AutoGraph is turned off for the functions below. They need no conversion, because Python
never branches on a tensor in them, and conversion takes seconds at every start.
"""

import numpy as np

from bert_tf.data.rows.fixed_shapes import fix_shapes
from bert_tf.data.rows.packing import pack
from bert_tf.ground import lazy

tf = lazy("tensorflow")


def steps_per_epoch(examples, batch_size, micro_batches):
    """Returns the number of updates of an epoch; the last one may have fewer examples."""
    return -(-examples // (batch_size * micro_batches))


def micro_batch_numbers(start, micro_batches, share):
    """Returns a `tf.data.Dataset` of the numbers of a worker's micro-batches, int64.

    Args:
        start: number of the first micro-batch of all workers; an update must begin there.
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
        columns: dict of arrays [N, …] or ragged tensors [N, (…)], where N is the number of
            examples. Strings stay strings.
        features: function from the columns of a batch to a dict with ragged `input_ids`
            and `segment_ids`, and other features such as labels.
        batch_size: number of examples of a micro-batch.
        micro_batches: number of micro-batches of one update, over all replicas. Each is
            packed by itself, because packed rows cannot be divided again. If the last
            update of an epoch has too few examples, its last micro-batches are empty.
        seed: of the order of examples, and of dropout.
        start_step: number of the first update.
        shape: (R, S) for rows of one shape, see `fix_shapes`, with a quarter more slots
            than `batch_size`; None for the shape that each micro-batch needs.
        share: the micro-batches of this worker, see `micro_batch_numbers`.

    Returns:
        `tf.data.Dataset` of rows (see `pack`), with `dropout_seed`, int32 [2].
    """
    start, (workers, worker) = start_step * micro_batches, share
    numbers = micro_batch_numbers(start, micro_batches, share)
    count = next(iter(columns.values())).shape[0]
    steps = steps_per_epoch(count, batch_size, micro_batches)
    padding = steps * micro_batches * batch_size - count

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=[tf.constant(seed, tf.int64), epoch]
        )
        order = tf.pad(order, [[0, padding]], constant_values=-1)
        batches = tf.reshape(order, [steps * micro_batches, batch_size])
        return tf.data.Dataset.from_tensor_slices(batches)

    @tf.autograph.experimental.do_not_convert
    def make_features(examples):
        examples = tf.boolean_mask(examples, examples >= 0)
        return features({name: tf.gather(x, examples) for name, x in columns.items()})

    @tf.autograph.experimental.do_not_convert
    def make_rows(number, batch):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return (pack(batch) if shape is None else batch) | {
            "dropout_seed": dropout_seed
        }

    columns = _tensors(columns)
    first_step = start_step % steps
    if shape is None:
        order = tf.data.Dataset.counter(start_step // steps).flat_map(one_epoch)
        batches = order.skip(first_step * micro_batches).shard(workers, worker)
        batches = batches.map(make_features, num_parallel_calls=2)
    else:
        # Examples that wait come from earlier batches, so that packing starts at step 0.
        order = tf.data.Dataset.counter().flat_map(one_epoch)
        batches = order.map(make_features, num_parallel_calls=2)
        fixed = {"rows": shape[0], "row_length": shape[1]}
        batches = fix_shapes(batches, **fixed, slots=batch_size * 5 // 4).skip(start)
        batches = batches.shard(workers, worker)
    numbered = tf.data.Dataset.zip(numbers, batches)
    return numbered.map(make_rows, num_parallel_calls=2).prefetch(4)


def evaluation_rows(columns, features, *, batch_size, characters=None):
    """Streams every example once, in packed rows.

    Texts of similar length share a batch, longest first. Short texts then get short rows,
    and the first batch already takes the most memory.

    Args:
        columns, features, batch_size: as in `training_rows`.
        characters: a text that is n times as long as this counts as n examples of a
            batch, for texts that are cut into windows. None counts each text once.

    Returns:
        `tf.data.Dataset` of rows with `example_number`, int32 [B], the index of each
        example in the columns.
    """
    columns = _tensors(columns)
    length = tf.add_n([size for array in columns.values() for size in _sizes(array)])
    order = tf.argsort(length, direction="DESCENDING", stable=True)
    counts = np.ones(len(order), int)
    if characters:
        counts = np.maximum(-(-length.numpy()[order] // characters), 1)
    batches = tf.RaggedTensor.from_row_lengths(order, _batch_sizes(counts, batch_size))

    @tf.autograph.experimental.do_not_convert
    def make_rows(examples):
        batch = {name: tf.gather(array, examples) for name, array in columns.items()}
        return pack(features(batch)) | {"example_number": examples}

    batches = tf.data.Dataset.from_tensor_slices(batches)
    return batches.map(make_rows, num_parallel_calls=2).prefetch(4)


def _batch_sizes(counts, batch_size):
    """Returns the number of texts of each batch, whose `counts` add up to `batch_size`."""
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
    """Returns a list of the lengths, int32 [N], of a column; [] if it holds no texts."""
    if isinstance(array, tf.RaggedTensor):
        return [tf.cast(array.row_lengths(), tf.int32)]
    if array.dtype != tf.string:
        return []
    lengths = tf.strings.length(array)
    return [tf.reduce_sum(lengths, axis=range(1, lengths.shape.rank))]
