"""Predicts with a transformers model in OpenVINO, with the Rust tokenizer.

PyTorch exports the model to ONNX, which OpenVINO reads. With --int8, NNCF quantizes
weights and activations; it is calibrated on the first texts of --input_file. See
contract.py for inputs and outputs.
"""

import pathlib
import tempfile

import openvino
import transformers

from benchmarks.engines import contract
from benchmarks.engines.torch_to_onnx import INPUTS, write_onnx

PACKAGES = ("openvino", "transformers")
CALIBRATED = 300  # Texts; NNCF's default.


def quantize(model, texts, encode):
    """Returns the model in eight bits, with the ranges of activations of these texts."""
    import nncf

    return nncf.quantize(
        model,
        nncf.Dataset(texts, lambda text: encode([text])),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(texts),
    )


def infer(options):
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)

    def encode(texts):
        batch = tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=options.max_seq_length,
            return_tensors="np",
        )
        return {name: batch[name] for name in INPUTS}

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.onnx")
        names = write_onnx(options.model, path)
        model = openvino.Core().read_model(path)
        if options.int8:
            texts = contract.read_table(options.input_file)[0][:CALIBRATED]
            model = quantize(model, texts, encode)
        compiled = openvino.compile_model(
            model,
            "CPU",
            {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads},
        )

        def call(texts):
            logits = compiled(encode(texts))[0]
            return [names[number] for number in logits.argmax(-1).tolist()]

        return contract.time_inference(call, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument(
        "--int8", action="store_true", help="Quantize to int8 by NNCF, post training."
    )
    contract.report("openvino", infer, parser.parse_args(), PACKAGES)
