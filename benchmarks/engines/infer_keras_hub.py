"""Predicts with the `predict` method of keras_hub's BertTextClassifier, from strings.

keras_hub reads the encoder of a Hugging Face folder but not its classifier, so the
classifier's weights are set here. The preprocessor pads every text to the same length.
See contract.py for inputs and outputs.
"""

import json
import pathlib

import keras_hub
import safetensors
import tensorflow as tf

from benchmarks.engines import contract

PACKAGES = ("keras_hub", "keras", "tensorflow")


def load_classifier(options):
    """Returns keras_hub's classifier with all weights of the folder."""
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor.from_preset(
        options.model, sequence_length=options.max_seq_length
    )
    with safetensors.safe_open(
        pathlib.Path(options.model, "model.safetensors"), "numpy"
    ) as arrays:
        kernel = arrays.get_tensor("classifier.weight").T
        bias = arrays.get_tensor("classifier.bias")
    classifier = keras_hub.models.BertTextClassifier(
        keras_hub.models.BertBackbone.from_preset(options.model),
        num_classes=len(bias),
        preprocessor=preprocessor,
    )
    classifier.output_dense.set_weights([kernel, bias])
    return classifier


def infer(options):
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    config = json.loads(pathlib.Path(options.model, "config.json").read_text())
    names = {int(number): name for number, name in config["id2label"].items()}
    classifier = load_classifier(options)

    def call(texts):
        logits = classifier.predict(texts, batch_size=len(texts), verbose=0)
        return [names[number] for number in logits.argmax(-1).tolist()]

    return contract.time_inference(call, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("keras_hub", infer, options, PACKAGES)
