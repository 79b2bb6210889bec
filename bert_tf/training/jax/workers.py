"""Several processes that train one model, each on a machine of its own.

TF_CONFIG lists them, as under TensorFlow; without it, JAX detects those of a TPU pod or of
a Slurm job. Each computes a part of every update and holds all weights; only process 0,
the chief, writes files.
"""

import atexit
import contextlib
import functools
import logging
import os
import re
import sys
import time

import jax
import numpy as np
from jax.experimental import multihost_utils

from bert_tf.training.cluster import EXAMPLE, check_steps, lost, read_cluster

_log = logging.getLogger(__name__)

# JAX raises various errors if a worker is lost; their messages contain one of these.
_LOST = re.compile("Gloo|NCCL|heartbeat|Connection (closed|re)|Socket closed|preempted")


# Once in a process, as JAX requires.
@functools.cache
def connect():
    """Waits until all processes are there; `jax.devices` then has the devices of all.

    Raises:
        ValueError: nothing says which processes there are, or JAX has already computed.
        ConnectionError: this process does not reach the first one.
    """
    addresses, number, _ = read_cluster()
    known = ()
    if addresses:
        known = (addresses[0], len(addresses), number)
        _log.info(
            "worker %d of %d, waiting for all at %s.",
            number,
            len(addresses),
            addresses[0],
        )
    try:
        jax.distributed.initialize(*known)
    except ValueError as error:
        raise ValueError(
            "distribution=multi_worker needs a list of the workers, but TF_CONFIG is not "
            "set, and JAX detects no TPU pod and no Slurm job; write, on the first of "
            f"two: TF_CONFIG='{EXAMPLE}'."
        ) from error
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        if "before" in reason:  # "… must be called before any JAX calls …"
            raise ValueError(
                "distribution=multi_worker must be the first thing that JAX does in a "
                "process; start a new process."
            ) from error
        raise ConnectionError(
            f"worker {number} does not reach the others ({reason}); check that all workers "
            "run, and that the addresses in TF_CONFIG are correct and free."
        ) from error


class Workers:
    """The processes of a run, one if it runs on a single machine.

    Args:
        strategy: `Devices`, in which the processes have met.

    Attributes:
        count, number, chief: as of TensorFlow's `Workers`.
    """

    def __init__(self, strategy):
        self.count = len(
            {device.process_index for device in strategy.mesh.devices.flat}
        )
        self.number = jax.process_index() if self.count > 1 else 0
        self.chief = self.number == 0

    def gather(self, value):
        """Returns the numbers of all workers, a list of floats; waits for the last one."""
        if self.count == 1:
            return [float(value)]
        # JAX has no float64: its two halves travel.
        halves = np.array([value], np.float64).view(np.uint32)
        gathered = np.asarray(multihost_utils.process_allgather(halves))
        return gathered.view(np.float64)[:, 0].tolist()

    def now(self):
        """Returns the seconds of the first worker's clock; all workers call it together."""
        return self.gather(time.monotonic())[0]

    def agree(self, step, output_dir):
        """Raises a ValueError unless all workers start at the same step."""
        check_steps(self.gather(step), output_dir)


@contextlib.contextmanager
def watched(output_dir):
    """Turns the loss of a worker into a one-line ConnectionError.

    Where the devices wait on without an error, as they may on GPUs, JAX ends the process
    itself when the worker has been silent for 100 seconds.
    """
    try:
        yield
    except Exception as error:
        if jax.process_count() == 1 or not _LOST.search(str(error)):
            raise
        # Runs before what JAX does at the end: it would wait for the lost worker, and abort.
        atexit.register(_end)
        raise lost("a worker", output_dir) from error


def _end():
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
