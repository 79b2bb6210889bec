"""Several processes that train one model, each on a machine of its own.

TF_CONFIG tells them of each other. Each computes its share of every update and holds all
weights; worker 0, the chief, alone writes.
"""

import contextlib
import functools
import json
import logging
import os
import pathlib
import re
import time
from typing import NamedTuple

import tensorflow as tf

_log = logging.getLogger(__name__)

_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# TensorFlow raises one error or another where a worker is lost; all of them say this.
_LOST = re.compile(
    "Collective ops is aborted|heartbeat|Connection re|Socket closed|failed to connect"
)
# The first is who is missing; the second, with whom the talk broke off.
_WHO = (
    re.compile(r"unhealthy[^/]*/job:(\w+)/replica:\d+/task:(\d+)"),
    re.compile(r"remote target /job:(\w+)/replica:\d+/task:(\d+)"),
)


class Cluster(NamedTuple):
    """What TF_CONFIG says."""

    addresses: list  # Of all workers, [] where it is not set.
    number: int  # Which of them this is, from 0.
    chiefs: int  # How many are called "chief", 0 or 1; they come first.


def read_cluster():
    """Returns the `Cluster` of TF_CONFIG.

    Raises:
        ValueError: nothing that can be understood.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return Cluster([], 0, 0)
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
        index, is_worker = int(task["index"]), task["type"] == "worker"
        well = is_worker or task["type"] == "chief"
        well = well and 0 <= index < len(workers if is_worker else chiefs)
    except (ValueError, KeyError, TypeError, AttributeError):
        well = False
    if not well:
        raise ValueError(
            "TF_CONFIG must be JSON that names all workers and which of them this is; "
            f"received {text!r}. Write, on the first of two: TF_CONFIG='{_EXAMPLE}'."
        )
    number = index + len(chiefs) if is_worker else index
    return Cluster([*chiefs, *workers], number, len(chiefs))


# Once in a process, as TensorFlow wants it.
@functools.cache
def connect():
    """Returns the strategy of all workers; waits until all are there.

    Raises:
        ValueError: TF_CONFIG names no workers, or TensorFlow has computed already.
        ConnectionError: this worker can't listen, or the others don't come.
    """
    addresses, number, _ = read_cluster()
    if not addresses:
        raise ValueError(
            "distribution=multi_worker needs to know the workers, but TF_CONFIG is not "
            f"set; write, on the first of two: TF_CONFIG='{_EXAMPLE}'."
        )
    _log.info(
        "worker %d of %d (%s), waiting for: %s.",
        number,
        len(addresses),
        addresses[number],
        ", ".join(addresses[:number] + addresses[number + 1 :]) or "nobody",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "distribution=multi_worker must be the first thing that TensorFlow does in "
            "a process; begin in a new one."
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.strip().splitlines()[0].rstrip(".")
        raise ConnectionError(
            f"worker {number} ({addresses[number]}) does not reach the others: {reason}; "
            "look whether all are started, and whether the addresses in TF_CONFIG are "
            "right and free."
        ) from error


@contextlib.contextmanager
def watched(output_dir):
    """Has a lost worker said in one line, a ConnectionError, not in TensorFlow's pages."""
    try:
        yield
    except tf.errors.OpError as error:
        if len(read_cluster().addresses) < 2 or not _LOST.search(str(error)):
            raise
        raise ConnectionError(
            f"{_who_is_lost(str(error))} is gone; start all workers "
            f"again with the same command: they go on from {_saved(output_dir)}."
        ) from error


class Workers:
    """The workers of a strategy; one where it is of one machine.

    Attributes:
        count: of them.
        number: of this one, from 0.
        chief: whether this one writes.
    """

    def __init__(self, strategy):
        self.count, self.number = 1, 0
        if strategy.cluster_resolver is not None:
            addresses, self.number, _ = read_cluster()
            self.count = len(addresses)
        self.chief = self.number == 0
        self._strategy = strategy

    def gather(self, value):
        """Returns each worker's number, a list of floats; all wait for the last of them."""
        if self.count == 1:
            return [float(value)]
        mine = tf.one_hot(
            self.number,
            self.count,
            on_value=tf.constant(value, tf.float64),
            off_value=tf.constant(0.0, tf.float64),
        )
        return _gatherer(self._strategy)(mine).numpy().tolist()

    def now(self):
        """Returns the first worker's seconds, of no meaning but their difference.

        All must call it together: a clock each would give each another learning rate.
        """
        return self.gather(time.monotonic())[0]

    def agree(self, step, output_dir):
        """Raises a ValueError where not all workers begin at the same step."""
        steps = self.gather(step)
        if len(set(steps)) > 1:
            begun = ", ".join(f"{begin:.0f}" for begin in steps)
            raise ValueError(
                f"the workers begin at steps {begun}, by what they see in {output_dir}; "
                "output_dir must be one folder that all of them share."
            )


class StopFlag:
    """A signal to one worker, that all must heed at the same step.

    It goes with the metrics of an update, and is read an update later: to read it at once
    would keep a GPU waiting for its next work.

    Args:
        workers: `Workers`; where there is one, nothing is sent.

    Attributes:
        variable: float32, 1 where this worker is to stop; None for one worker.
    """

    def __init__(self, workers):
        several = workers.count > 1
        self.variable = tf.Variable(0.0, trainable=False) if several else None
        self._last = None

    def exchange(self, received, metrics):
        """Returns the names of the signals that all workers know of by now.

        Args:
            received: list of those that this worker received.
            metrics: of the update; `stop` is taken out.
        """
        if self.variable is None:
            return received
        if received:
            self.variable.assign(1.0)
        last, self._last = self._last, metrics.pop("stop")
        if last is None or not float(last):
            return []
        return received or ["a signal to another worker"]


# Once for a strategy: the workers' collectives are numbered as they are traced.
@functools.cache
def _gatherer(strategy):
    replicas = strategy.num_replicas_in_sync // Workers(strategy).count

    @tf.function(autograph=False)
    def gather(mine):
        def sum_up():
            context = tf.distribute.get_replica_context()
            number = tf.get_static_value(context.replica_id_in_sync_group)
            # One replica of each worker speaks.
            first = number % replicas == 0
            share = tf.identity(mine) if first else tf.zeros_like(mine)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, share)

        sums = strategy.run(sum_up)
        return strategy.experimental_local_results(sums)[0]

    return gather


def _who_is_lost(text):
    addresses, number, chiefs = read_cluster()
    for pattern in _WHO:
        for job, index in pattern.findall(text):
            lost = int(index) + (job == "worker") * chiefs
            if lost != number:
                return f"worker {lost} ({addresses[lost]})"
    return "a worker"


def _saved(output_dir):
    path = tf.train.latest_checkpoint(str(pathlib.Path(output_dir) / "checkpoints"))
    return f"step {path.rpartition('-')[2]}" if path else "the beginning"
