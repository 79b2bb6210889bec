"""A tiny encoder and decoder whose texts vary, and a decoder without cache to compare with."""

import dataclasses
import functools
import types

import numpy as np
import tensorflow as tf
import tiny

from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.decoding import generate
from bert_tf.models.seq2seq import Bert2Bert

START, END, VOCAB, LENGTH = 2, 3, 37, 19
SPECIAL = {"start_id": START, "end_id": END}
FORBIDDEN = [0, START]
DECODER = dataclasses.replace(
    tiny.CONFIG, vocab_size=VOCAB, num_hidden_layers=3, max_position_embeddings=LENGTH
)
OPTIONS = {
    "max_target_length": LENGTH,
    "min_target_length": 0,
    "num_beams": 1,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "do_sample": False,
    "sample_top_k": 0,
    "sample_top_p": 1.0,
    "sample_temperature": 1.0,
    "sample_seed": 1,
}


def model(seed=5, dtype="float32", shared=False, end=0.5):
    """Returns a `Bert2Bert`; the logits of the end token are higher by `end`."""
    backbone = BertBackbone(tiny.CONFIG, dtype=dtype)
    decoder = tiny.CONFIG if shared else DECODER
    result = Bert2Bert(backbone, decoder, shared=shared)
    random = np.random.default_rng(seed)
    for weight in result.trainable_variables:
        # With larger ones, nearly all texts would repeat one token.
        constant = weight.shape.rank == 1 or "output/dense" in weight.path
        values = random.normal(0.0, 0.1 if constant else 0.5, weight.shape)
        weight.assign(values + weight.path.endswith("gamma"))
    bias = np.zeros(decoder.vocab_size)
    bias[END] = end
    result.decoder.predictions.output_bias.assign(bias)
    return result


def options(**changes):
    return types.SimpleNamespace(**OPTIONS | changes)


def sources(count=24, seed=5):
    """Returns framed sources of mixed length, lists of token ids."""
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 20, count)
    return [
        [tiny.CLS, *random.integers(5, tiny.CONFIG.vocab_size, size), tiny.SEP]
        for size in sizes
    ]


def rows(sources, row_length=None):
    ids = tiny.ragged(sources)
    example = {"input_ids": ids, "segment_ids": tf.zeros_like(ids)}
    return pack(example, row_length=row_length)


def generator(model, **changes):
    """Returns function(rows) → {name: array}, compiled once."""

    @tf.function(autograph=False, reduce_retracing=True)
    def compute(rows):
        return generate(model, rows, options(**changes), **SPECIAL)

    return lambda rows: {name: x.numpy() for name, x in compute(rows).items()}


def log_probabilities(model, source, texts):
    """Returns those of the token after each text, float32 [K, V], without any cache.

    Args:
        texts: lists of K token ids, of equal length, without the start token.
    """
    count = len(texts)
    ids = np.tile(np.int32(source), (count, 1))
    targets = np.array([[START, *text] for text in texts], np.int32)

    def places(array):
        return np.zeros_like(array) + np.arange(array.shape[1], dtype=np.int32)

    batch = {
        "input_ids": ids,
        "segment_ids": 0 * ids,
        "position_ids": places(ids),
        "sequence_ids": np.ones_like(ids),
        "first_token": np.arange(count, dtype=np.int32) * ids.shape[1],
        "target_input_ids": targets,
        "target_position_ids": places(targets),
        "target_sequence_ids": np.ones_like(targets),
    }
    logits = _compiled(model)(batch).numpy().reshape(*targets.shape, -1)[:, -1]
    logits[:, FORBIDDEN] = -np.inf
    highest = logits.max(-1, keepdims=True)
    return logits - highest - np.log(np.exp(logits - highest).sum(-1, keepdims=True))


@functools.cache
def _compiled(model):
    @tf.function(autograph=False, reduce_retracing=True)
    def compute(batch):
        return model(batch)["logits"]

    return compute


def decode_greedily(model, source, length=LENGTH):
    """Returns the tokens of a text and the sum of their log probabilities."""
    text, total = [], 0.0
    while len(text) < length and END not in text:
        log_probability = log_probabilities(model, source, [text])[0]
        text.append(int(log_probability.argmax()))
        total += log_probability[text[-1]]
    return text, total


def unpad(ids):
    """Returns the tokens before the padding, lists of int, of an array [B, R, T]."""
    return [[[int(t) for t in text if t] for text in texts] for texts in ids]
