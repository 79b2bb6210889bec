"""Pretrains bert_tf's BertPretrainer on masked examples.

Examples are built and masked beforehand, as for the other engines. Packing runs in the
timed pipeline, and the update is that of scripts/pretrain.py. See contract.py for
inputs and outputs.
"""

import itertools
import pathlib

import keras
import numpy as np
import tensorflow as tf

from benchmarks.engines import contract
from benchmarks.engines.bert_tf import PACKAGES, make_backbone, time_updates
from bert_tf.checkpoints import folder as folders
from bert_tf.config import read_config
from bert_tf.data.corpus.masking import NOT_MASKED
from bert_tf.data.rows.pipeline import MASKED_ROWS, numpy_rows
from bert_tf.data.rows.pretraining import masked_rows
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.tokenization.ragged import Ragged
from bert_tf.training.arithmetic import learning_rate_schedule


def load(options):
    """Returns the model, with random weights of the seed if --from_scratch."""
    keras.utils.set_random_seed(options.seed)
    config = read_config(pathlib.Path(options.model, "config.json"))
    model = BertPretrainer(make_backbone(config, options))
    if not options.from_scratch:
        folders.load_weights(options.model, model)
    return model


def make_dataset(batches, seed):
    """Returns a `tf.data.Dataset` of packed rows, one element per batch, in order."""

    def make_rows(number):
        batch = batches[number]
        example = {
            "input_ids": ragged(batch["input_ids"]),
            "segment_ids": ragged(batch["segment_ids"]),
            "masked_lm_ids": ragged(spread_masked_ids(batch)),
            "next_sentence_labels": np.array(batch["next_sentence_labels"], np.int32),
        }
        dropout_seed = np.array([seed, number], np.int32)
        return masked_rows(example) | {"dropout_seed": dropout_seed}

    numbers = tf.data.Dataset.range(len(batches))
    return numpy_rows(numbers, make_rows, MASKED_ROWS)


def ragged(rows):
    """Returns int32 `Ragged` [B, (L)] from lists."""
    tokens = np.array(list(itertools.chain.from_iterable(rows)), np.int32)
    return Ragged.from_row_lengths(tokens, list(map(len, rows)))


def spread_masked_ids(batch):
    """Returns original ids of masked tokens, `NOT_MASKED` elsewhere, [B][L]."""
    columns = [[NOT_MASKED] * len(ids) for ids in batch["input_ids"]]
    masked = zip(columns, batch["positions"], batch["masked_ids"])
    for labels, positions, ids in masked:
        for position, token_id in zip(positions, ids):
            labels[position] = token_id
    return columns


def train(options):
    """Trains once on all batches; returns speed and losses."""
    batches = contract.read_examples(options.examples)
    model = load(options)
    # The examples are complete and masked, so any vocabulary will do.
    task_options = Pretraining.Options(max_seq_length=options.max_seq_length)
    task = Pretraining(["[CLS]", "[SEP]", "[MASK]"], task_options)
    schedule = learning_rate_schedule(
        "constant",
        peak=options.learning_rate,
        total=len(batches),
        warmup=0,
    )
    rows = make_dataset(batches, options.seed)
    sizes = list(map(contract.count_tokens, batches))
    rate, losses = time_updates(model, task, schedule, rows, sizes, options)
    return {"tokens_per_second": rate, "losses": losses}


def main():
    options = contract.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    contract.report("bert_tf", train, options, PACKAGES)


if __name__ == "__main__":
    main()
