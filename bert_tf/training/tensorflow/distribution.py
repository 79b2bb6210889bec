"""Which devices compute, and in which precision."""

import functools

import tensorflow as tf

from bert_tf.training.tensorflow import workers


def make_strategy(name):
    """Returns the `tf.distribute.Strategy` to make model and optimizer under.

    Args:
        name: "one_device"; "mirrored", a replica on each GPU, or on each logical CPU
            where there is none; "multi_worker", the same on each of several machines,
            see `workers`; "auto", multi_worker where TF_CONFIG names several workers,
            else mirrored where there are several GPUs.

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
# reductions anew, and TensorFlow would take them for the first one's.
@functools.cache
def _mirrored(names):
    return tf.distribute.MirroredStrategy(names)


def replica_rows(strategy, make_dataset):
    """Returns an iterator that deals the data set's elements to the replicas in turn.

    From a function, because a packed batch can't be divided after it is made.

    Args:
        strategy: `tf.distribute.Strategy`.
        make_dataset: function((workers, number of this one)) -> endless
            `tf.data.Dataset` of this worker's share, as `Dataset.shard` would give it.
    """

    def share(context):
        dataset = make_dataset((context.num_input_pipelines, context.input_pipeline_id))
        # Known to be endless, workers need not ask each other who still has rows.
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return dataset.apply(endless)

    return iter(strategy.distribute_datasets_from_function(share))
