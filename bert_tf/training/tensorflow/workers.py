"""Several processes that train one model, each on a machine of its own.

TF_CONFIG lists them. Each computes a part of every update and holds all weights; only
worker 0, the chief, writes files.
"""

import contextlib
import functools
import logging
import re
import time

import tensorflow as tf

from bert_tf.ground import reason
from bert_tf.training.cluster import EXAMPLE, check_steps, lost, read_cluster

_log = logging.getLogger(__name__)

# TensorFlow raises various errors if a worker is lost; their messages contain one of these.
_LOST = re.compile(
    "Collective ops is aborted|heartbeat|Connection re|Socket closed|failed to connect"
)
# The lost worker in such a message: first choice, and second choice.
_LOST_WORKER = (
    re.compile(r"unhealthy[^/]*/job:(\w+)/replica:\d+/task:(\d+)"),
    re.compile(r"remote target /job:(\w+)/replica:\d+/task:(\d+)"),
)


# Once in a process, as TensorFlow requires.
@functools.cache
def connect():
    """Waits until all workers are there, and returns their common strategy.

    Raises:
        ValueError: TF_CONFIG lists no workers, or TensorFlow has already computed.
        ConnectionError: this worker cannot listen, or does not reach the others.
    """
    addresses, number, _ = read_cluster()
    if not addresses:
        raise ValueError(
            "distribution=multi_worker needs a list of the workers, but TF_CONFIG is not "
            f"set; write, on the first of two: TF_CONFIG='{EXAMPLE}'."
        )
    _log.info(
        "worker %d of %d (%s), waiting for: %s.",
        number,
        len(addresses),
        addresses[number],
        ", ".join(addresses[:number] + addresses[number + 1 :]) or "no other",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "distribution=multi_worker must be the first thing that TensorFlow does in "
            "a process; start a new process."
        ) from error
    except tf.errors.OpError as error:
        raise ConnectionError(
            f"worker {number} ({addresses[number]}) does not reach the others: {reason(error)}; "
            "check that all workers run, and that the addresses in TF_CONFIG are correct "
            "and free."
        ) from error


@contextlib.contextmanager
def watched(output_dir):
    """Turns the loss of a worker into a one-line ConnectionError."""
    try:
        yield
    except tf.errors.OpError as error:
        if len(read_cluster().addresses) < 2 or not _LOST.search(str(error)):
            raise
        raise lost(_name_lost_worker(str(error)), output_dir) from error


class Workers:
    """The workers of a strategy, one if it runs on a single machine.

    Attributes:
        count: number of workers.
        number: of this worker, from 0.
        chief: whether this worker writes files.
    """

    def __init__(self, strategy):
        self.count, self.number = 1, 0
        if strategy.cluster_resolver is not None:
            addresses, self.number, _ = read_cluster()
            self.count = len(addresses)
        self.chief = self.number == 0
        self._strategy = strategy

    def gather(self, value):
        """Returns the numbers of all workers, a list of floats; waits for the last one."""
        if self.count == 1:
            return [float(value)]
        value_in_place = tf.one_hot(
            self.number,
            self.count,
            on_value=tf.constant(value, tf.float64),
            off_value=tf.constant(0.0, tf.float64),
        )
        return _make_gather(self._strategy)(value_in_place).numpy().tolist()

    def now(self):
        """Returns the seconds of the first worker's clock, from an arbitrary start.

        All workers must call it together: with a clock of its own, each would have another
        learning rate.
        """
        return self.gather(time.monotonic())[0]

    def agree(self, step, output_dir):
        """Raises a ValueError unless all workers start at the same step."""
        check_steps(self.gather(step), output_dir)


class StopFlag:
    """Tells all workers of a signal to one of them, so that they stop at the same step.

    The flag is summed with the metrics of an update, and read an update later: reading it
    at once would keep a GPU waiting for its next work.

    Args:
        workers: `Workers`; a single one sends nothing.

    Attributes:
        variable: float32, 1 if this worker received a signal; None for a single worker.
    """

    def __init__(self, workers):
        several = workers.count > 1
        self.variable = tf.Variable(0.0, trainable=False) if several else None
        self._last = None

    def exchange(self, received, metrics):
        """Returns the names of the signals that all workers know.

        Args:
            received: list of the names of those that this worker received.
            metrics: of the last update; `stop` is removed.
        """
        if self.variable is None:
            return received
        if received:
            self.variable.assign(1.0)
        last, self._last = self._last, metrics.pop("stop")
        if last is None or not float(last):
            return []
        return received or ["a signal to another worker"]


# Once for a strategy, because tracing numbers the collectives of the workers.
@functools.cache
def _make_gather(strategy):
    replicas = strategy.num_replicas_in_sync // Workers(strategy).count

    @tf.function(autograph=False)
    def gather(value):
        def sum_up():
            context = tf.distribute.get_replica_context()
            number = tf.get_static_value(context.replica_id_in_sync_group)
            # Only the first replica of each worker contributes.
            first = number % replicas == 0
            term = tf.identity(value) if first else tf.zeros_like(value)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, term)

        sums = strategy.run(sum_up)
        return strategy.experimental_local_results(sums)[0]

    return gather


def _name_lost_worker(text):
    addresses, number, chiefs = read_cluster()
    for pattern in _LOST_WORKER:
        for job, index in pattern.findall(text):
            lost = int(index) + (job == "worker") * chiefs
            if lost != number:
                return f"worker {lost} ({addresses[lost]})"
    return "a worker"
