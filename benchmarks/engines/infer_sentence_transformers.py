"""Embeds texts with sentence-transformers, in PyTorch or, with --onnx, ONNX Runtime.

With --int8, its own function quantizes the ONNX file (dynamic range). See contract.py
for inputs and outputs; the labels are embeddings.
"""

import tempfile

import onnxruntime
import torch
from sentence_transformers import (
    SentenceTransformer,
    export_dynamic_quantized_onnx_model,
)

from benchmarks.engines import contract

PACKAGES = ("sentence-transformers", "torch", "onnxruntime")


def load(options, folder):
    """Returns the model in the engine that the options choose."""
    if not options.onnx:
        return SentenceTransformer(options.model, device="cpu")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    arguments = {"provider": "CPUExecutionProvider", "session_options": settings}

    def open_onnx(path, **more):
        return SentenceTransformer(
            path, device="cpu", backend="onnx", model_kwargs=arguments | more
        )

    model = open_onnx(options.model, export=True)
    if not options.int8:
        return model
    model.save_pretrained(folder)
    export_dynamic_quantized_onnx_model(model, "avx512_vnni", folder)
    return open_onnx(folder, file_name="onnx/model_qint8_avx512_vnni.onnx")


def infer(options):
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = load(options, folder)
        model.max_seq_length = options.max_seq_length

        def call(texts):
            return model.encode(
                texts, batch_size=len(texts), normalize_embeddings=True
            ).tolist()

        return contract.time_inference(call, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--onnx", action="store_true", help="Use ONNX Runtime.")
    parser.add_argument("--int8", action="store_true", help="Quantize; with --onnx.")
    contract.report("sentence_transformers", infer, parser.parse_args(), PACKAGES)
