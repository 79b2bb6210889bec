"""The devices that compute, and where rows and weights are placed on them."""

import contextlib

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bert_tf.ground import one_of

AXIS = "replica"


def make_strategy(name):
    """Returns the `Devices` on which a model trains.

    Args:
        name: "one_device"; "mirrored", all devices, which hold the same weights and
            compute other micro-batches; "auto", the same on GPUs and TPUs, and one
            device on a CPU.

    Raises:
        ValueError: another name.
    """
    if name == "multi_worker":
        raise ValueError(
            "distribution=multi_worker is for --engine=tensorflow; with jax, train on the "
            "devices of one machine: auto, one_device or mirrored."
        )
    one_of("distribution", name, ("auto", "one_device", "mirrored"))
    devices = jax.devices()
    several = name == "mirrored" or (name == "auto" and devices[0].platform != "cpu")
    return Devices(devices if several else devices[:1])


class Devices:
    """Devices that hold the same weights and compute a part of each update.

    Args:
        devices: list of JAX devices.

    Attributes:
        num_replicas_in_sync: number of devices.
        mesh: JAX mesh of one axis, `AXIS`.
        everywhere: sharding of arrays that each device holds.
        divided: sharding of arrays [devices, …] of which each device holds its own.
    """

    def __init__(self, devices):
        self.num_replicas_in_sync = len(devices)
        self.mesh = Mesh(np.array(devices), (AXIS,))
        self.everywhere = NamedSharding(self.mesh, PartitionSpec())
        self.divided = NamedSharding(self.mesh, PartitionSpec(AXIS))

    def scope(self):
        """Returns a context for building the model, which needs none."""
        return contextlib.nullcontext()

    def replicate(self, array):
        """Returns a copy of an array on each device."""
        # An update gives the memory of its state away, so nobody else may use it.
        return jax.device_put(array, self.everywhere, may_alias=False)

    def divide(self, arrays):
        """Places {name: array [devices · n, …]} as [devices, n, …] on the devices."""
        count = self.num_replicas_in_sync
        stacked = {
            name: array.reshape(count, -1, *array.shape[1:])
            for name, array in arrays.items()
        }
        return jax.device_put(stacked, self.divided)
