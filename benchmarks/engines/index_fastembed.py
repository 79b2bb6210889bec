"""Embeds a file of texts with FastEmbed; see index.py."""

import pathlib
import tempfile
import time

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

from benchmarks.engines import contract
from benchmarks.engines.infer_fastembed import PACKAGES, copy_model


def embed(options):
    texts = contract.read_lines(options.input_file)
    with tempfile.TemporaryDirectory() as folder:
        width = copy_model(options, pathlib.Path(folder))
        begin = time.perf_counter()
        TextEmbedding.add_custom_model(
            model="benchmark",
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(url="none"),
            dim=width,
            model_file="model.onnx",
        )
        model = TextEmbedding(
            "benchmark", specific_model_path=folder, threads=options.threads
        )
        return contract.time_embedding(lambda: list(model.embed(texts)), begin, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("fastembed", embed, options, PACKAGES)
