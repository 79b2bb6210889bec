"""The devices that compute, and where rows and weights are placed on them."""

import contextlib

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bert_tf.ground import one_of
from bert_tf.training.cluster import read_cluster
from bert_tf.training.jax import workers

AXIS = "replica"


def make_strategy(name):
    """Returns the `Devices` on which a model trains.

    Args:
        name: "one_device"; "mirrored", all devices of this machine, which hold the same
            weights and compute other micro-batches; "multi_worker", those of several
            machines, see `workers`; "auto", multi_worker if TF_CONFIG names several
            workers, else mirrored on GPUs and TPUs, and one device on a CPU.

    Raises:
        ValueError, ConnectionError: another name, or as `workers.connect`.
    """
    one_of("distribution", name, ("auto", "one_device", "mirrored", "multi_worker"))
    several = name == "auto" and len(read_cluster().addresses) > 1
    if several or name == "multi_worker":
        workers.connect()
        return Devices(jax.devices())
    devices = jax.local_devices()
    several = name == "mirrored" or (name == "auto" and devices[0].platform != "cpu")
    return Devices(devices if several else devices[:1])


class Devices:
    """Devices that hold the same weights and compute a part of each update.

    Args:
        devices: list of JAX devices, those of each process one after the other.

    Attributes:
        num_replicas_in_sync: number of devices.
        mesh: JAX mesh of one axis, `AXIS`.
        everywhere: sharding of arrays that each device holds.
        local: the devices of this process.
    """

    def __init__(self, devices):
        self.num_replicas_in_sync = len(devices)
        self.mesh = Mesh(np.array(devices), (AXIS,))
        self.everywhere = NamedSharding(self.mesh, PartitionSpec())
        self.local = list(self.mesh.local_devices)
        self._divided = NamedSharding(self.mesh, PartitionSpec(AXIS))

    def scope(self):
        """Returns a context for building the model, which needs none."""
        return contextlib.nullcontext()

    def replicate(self, array):
        """Returns a copy of an array on each device."""
        # An update gives the memory of its state away, so nobody else may use it.
        copies = [
            jax.device_put(array, device, may_alias=False) for device in self.local
        ]
        return jax.make_array_from_single_device_arrays(
            array.shape, self.everywhere, copies
        )

    def divide(self, arrays):
        """Places what the devices of this process compute.

        Args:
            arrays: {name: array [local devices · n, …]}.

        Returns:
            {name: array [devices, n, …]}, of which each device holds its own.
        """
        return {
            name: jax.make_array_from_process_local_data(
                self._divided, array.reshape(len(self.local), -1, *array.shape[1:])
            )
            for name, array in arrays.items()
        }
