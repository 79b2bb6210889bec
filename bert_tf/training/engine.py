"""What the training loop needs of a framework: the protocol of an engine, and its choice."""

import importlib
import importlib.util
import os
import sys
from typing import Protocol

from bert_tf.ground import lazy, one_of

keras = lazy("keras")

# {engine: how to install it}; the names are those of Keras' backends.
ENGINES = {"tensorflow": "tensorflow", "jax": "'bert_tf[jax]'"}
HELP = "tensorflow or jax. Empty: as KERAS_BACKEND says, else tensorflow."

# Metrics of an update that are counts; all others are losses and norms.
COUNTS = ("examples", "tokens")


class Engine(Protocol):
    """A model on its devices, with its optimizer and its checkpoints.

    It is made from a model, a task, a `TrainConfig` and the number of updates of the run.
    Its tensors stay inside; what else a checkpoint holds is a dict of plain numbers, which
    belongs to the loop. If several workers train one model together, each has an engine,
    and all of them call the same methods in the same order.
    """

    chief: bool  # Whether this worker writes files, as one of all workers does.

    def restore(self, output_dir):
        """Restores the newest undamaged checkpoint; returns its numbers, {} if none exists.

        Raises a ValueError if all are damaged, or if workers see different ones.
        """

    def start(self, rows, step):
        """Opens the data set that `rows(step, (workers, number of this one))` returns."""

    def update(self, seconds):
        """Makes one update, and returns its metrics without waiting for the devices.

        The training time so far, in seconds, is for a learning rate that follows it. The
        metrics are `loss`, the loss of each term by its name, `adversarial_loss` if there
        is one, `grad_norm` and `COUNTS`, as scalars that `float` converts later.
        """

    def stop_signals(self, received):
        """Returns the names of the signals that all workers know by the last update.

        Those that this worker itself has received are passed in, a list.
        """

    def learning_rate(self):
        """Returns the learning rate of the last update."""

    def figures(self):
        """Returns {name: float}, what the log shall also hold, such as a loss scale."""

    def check(self, step):
        """Raises an ArithmeticError if float16 cannot represent the gradients."""

    def is_finite(self):
        """Returns whether all weights that train are finite."""

    def averaged(self):
        """Returns a context in which the weights are replaced with their averages, if any."""

    def save(self, step, numbers):
        """Writes a checkpoint; it replaces the oldest if there are too many.

        Raises a WriteError if it cannot be written; those before it stay.
        """

    def keep_best(self):
        """Writes the weights that the model holds as the best ones."""

    def has_best(self):
        """Returns whether the weights that `keep_best` wrote are whole."""

    def load_best(self):
        """Loads the weights that `keep_best` wrote, on the worker that writes files.

        Returns whether they were whole; if not, the weights are those of the last `save`.
        """

    def load_averages(self):
        """Replaces the weights with their averages, if any."""

    def gather(self, value):
        """Returns the numbers of all workers, a list of floats; waits for the last one."""

    def now(self):
        """Returns the seconds of a clock that all workers share."""

    def board(self, folder):
        """Returns a TensorBoard writer: `write(step, {name: float})`, `flush`, `close`."""

    def notes(self):
        """Returns a line about the whole run for the log; "" for none."""


def select(name=""):
    """Chooses the engine, which must come before Keras is imported.

    Args:
        name: of `ENGINES`; "" for the one that Keras has been imported for, or else the
            environment's KERAS_BACKEND, or else tensorflow.

    Returns:
        the name of the engine.

    Raises:
        ValueError: there is no such engine; it is not installed; Keras has been imported
            for another one.
    """
    imported = "keras" in sys.modules and keras.backend.backend()
    environment = imported or os.environ.get("KERAS_BACKEND", "") or "tensorflow"
    engine = one_of("engine" if name else "KERAS_BACKEND", name or environment, ENGINES)
    if importlib.util.find_spec(engine) is None:
        raise ValueError(
            f"engine {engine} is not installed: pip install {ENGINES[engine]}"
        )
    if imported and imported != engine:
        raise ValueError(
            f"engine is {engine}, but Keras has been imported for {imported} in this "
            f"process; start a new one with KERAS_BACKEND={engine} in its environment."
        )
    os.environ["KERAS_BACKEND"] = engine
    return engine


def part(name):
    """Returns a module of the engine that Keras has been imported for.

    Args:
        name: distribution, engine, evaluation, matmul or workers.
    """
    return importlib.import_module(f"bert_tf.training.{keras.backend.backend()}.{name}")
