"""Pretrains bert_tf's BertPretrainer on masked examples.

Examples are built and masked beforehand, as for the other engines. Packing runs in the
timed pipeline, and the update is that of scripts/pretrain.py. See contract.py for
inputs and outputs.
"""

import itertools
import pathlib

import keras
import tensorflow as tf

from benchmarks.engines import contract
from benchmarks.engines.bert_tf import PACKAGES, make_backbone, time_updates
from bert_tf.checkpoints import folder as folders
from bert_tf.config import read_config
from bert_tf.data.corpus.masking import NOT_MASKED
from bert_tf.data.rows.pretraining import row_maker
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.tasks.pretraining import Pretraining
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
    lengths = [[len(ids) for ids in batch["input_ids"]] for batch in batches]

    def ragged(columns):
        """Returns int32 ragged [steps, (B), (L)] from lists [steps][B][L]."""
        flat = itertools.chain.from_iterable(itertools.chain.from_iterable(columns))
        return tf.RaggedTensor.from_nested_row_lengths(
            tf.constant(list(flat), tf.int32),
            [[len(batch) for batch in lengths], list(itertools.chain(*lengths))],
        )

    data = tf.data.Dataset.from_tensor_slices(
        {
            "input_ids": ragged([batch["input_ids"] for batch in batches]),
            "segment_ids": ragged([batch["segment_ids"] for batch in batches]),
            "masked_lm_ids": ragged([spread_masked_ids(batch) for batch in batches]),
            "next_sentence_labels": tf.constant(
                [batch["next_sentence_labels"] for batch in batches], tf.int32
            ),
        }
    )
    make_rows = row_maker(lambda example: example)

    @tf.autograph.experimental.do_not_convert
    def rows(number, example):
        dropout_seed = tf.cast([tf.constant(seed, tf.int64), number], tf.int32)
        return make_rows(example) | {"dropout_seed": dropout_seed}

    return data.enumerate().map(rows, num_parallel_calls=2).prefetch(4)


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
