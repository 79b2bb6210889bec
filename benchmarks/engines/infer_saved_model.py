"""Predicts with a SavedModel of scripts/export.py, in TensorFlow's session loader.

Servers use the same loader. The model maps strings to labels, or to embeddings. See contract.py for
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
    embeds = "embedding" in signature.outputs
    output = signature.outputs["embedding" if embeds else "label"]
    call = session.make_callable(output.name, feed_list=[signature.inputs["text"].name])

    def name(texts):
        outputs = call(texts)
        return outputs.tolist() if embeds else [label.decode() for label in outputs]

    return contract.time_inference(name, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("saved_model", infer, options, PACKAGES)
