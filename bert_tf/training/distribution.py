"""Which devices compute, and in which precision."""

import functools

import tensorflow as tf


def make_strategy(name):
    """Returns the `tf.distribute.Strategy` to make model and optimizer under.

    Args:
        name: "one_device"; "mirrored", a replica on each GPU, or on each logical CPU
            where there is none; "auto", mirrored where there are several GPUs.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if name == "one_device" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if name in ("mirrored", "auto"):
        return _mirrored(tuple(device.name for device in devices))
    raise ValueError(
        f"distribution must be auto, one_device or mirrored; received {name!r}."
    )


# Once in a process: a second strategy over the same devices would number its
# reductions anew, and TensorFlow would take them for the first one's.
@functools.cache
def _mirrored(names):
    return tf.distribute.MirroredStrategy(names)


def replica_rows(strategy, make_dataset):
    """Returns an iterator that deals the data set's elements to the replicas in turn.

    From a function, because a packed batch can't be divided after it is made.
    """
    return iter(strategy.distribute_datasets_from_function(lambda _: make_dataset()))
