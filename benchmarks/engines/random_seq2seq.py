"""Writes a folder with an encoder and a decoder of random weights, and random sources.

Some texts of this model end soon, others at the most tokens; a trained one tells more. The
encoder has the size of MiniLM-L6, the decoder 6 layers and 10,000 tokens.
"""

import argparse
import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.seq2seq import Bert2Bert

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CLS, SEP = 2, 3
END = 5.1  # Added to the logits of [SEP]; decides how many texts are short.
ENCODER = BertConfig(
    vocab_size=30522,
    hidden_size=384,
    num_hidden_layers=6,
    num_attention_heads=12,
    intermediate_size=1536,
)
DECODER = dataclasses.replace(ENCODER, vocab_size=10000)


def fill(model, random):
    """Sets random weights that do not make all states, and so all tokens, equal."""
    for weight in model.trainable_variables:
        path = weight.path
        if "position_embeddings" in path:
            scale = 0.15
        elif "embeddings" in path:
            scale = 0.06
        else:
            scale = 0.02 if "output/dense" in path else 0.08
        values = random.normal(0.0, scale, weight.shape)
        weight.assign(values + path.endswith("gamma"))
    bias = np.zeros(DECODER.vocab_size)
    bias[[0, CLS]], bias[SEP] = -1e4, END  # transformers does not forbid the first two.
    model.decoder.predictions.output_bias.assign(bias)


def describe(config):
    words = [f"w{number}" for number in range(config.vocab_size - len(SPECIAL))]
    return folders.ModelFolder(config, SPECIAL + words, {"do_lower_case": True})


def main(options):
    random = np.random.default_rng(0)
    model = Bert2Bert(BertBackbone(ENCODER), DECODER)
    fill(model, random)
    folder = describe(ENCODER)
    folder.decoder = describe(DECODER)
    folders.write(options.model, model, folder, "EncoderDecoderModel")
    lengths = np.clip(random.normal(14, 5, options.count), 3, 40).astype(int)
    with pathlib.Path(options.sources).open("w", encoding="utf-8") as file:
        for length in lengths:
            ids = random.integers(len(SPECIAL), ENCODER.vocab_size, length).tolist()
            file.write(json.dumps([CLS, *ids, SEP]) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="Folder to write.")
    parser.add_argument("--sources", required=True, help="File of sources to write.")
    parser.add_argument("--count", type=int, default=128, help="Number of sources.")
    main(parser.parse_args())
