"""Embeds a file of texts with FastEmbed; see index.py."""

import pathlib
import tempfile
import time

from benchmarks.engines import contract
from benchmarks.engines.infer_fastembed import PACKAGES, copy_model, open_model


def embed(options):
    texts = contract.read_lines(options.input_file)
    with tempfile.TemporaryDirectory() as folder:
        width = copy_model(options, pathlib.Path(folder))
        begin = time.perf_counter()
        model = open_model(options, folder, width)
        return contract.time_embedding(lambda: list(model.embed(texts)), begin, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("fastembed", embed, options, PACKAGES)
