"""JAX's engine; the protocol is `bert_tf.training.engine.Engine`."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np

from bert_tf.training.arithmetic import learning_rate
from bert_tf.training.checkpoints import WithCheckpoints
from bert_tf.training.jax.board import Board
from bert_tf.training.jax.compilations import counts
from bert_tf.training.jax.feed import Feed
from bert_tf.training.jax.state import Checkpoints, State
from bert_tf.training.jax.update import make_update
from bert_tf.training.jax.workers import Workers


class Engine(WithCheckpoints):
    """Trains a Keras model on the devices of a mesh.

    The model's variables hold the weights in training only within `averaged`.

    Args:
        model: built Keras model; its trainable variables train.
        task: has `losses`, `weights` and `named`, as `make_update` needs them.
        config: `TrainConfig`.
        strategy: `Devices`.
        total_steps: updates of the whole run, which the learning rate follows.
    """

    board = Board

    def __init__(self, model, task, config, strategy, *, total_steps):
        self._model, self._config, self._devices = model, config, strategy
        super().__init__(Workers(strategy))
        self._place_stop(0.0)
        counts.restart()
        self._state = State(model, strategy, averages=config.ema_decay > 0)
        self._update = make_update(
            model, task, config, strategy, total_steps=total_steps
        )
        self._seconds, self._step = 0.0, 0
        self._schedule = learning_rate(config, total_steps, lambda: self._seconds)
        self._best_part = "averages" if config.ema_decay else "weights"

    def open_checkpoints(self, output_dir):
        limit = self._config.save_total_limit
        return Checkpoints(output_dir, self._state, self._model, limit=limit)

    def start(self, rows, step):
        self._step, self._stop_of_last = step, None
        workers = self.workers
        self._feed = Feed(
            iter(rows(step, (workers.count, workers.number))),
            self._config.gradient_accumulation_steps,
            self._devices,
            several=workers.count > 1,
        )

    def update(self, seconds):
        self._seconds = seconds if self._config.train_minutes else 0.0
        self._state.tensors, self._metrics = self._update(
            self._state.tensors,
            self._state.frozen,
            self._feed.take(),
            np.float32(self._seconds),
            self._stop["stop"],
        )
        self._step += 1
        return self._metrics

    def stop_signals(self, received):
        # Read an update later, because reading it at once would keep the devices waiting.
        last, self._stop_of_last = self._stop_of_last, self._metrics.pop("stop")
        if self.workers.count == 1:
            return received
        if received:
            self._place_stop(1.0)
        if last is None or not float(last):
            return []
        return received or ["a signal to another worker"]

    def _place_stop(self, value):
        count = len(self._devices.local)
        self._stop = self._devices.divide({"stop": np.full(count, value, np.float32)})

    def learning_rate(self):
        return float(self._schedule(max(0, self._step - 1)))

    def figures(self):
        return {}

    def check(self, step):
        """Does nothing: without float16 there is no scale of the loss."""

    def is_finite(self):
        return bool(_all_finite(self._state.tensors["weights"]))

    @contextlib.contextmanager
    def averaged(self):
        self._state.put_into_model(self._best_part)
        yield

    def load_averages(self):
        self._state.put_into_model(self._best_part)

    def notes(self):
        return counts.describe()


@jax.jit
def _all_finite(weights):
    return jnp.all(
        jnp.array([jnp.all(jnp.isfinite(weight)) for weight in weights.values()])
    )
