"""Generates texts with `bert_tf.models.decoding`. See contract.py for inputs and outputs."""

import types

import tensorflow as tf

from benchmarks.engines import contract
from bert_tf.checkpoints import folder as folders
from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.decoding import generate
from bert_tf.models.seq2seq import Bert2Bert

PACKAGES = ("tensorflow", "keras")
SETTINGS = {
    "min_target_length": 0,
    "no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "do_sample": False,
}


def load(path):
    """Returns the model of a folder, and the ids of [CLS] and [SEP] of its targets."""
    folder = folders.read(path)
    shared = folder.decoder.settings["shared"]
    model = Bert2Bert(BertBackbone(folder.config), folder.decoder.config, shared=shared)
    folders.load_weights(path, model)
    vocab = folder.decoder.vocab
    return model, {"start_id": vocab.index("[CLS]"), "end_id": vocab.index("[SEP]")}


def infer(options):
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.inter_op_threads)
    model, special_ids = load(options.model)

    def make(beams):
        settings = types.SimpleNamespace(
            num_beams=beams,
            max_target_length=options.max_target_length,
            length_penalty=options.length_penalty,
            **SETTINGS,
        )

        @tf.function(
            input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        def compute(ids):
            example = {"input_ids": ids, "segment_ids": tf.zeros_like(ids)}
            rows = pack(example, trim_one=True)
            return generate(model, rows, settings, **special_ids)["ids"][:, 0]

        def call(sources):
            texts = compute(tf.ragged.constant(sources, tf.int32)).numpy().tolist()
            return [contract.before_padding(text, 0) for text in texts]

        return call

    return contract.time_generation(make, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--inter_op_threads", type=int, default=1)
    contract.report("bert_tf", infer, parser.parse_args(), PACKAGES)
