"""Pretrains keras_hub's BertMaskedLM on masked examples, with its own `fit` and XLA.

It has no next sentence, so it does a little less than the others. XLA needs one shape:
examples are padded to max_seq_length and hidden tokens to the most that an example has.
Speed only; the weights are drawn. contract.py says what goes in and comes out.
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
    """Returns the compiled model, in the shape that config.json tells."""
    keras.utils.set_random_seed(options.seed)
    if options.bf16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    text = pathlib.Path(options.model, "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    dropout = config["hidden_dropout_prob"]  # One rate for all.
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


def padded(values, length):
    """Returns int32 [B, length] from B lists, 0 where they end."""
    rows = np.zeros([len(values), length], np.int32)
    for row, found in zip(rows, values):
        row[: len(found)] = found
    return rows


def examples_of(batch, length, most_hidden):
    """Returns inputs, labels and the labels' weights, as `fit` takes them."""
    ones = [[1] * len(ids) for ids in batch["input_ids"]]
    inputs = {
        "token_ids": padded(batch["input_ids"], length),
        "segment_ids": padded(batch["segment_ids"], length),
        "padding_mask": padded(ones, length),
        "mask_positions": padded(batch["positions"], most_hidden),
    }
    weights = padded([[1] * len(ids) for ids in batch["masked_ids"]], most_hidden)
    labels = padded(batch["masked_ids"], most_hidden)
    return inputs, labels, weights.astype(np.float32)


def train(options):
    """Trains once over the batches; returns what is to be reported."""
    batches = contract.read_examples(options.examples)
    model = make_model(options)
    most_hidden = max(len(ids) for batch in batches for ids in batch["masked_ids"])
    examples = [
        examples_of(batch, options.max_seq_length, most_hidden) for batch in batches
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
