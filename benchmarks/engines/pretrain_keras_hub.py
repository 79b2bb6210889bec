"""Pretrains keras_hub's BertMaskedLM on masked examples, with its own `fit` and XLA.

The model has no next-sentence task, so it computes a little less than the others. XLA
needs fixed shapes: examples are padded to max_seq_length, and masked tokens to the
largest number in any example. It measures speed only, from random weights. See
contract.py for inputs and outputs.
"""

import json
import pathlib

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from benchmarks.engines import contract
from benchmarks.engines.keras_hub import PACKAGES, make_loss, make_optimizer, time_fit


def make_model(options):
    """Returns the compiled model with the sizes of config.json."""
    keras.utils.set_random_seed(options.seed)
    if options.bf16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    text = pathlib.Path(options.model, "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    dropout = config["hidden_dropout_prob"]  # keras_hub has a single rate.
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        dropout=dropout if options.dropout is None else options.dropout,
        max_sequence_length=config["max_position_embeddings"],
        num_segments=config["type_vocab_size"],
    )
    model = keras_hub.models.BertMaskedLM(backbone)
    model.compile(make_optimizer(options), make_loss(), jit_compile=True)
    return model


def pad(values, length):
    """Returns B lists padded with 0, int32 [B, length]."""
    rows = np.zeros([len(values), length], np.int32)
    for row, ids in zip(rows, values):
        row[: len(ids)] = ids
    return rows


def make_inputs(batch, length, max_masked):
    """Returns the inputs, labels and label weights of a batch for `fit`."""
    ones = [[1] * len(ids) for ids in batch["input_ids"]]
    inputs = {
        "token_ids": pad(batch["input_ids"], length),
        "segment_ids": pad(batch["segment_ids"], length),
        "padding_mask": pad(ones, length),
        "mask_positions": pad(batch["positions"], max_masked),
    }
    weights = pad([[1] * len(ids) for ids in batch["masked_ids"]], max_masked)
    labels = pad(batch["masked_ids"], max_masked)
    return inputs, labels, weights.astype(np.float32)


def train(options):
    """Trains once on all batches; returns the speed."""
    batches = contract.read_examples(options.examples)
    model = make_model(options)
    max_masked = max(len(ids) for batch in batches for ids in batch["masked_ids"])
    examples = [
        make_inputs(batch, options.max_seq_length, max_masked) for batch in batches
    ]
    shapes = tf.nest.map_structure(
        lambda x: tf.TensorSpec(x.shape, x.dtype), examples[0]
    )
    sizes = list(map(contract.count_tokens, batches))
    return {"tokens_per_second": time_fit(model, examples, shapes, sizes, options)}


def main():
    options = contract.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    contract.report("keras_hub", train, options, PACKAGES)


if __name__ == "__main__":
    main()
