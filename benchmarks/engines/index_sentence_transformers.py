"""Embeds a file of texts with sentence-transformers; see index.py."""

import time

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.engines import contract

PACKAGES = ("sentence-transformers", "torch")


def embed(options):
    torch.set_num_threads(options.threads)
    texts = contract.read_lines(options.input_file)
    begin = time.perf_counter()
    model = SentenceTransformer(options.model, device="cpu")
    model.max_seq_length = options.max_seq_length
    return contract.time_embedding(lambda: model.encode(texts), begin, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("sentence_transformers", embed, options, PACKAGES)
