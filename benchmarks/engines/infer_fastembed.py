"""Embeds texts with FastEmbed, from an ONNX file that PyTorch exports.

See contract.py for inputs and outputs; the labels are embeddings.
"""

import json
import pathlib
import shutil
import tempfile

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

from benchmarks.engines import contract
from benchmarks.engines.torch_to_onnx import write_onnx

PACKAGES = ("fastembed", "onnxruntime", "transformers")


def copy_model(options, folder):
    """Writes the files that FastEmbed reads; returns the number of values of a vector."""
    for path in pathlib.Path(options.model).glob("*.json"):
        shutil.copy(path, folder)
    tokenizer = folder / "tokenizer.json"
    settings = json.loads(tokenizer.read_text(encoding="utf-8"))
    settings["truncation"] = settings["padding"] = None  # FastEmbed sets its own.
    tokenizer.write_text(json.dumps(settings), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings["model_max_length"] = options.max_seq_length
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    write_onnx(options.model, folder / "model.onnx", "BertModel")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config["hidden_size"]


def open_model(options, folder, width):
    """Returns the model of the files of `copy_model`."""
    TextEmbedding.add_custom_model(
        model="benchmark",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(url="none"),
        dim=width,
        model_file="model.onnx",
    )
    return TextEmbedding(
        "benchmark", specific_model_path=folder, threads=options.threads
    )


def infer(options):
    with tempfile.TemporaryDirectory() as folder:
        width = copy_model(options, pathlib.Path(folder))
        model = open_model(options, folder, width)

        def call(texts):
            embeddings = model.embed(texts, batch_size=len(texts))
            return [embedding.tolist() for embedding in embeddings]

        return contract.time_inference(call, options)


if __name__ == "__main__":
    options = contract.parser(__doc__).parse_args()
    contract.report("fastembed", infer, options, PACKAGES)
