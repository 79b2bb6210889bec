"""Devices that compute, the rows that each receives, and variables that each holds."""

import functools

import tensorflow as tf

from bert_tf.training.tensorflow import workers


def make_strategy(name):
    """Returns the `tf.distribute.Strategy` under which model and optimizer are made.

    Args:
        name: "one_device"; "mirrored", a replica on each GPU, or on each logical CPU
            without GPUs; "multi_worker", the same on each of several machines, see
            `workers`; "auto", multi_worker if TF_CONFIG names several workers, else
            mirrored if there are several GPUs.

    Raises:
        ValueError, ConnectionError: as `workers.connect`.
    """
    several = name == "auto" and len(workers.read_cluster().addresses) > 1
    if several or name == "multi_worker":
        return workers.connect()
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if name == "one_device" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if name in ("mirrored", "auto"):
        return _mirrored(tuple(device.name for device in devices))
    raise ValueError(
        "distribution must be auto, one_device, mirrored or multi_worker; received "
        f"{name!r}."
    )


# Once in a process: a second strategy over the same devices would number its
# reductions anew, and TensorFlow would take them for those of the first.
@functools.cache
def _mirrored(names):
    return tf.distribute.MirroredStrategy(names)


def replica_rows(strategy, make_dataset):
    """Returns an iterator that deals the elements of a data set to the replicas in turn.

    `Strategy.experimental_distribute_dataset` would divide each batch, and a packed batch
    cannot be divided.

    Args:
        strategy: `tf.distribute.Strategy`.
        make_dataset: function((number of workers, number of this worker)) -> endless
            `tf.data.Dataset` of this worker's elements, as `Dataset.shard` selects them.
    """

    def make_worker_dataset(context):
        dataset = make_dataset((context.num_input_pipelines, context.input_pipeline_id))
        # With unknown cardinality, workers would check in each step who still has rows.
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return dataset.apply(endless)

    return iter(strategy.distribute_datasets_from_function(make_worker_dataset))


def replica_copies(variables):
    """Returns the variables' copies on each replica of this worker, a list of structures.

    A replica that uses only its own copies exchanges nothing with the others.

    Args:
        variables: structure of variables, made in the scope of the current strategy.
    """
    local = tf.distribute.get_strategy().experimental_local_results
    flat = zip(*map(local, tf.nest.flatten(variables)))
    return [tf.nest.pack_sequence_as(variables, copies) for copies in flat]


def on_this_replica(copies):
    """Returns the element of `replica_copies` for the replica in which this is called."""
    context = tf.distribute.get_replica_context()
    number = tf.get_static_value(context.replica_id_in_sync_group)
    return copies[number % len(copies)]  # A worker holds only its own replicas.
