"""A model, rows and a task that both engines train; imports no framework but Keras."""

import dataclasses

import keras
import numpy as np

from bert_tf.config import BertConfig
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import TokenClassifier
from bert_tf.training.config import TrainConfig

LABELS, ROWS, LENGTH, EXAMPLES, STEPS = 5, 2, 24, 6, 6
CONFIG = BertConfig(
    vocab_size=83,
    hidden_size=21,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=29,
    max_position_embeddings=71,
    hidden_dropout_prob=0.2,
    attention_probs_dropout_prob=0.1,
)
TRAINING = TrainConfig(
    max_steps=STEPS,
    learning_rate=1e-2,
    warmup_ratio=0.2,
    max_grad_norm=0.5,
    # Gradients that are 0 but for rounding must not become full steps.
    adam_epsilon=1e-3,
    gradient_accumulation_steps=4,
)
# {name: changes of TRAINING}; both engines train each.
VARIANTS = {
    "adamw": {},
    "lamb": {"optim": "lamb", "freeze": "embeddings,1", "max_grad_norm": 0.0}
    | {"max_steps": 0, "train_minutes": 0.1},
    "adversarial": {"adversarial_epsilon": 0.7, "freeze": "embeddings"},
    "averages": {"ema_decay": 0.6, "layerwise_lr_decay": 0.8, "save_total_limit": 2},
}


def make_model(dtype="float32", **options):
    """Returns a tagger, whose pooler no loss reaches, with all weights random."""
    backbone = BertBackbone(CONFIG, dtype=dtype, **options)
    model = TokenClassifier(backbone, LABELS)
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        values = random.normal(0.0, 0.3, weight.shape)
        weight.assign(values + weight.path.endswith("gamma"))
    return model


def make_rows(number):
    """Returns micro-batch `number`: two rows of six examples, the last one padding."""
    random = np.random.default_rng(number)
    length = ROWS * LENGTH // EXAMPLES
    sequences = np.repeat(np.arange(1, EXAMPLES + 1), length)
    sequences[-length:] = 0
    first = np.arange(EXAMPLES) * length
    places = np.tile(np.arange(4), [EXAMPLES, 1])
    places[-1] = -1
    rows = {
        "input_ids": random.integers(5, CONFIG.vocab_size, (ROWS, LENGTH)),
        "segment_ids": random.integers(0, 2, (ROWS, LENGTH)),
        "position_ids": np.tile(np.arange(length), EXAMPLES).reshape(ROWS, LENGTH),
        "sequence_ids": sequences.reshape(ROWS, LENGTH),
        "first_token": first,
        "places": places,
        "label": random.integers(0, LABELS, places.shape),
        "dropout_seed": np.array([7, number]),
    }
    rows = {name: array.astype(np.int32) for name, array in rows.items()}
    return rows | {"weight": (np.arange(EXAMPLES) < EXAMPLES - 1).astype(np.float32)}


def stream(step, share=(1, 0), micro_batches=4):
    """Yields a worker's micro-batches from an update on."""
    number = step * micro_batches + share[1]
    while True:
        yield make_rows(number)
        number += share[0]


class Task:
    """Tags of the first words of each example."""

    def named(self, outputs):
        return outputs

    def weights(self, rows):
        weights = keras.ops.cast(rows["places"] >= 0, "float32")
        # Micro-batches weigh differently, so that a mean of means is another number.
        number = keras.ops.cast(rows["dropout_seed"][1], "float32")
        return {"tags": weights * (1.0 + number % 3.0)}

    def losses(self, rows, outputs):
        loss = keras.losses.sparse_categorical_crossentropy
        return {"tags": loss(rows["label"], outputs["logits"], from_logits=True)}


def changed(**changes):
    return dataclasses.replace(TRAINING, **changes)


def weights_of(model):
    return {
        weight.path: np.array(keras.ops.convert_to_numpy(weight))
        for weight in model.trainable_variables
    }
