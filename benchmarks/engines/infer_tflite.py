"""Predicts with a TFLite file of scripts/export.py on LiteRT, one text at a time.

The Rust tokenizer encodes the texts, as for ONNX Runtime. See contract.py for inputs
and outputs.
"""

import json
import pathlib

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import BertWordPieceTokenizer

from benchmarks.engines import contract

PACKAGES = ("ai-edge-litert", "tokenizers")


def infer(options):
    folder = pathlib.Path(options.model)
    path = folder / "labels.txt"
    labels = path.read_text("utf-8").splitlines() if path.exists() else []
    lower_case = json.loads((folder / "tokenizer_config.json").read_text())[
        "do_lower_case"
    ]
    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=options.threads)
    runner = interpreter.get_signature_runner("serving_default")
    _, length = runner.get_input_details()["input_word_ids"]["shape_signature"]
    tokenizer = BertWordPieceTokenizer(
        str(folder / "vocab.txt"), lowercase=lower_case, strip_accents=lower_case
    )
    tokenizer.enable_truncation(options.max_seq_length if length < 0 else length)
    if length > 0:  # A negative length means any number of tokens.
        tokenizer.enable_padding(length=length)

    def call(texts):
        predictions = []
        for encoding in tokenizer.encode_batch(texts):
            outputs = runner(
                input_word_ids=np.array([encoding.ids], np.int32),
                input_mask=np.array([encoding.attention_mask], np.int32),
                input_type_ids=np.array([encoding.type_ids], np.int32),
            )
            if labels:
                predictions.append(labels[int(outputs["probability"].argmax())])
            else:
                predictions.append(outputs["embedding"][0].tolist())
        return predictions

    return contract.time_inference(call, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("tflite", infer, options, PACKAGES)
