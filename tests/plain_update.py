"""The update of a model at a constant learning rate, as plain programs of PyTorch make it."""

import tensorflow as tf

from bert_tf.training.arithmetic import learning_rate_schedule
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.update import make_update


def make(model, task, learning_rate):
    """Returns a function(iterator of packed rows) → metrics, by AdamW with clipping at 1."""
    optimizer = AdamW(
        {variable.path: variable.value for variable in model.trainable_variables},
        schedule=learning_rate_schedule(
            "constant", peak=learning_rate, total=50, warmup=0
        ),
    )
    return make_update(
        model,
        task,
        optimizer,
        tf.distribute.get_strategy(),
        micro_batches=1,
        max_grad_norm=1.0,
    )
