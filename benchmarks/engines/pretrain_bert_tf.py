"""Pretrains bert_tf's BertPretrainer on masked examples.

Framing and masking are done beforehand, as for the other engines; packing runs in the
pipeline while the steps are timed, and the step is that of scripts/pretrain.py.
contract.py says what goes in and comes out.
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
from bert_tf.training.tensorflow.optimizer import learning_rate_schedule


def load(options):
    """Returns the model, drawn from the seed with --from_scratch."""
    keras.utils.set_random_seed(options.seed)
    config = read_config(pathlib.Path(options.model, "config.json"))
    model = BertPretrainer(make_backbone(config, options))
    if not options.from_scratch:
        folders.load_weights(options.model, model)
    return model


def stream(batches, seed):
    """Returns a data set of packed rows, one element a batch, in order."""
    lengths = [[len(ids) for ids in batch["input_ids"]] for batch in batches]

    def ragged(of):
        """Returns int32 ragged [steps, (B), (L)], from each batch's [B][L]."""
        flat = itertools.chain.from_iterable(itertools.chain.from_iterable(of))
        return tf.RaggedTensor.from_nested_row_lengths(
            tf.constant(list(flat), tf.int32),
            [[len(batch) for batch in lengths], list(itertools.chain(*lengths))],
        )

    data = tf.data.Dataset.from_tensor_slices(
        {
            "input_ids": ragged([batch["input_ids"] for batch in batches]),
            "segment_ids": ragged([batch["segment_ids"] for batch in batches]),
            "masked_lm_ids": ragged([hidden_ids(batch) for batch in batches]),
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


def hidden_ids(batch):
    """Returns [B][L], what was hidden in each place, `NOT_MASKED` elsewhere."""
    found = [[NOT_MASKED] * len(ids) for ids in batch["input_ids"]]
    for labels, places, ids in zip(found, batch["positions"], batch["masked_ids"]):
        for place, piece_id in zip(places, ids):
            labels[place] = piece_id
    return found


def train(options):
    """Trains once over the batches; returns speed and losses."""
    batches = contract.read_examples(options.examples)
    model = load(options)
    # The examples are framed and masked already, so it needs no way to do so.
    task = Pretraining(
        None, cls_id=None, sep_id=None, max_seq_length=options.max_seq_length
    )
    schedule = learning_rate_schedule(
        "constant",
        peak=options.learning_rate,
        total=len(batches),
        warmup=0,
    )
    rows = stream(batches, options.seed)
    sizes = list(map(contract.count_tokens, batches))
    rate, losses = time_updates(model, task, schedule, rows, sizes, options)
    return {"tokens_per_second": rate, "losses": losses}


def main():
    options = contract.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    contract.report("bert_tf", train, options, PACKAGES)


if __name__ == "__main__":
    main()
