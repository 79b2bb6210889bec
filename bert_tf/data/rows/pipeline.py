"""Streams packed rows as `tf.data` pipelines, for TensorFlow's engine.

`streams` gives the same batches to other engines. Which examples a batch holds is written
once, in `batches`; rows of pretraining are made by NumPy here, too.

AutoGraph is turned off for the functions below. They need no conversion, because Python
never branches on a tensor in them, and conversion takes seconds at every start.
"""

from bert_tf.data.rows import pretraining, streams
from bert_tf.data.rows.batches import Order, first_number
from bert_tf.data.rows.packing import pack
from bert_tf.ground import lazy
from bert_tf.tokenization.ragged import Ragged

tf = lazy("tensorflow")

# The number of axes of the rows of pretraining, all int32.
_HELD_OUT_ROWS = {
    **dict.fromkeys(("input_ids", "segment_ids", "position_ids", "sequence_ids"), 2),
    **dict.fromkeys(("first_token", "next_sentence_labels"), 1),
    **dict.fromkeys(("masked_lm_positions", "masked_lm_ids"), 1),
}
MASKED_ROWS = _HELD_OUT_ROWS | {"dropout_seed": 1}


def training_rows(
    columns,
    features,
    *,
    batch_size,
    micro_batches=1,
    seed=0,
    start_step=0,
    share=(1, 0),
    **row_lengths,
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
        share: the micro-batches of this worker, see `first_number`.
        row_lengths: `row_length` and `target_row_length`, as of `pack`.

    Returns:
        `tf.data.Dataset` of rows (see `pack`), with `dropout_seed`, int32 [2].
    """
    begin = first_number(start_step, micro_batches, share)
    count = next(iter(columns.values())).shape[0]
    plan = {"batch_size": batch_size, "micro_batches": micro_batches, "seed": seed}
    order = Order(count, **plan)

    # Python is called once an epoch, not for each batch.
    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch):
        examples = tf.numpy_function(order.shuffle, [epoch], tf.int32)
        examples = tf.ensure_shape(examples, [count])
        padding = order.batches_per_epoch * batch_size - count
        examples = tf.pad(examples, [[0, padding]], constant_values=-1)
        batches = tf.reshape(examples, [order.batches_per_epoch, batch_size])
        return tf.data.Dataset.from_tensor_slices(batches)

    @tf.autograph.experimental.do_not_convert
    def make_features(examples):
        examples = tf.boolean_mask(examples, examples >= 0)
        return features({name: tf.gather(x, examples) for name, x in columns.items()})

    @tf.autograph.experimental.do_not_convert
    def make_rows(number, batch):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return pack(batch, **row_lengths) | {"dropout_seed": dropout_seed}

    columns = _tensors(columns)
    epoch, first = divmod(begin, order.batches_per_epoch)
    batches = tf.data.Dataset.counter(epoch).flat_map(one_epoch)
    batches = batches.skip(first).shard(share[0], 0)  # From `begin`, every W-th.
    batches = batches.map(make_features, num_parallel_calls=2)
    numbers = tf.data.Dataset.counter(begin, share[0])
    numbered = tf.data.Dataset.zip(numbers, batches)
    return numbered.map(make_rows, num_parallel_calls=2).prefetch(4)


def evaluation_rows(columns, features, **plan):
    """Streams every example once, in packed rows; see `longest_first`.

    Args:
        columns: as in `training_rows`.
        features: as there, compiled, since it is called for each batch.
        plan: `batch_size`, and `row_lengths` as in `training_rows`; `characters` as in
            `longest_first`.

    Returns:
        `Stream` of rows of NumPy with `example_number`, int32 [B], the index of each
        example in the columns.
    """

    # No data set, which TensorFlow would trace and optimise anew for each file. That takes
    # half a second, in which the model waits for its first batch.
    def frame(batch):
        with tf.device("CPU"):
            return {name: _to_numpy(x) for name, x in features(batch).items()}

    return streams.evaluation_rows(_tensors(columns), frame, take=_take, **plan)


def pretraining_rows(
    examples, features, *, micro_batches=1, start_step=0, share=(1, 0), **options
):
    """Streams packed, masked micro-batches without end.

    Args:
        examples, features, options: as of `pretraining.training_maker`.
        micro_batches, start_step, share: as of `training_rows`.

    Returns:
        `tf.data.Dataset` of the rows of `pretraining.training_maker`.
    """
    begin = first_number(start_step, micro_batches, share)
    make_rows = pretraining.training_maker(examples, features, **options)
    numbers = tf.data.Dataset.counter(begin, share[0])
    return numpy_rows(numbers, make_rows, MASKED_ROWS)


def held_out_rows(examples, features, **options):
    """Streams examples once, packed and masked in the same way at every iteration.

    Args:
        examples, features, options: as of `pretraining.held_out_maker`.
    """
    make_rows, count = pretraining.held_out_maker(examples, features, **options)
    return numpy_rows(tf.data.Dataset.range(count), make_rows, _HELD_OUT_ROWS)


def numpy_rows(numbers, make_rows, axes):
    """Returns a data set of the rows that NumPy makes.

    Args:
        numbers: `tf.data.Dataset` of the numbers of batches.
        make_rows: function from a number to {name: int32 array}.
        axes: {name: number of axes}.
    """

    def make_list(number):
        rows = make_rows(number)
        return [rows[name] for name in axes]

    @tf.autograph.experimental.do_not_convert
    def call(number):
        types = [tf.int32] * len(axes)
        arrays = tf.numpy_function(make_list, [number], types, stateful=False)
        return {
            name: tf.ensure_shape(array, [None] * axes[name])
            for name, array in zip(axes, arrays)
        }

    return numbers.map(call, num_parallel_calls=2).prefetch(4)


def _tensors(columns):
    return {
        name: array if isinstance(array, tf.RaggedTensor) else tf.constant(array)
        for name, array in columns.items()
    }


def _take(columns, examples):
    with tf.device("CPU"):
        return {name: tf.gather(array, examples) for name, array in columns.items()}


def _to_numpy(values):
    if isinstance(values, tf.RaggedTensor):
        return Ragged.from_tensor(values)
    return values.numpy()
