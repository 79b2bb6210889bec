"""Predicts with a SavedModel of scripts/export.py, in TensorFlow's session loader.

Servers use the same loader. The model maps strings to labels. See contract.py for
inputs and outputs.
"""

import tensorflow as tf

import bert_tf.tokenization.tokenizer  # noqa: F401 (Registers the text operations.)
from benchmarks.engines import contract

PACKAGES = ("bert_tf", "tensorflow")


def infer(options):
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=options.threads)
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], options.model)
    signature = loaded.signature_def["serving_default"]
    text, label = signature.inputs["text"].name, signature.outputs["label"].name
    call = session.make_callable(label, feed_list=[text])
    return contract.time_inference(
        lambda texts: [label.decode() for label in call(texts)], options
    )


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("saved_model", infer, options, PACKAGES)
