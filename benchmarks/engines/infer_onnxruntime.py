"""Predicts with a transformers model in ONNX Runtime, with the Rust tokenizer.

PyTorch exports the model; with --int8, ONNX Runtime quantizes it (dynamic range). See
contract.py for inputs and outputs.
"""

import pathlib
import tempfile

import onnxruntime
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.engines import contract
from benchmarks.engines.torch_to_onnx import INPUTS, write_onnx

PACKAGES = ("onnxruntime", "transformers")


def infer(options):
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.onnx")
        names = write_onnx(options.model, path)
        if options.int8:
            quantized = pathlib.Path(folder, "int8.onnx")
            quantize_dynamic(path, quantized, weight_type=QuantType.QInt8)
            path = quantized
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )

        def call(texts):
            batch = tokenizer(
                texts,
                padding="max_length" if options.pad else True,
                truncation=True,
                max_length=options.max_seq_length,
                return_tensors="np",
            )
            (logits,) = session.run(None, {name: batch[name] for name in INPUTS})
            return [names[number] for number in logits.argmax(-1).tolist()]

        return contract.time_inference(call, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--int8", action="store_true", help="Quantize weights to int8.")
    parser.add_argument("--pad", action="store_true", help="Pad to --max_seq_length.")
    contract.report("onnxruntime", infer, parser.parse_args(), PACKAGES)
