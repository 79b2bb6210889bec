"""Asks a TFLite file of scripts/export.py, on LiteRT, one text at a time.

Pieces are cut by this project's tokenizer in Python. contract.py says what goes in and
comes out.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks.engines import contract
from bert_tf.data.packing import frame
from bert_tf.tokenization import BertTokenizer, read_vocab

PACKAGES = ("ai-edge-litert", "bert_tf")


def infer(options):
    folder = pathlib.Path(options.model)
    labels = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    lower_case = json.loads((folder / "parity.json").read_text())["do_lower_case"]
    tokenizer = BertTokenizer(read_vocab(folder / "vocab.txt"), lower_case=lower_case)
    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=options.threads)
    runner = interpreter.get_signature_runner("serving_default")
    detail = runner.get_input_details()["input_word_ids"]
    fixed = detail["shape_signature"][1] > 0  # -1: as many as the text has.
    length = detail["shape"][1] if fixed else options.max_seq_length

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    def framed(texts):
        example = frame(
            tokenizer.tokenize(texts),
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            max_seq_length=length,
        )
        return example["input_ids"].to_tensor(shape=[None, length if fixed else None])

    def call(texts):
        found = []
        for row in framed(texts).numpy():
            ids = row[None] if fixed else row[None, row != 0]
            outputs = runner(
                input_word_ids=ids,
                input_mask=(ids != 0).astype(np.int32),
                input_type_ids=np.zeros_like(ids),
            )
            found.append(labels[int(outputs["probability"].argmax())])
        return found

    return contract.time_inference(call, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("tflite", infer, options, PACKAGES)
