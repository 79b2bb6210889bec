"""Pretrains bert_tf's BertPretrainer in bfloat16 by JAX, on a GPU; see gpu.py.

The update is that of pretrain.py --engine=jax --bf16. Examples are packed beforehand, as
the other engine collates them beforehand; their shapes are fixed in the timed update.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from benchmarks.engines import gpu
from bert_tf import __version__
from bert_tf.config import BertConfig
from bert_tf.data.rows.fixed_shapes import choose_row_length
from bert_tf.data.rows.pretraining import masked_rows
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.tokenization.ragged import Ragged
from bert_tf.training.config import TrainConfig
from bert_tf.training.jax.distribution import make_strategy
from bert_tf.training.jax.engine import Engine


def make_engine(options, total_steps):
    layers, hidden, heads = gpu.SIZES[options.size]
    config = BertConfig(
        vocab_size=gpu.VOCAB_SIZE,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.attention_dropout,
    )
    training = TrainConfig(
        bf16=True,
        attention=options.attention,
        learning_rate=1e-4,
        lr_scheduler_type="constant",
        max_warmup_steps=0,
        distribution="one_device",
    )
    keras.utils.set_random_seed(1)
    # The examples are masked, so any vocabulary will do.
    task = Pretraining(
        ["[CLS]", "[SEP]", "[MASK]"],
        Pretraining.Options(max_seq_length=options.max_seq_length),
    )
    backbone = BertBackbone(
        config, dtype=training.dtype_policy, attention=training.attention
    )
    devices = make_strategy(training.distribution)
    return Engine(
        task.build(backbone), task, training, devices, total_steps=total_steps
    )


def pack_rows(number, batch, options):
    """Returns the packed rows of a batch, with a seed of dropout."""
    lengths = batch["lengths"]
    real = np.arange(options.max_seq_length) < lengths[:, None]
    features = {
        name: Ragged.from_row_lengths(batch[name][real], lengths)
        for name in ("input_ids", "segment_ids", "masked_lm_ids")
    }
    features["next_sentence_labels"] = batch["next_sentence_labels"]
    rows = masked_rows(features, choose_row_length(options.max_seq_length))
    return rows | {"dropout_seed": np.array([1, number], np.int32)}


def main():
    arguments = gpu.parser(__doc__)
    arguments.add_argument("--attention", default="ops", choices=["ops", "cudnn"])
    options = arguments.parse_args()
    batches = gpu.draw_batches(options)
    packed = [pack_rows(n, batch, options) for n, batch in enumerate(batches)]
    total_steps = (1 + options.rounds) * options.steps
    engine = make_engine(options, total_steps)
    numbers = []  # Of the batches to train on next.
    engine.start(lambda step, share: iter(lambda: packed[numbers.pop()], None), 0)

    def update(number):
        numbers.append(number)
        return engine.update(0.0)["loss"]

    result = gpu.time_rounds(update, float, batches, options)
    (device,) = jax.devices()[:1]
    memory = device.memory_stats() or {}
    gpu.report(
        batches,
        options,
        **result,
        device=device.device_kind,
        peak_bytes=memory.get("peak_bytes_in_use"),
        notes=engine.notes(),
        versions={
            "bert_tf": __version__,
            "jax": jax.__version__,
            "keras": keras.__version__,
        },
    )


if __name__ == "__main__":
    main()
