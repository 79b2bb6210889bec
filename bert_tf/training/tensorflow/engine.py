"""TensorFlow's engine; the protocol is `bert_tf.training.engine.Engine`."""

import tensorflow as tf

from bert_tf.training.arithmetic import learning_rate
from bert_tf.training.checkpoints import WithCheckpoints
from bert_tf.training.selection import learning_rate_factors
from bert_tf.training.tensorflow.board import Board
from bert_tf.training.tensorflow.distribution import (
    on_this_replica,
    replica_copies,
    replica_rows,
)
from bert_tf.training.tensorflow.loss_scale import LossScale
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.state import Checkpoints
from bert_tf.training.tensorflow.update import make_update
from bert_tf.training.tensorflow.workers import StopFlag, Workers


class Engine(WithCheckpoints):
    """Trains a Keras model on the replicas of a strategy.

    Args:
        model: made in the strategy's scope; its trainable variables train.
        task: has `losses` and `weights`, as `make_update` needs them.
        config: `TrainConfig`.
        strategy: `tf.distribute.Strategy`.
        total_steps: updates of the whole run, which the learning rate follows.
    """

    board = Board

    def __init__(self, model, task, config, strategy, *, total_steps):
        self._config, self._strategy = config, strategy
        super().__init__(Workers(strategy))
        self._stop_flag = StopFlag(self.workers)
        with strategy.scope():
            self._seconds = tf.Variable(0.0, dtype=tf.float32, trainable=False)
            self._optimizer = _make_optimizer(model, config, total_steps, self._seconds)
            self._loss_scale = LossScale() if config.fp16 else None
        self.averaged = self._optimizer.averaged
        self.load_averages = self._optimizer.exchange_averages
        self._update = make_update(
            model,
            task,
            self._optimizer,
            strategy,
            micro_batches=config.gradient_accumulation_steps,
            max_grad_norm=config.max_grad_norm,
            loss_scale=self._loss_scale,
            adversarial_epsilon=config.adversarial_epsilon,
            stop=self._stop_flag.variable,
        )

    def open_checkpoints(self, output_dir):
        parts = {"optimizer": self._optimizer.state()}
        if self._loss_scale:
            parts["loss_scale"] = self._loss_scale.state()
        weights, limit = self._optimizer.variables, self._config.save_total_limit
        return Checkpoints(output_dir, weights, limit=limit, **parts)

    def start(self, rows, step):
        self._rows = replica_rows(self._strategy, lambda worker: rows(step, worker))

    def update(self, seconds):
        if self._config.train_minutes:
            self._seconds.assign(seconds)
        self._metrics = self._update(self._rows)
        return self._metrics

    def stop_signals(self, received):
        return self._stop_flag.exchange(received, self._metrics)

    def learning_rate(self):
        updates = int(self._optimizer.step.numpy())
        return float(self._optimizer.schedule(max(0, updates - 1)))

    def figures(self):
        return self._loss_scale.figures() if self._loss_scale else {}

    def check(self, step):
        if self._loss_scale:
            self._loss_scale.check(step)

    def is_finite(self):
        weights = self._optimizer.variables.values()
        return bool(
            tf.reduce_all([tf.reduce_all(tf.math.is_finite(w)) for w in weights])
        )

    def notes(self):
        return ""


def _make_optimizer(model, config, total_steps, seconds):
    copies = replica_copies(seconds)
    return AdamW(
        {weight.path: weight.value for weight in model.trainable_variables},
        schedule=learning_rate(
            config, total_steps, lambda: tf.identity(on_this_replica(copies))
        ),
        scale_to_weight=config.optim == "lamb",
        beta_1=config.adam_beta1,
        beta_2=config.adam_beta2,
        epsilon=config.adam_epsilon,
        weight_decay=config.weight_decay,
        rate_factors=learning_rate_factors(
            [weight.path for weight in model.weights], config.layerwise_lr_decay
        ),
        ema_decay=config.ema_decay,
    )
