"""Predicts with a TFLite or ONNX folder of scripts/export.py by `bert_tf.light`.

See contract.py for inputs and outputs; of an embedder, labels are embeddings.
"""

from benchmarks.engines import contract
from bert_tf import light

PACKAGES = ("bert_tf", "tokenizers")


def infer(options):
    model = light.Model(options.model, threads=options.threads)

    def call(texts):
        predictions = model.predict(texts)
        return [p.get("label", p.get("embedding")) for p in predictions]

    return contract.time_inference(call, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("light", infer, options, PACKAGES)
