"""Predicts with Hugging Face's BertForSequenceClassification, perhaps in a pipeline.

Without --pipeline, the Rust tokenizer encodes the batch and pads it to its longest
text, and the model computes it in one call. See contract.py for inputs and outputs.
"""

import torch
import transformers

from benchmarks.engines import contract

PACKAGES = ("torch", "transformers")


def infer(options):
    torch.set_num_threads(options.threads)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    model = transformers.BertForSequenceClassification.from_pretrained(
        options.model, dtype=torch.float32, attn_implementation=options.attention
    ).eval()
    names = model.config.id2label
    limits = {"truncation": True, "max_length": options.max_seq_length}
    if options.pipeline:
        pipeline = transformers.pipeline(
            "text-classification", model=model, tokenizer=tokenizer, device="cpu"
        )

        def call(texts):
            predictions = pipeline(texts, batch_size=len(texts), **limits)
            return [prediction["label"] for prediction in predictions]

    else:

        def call(texts):
            batch = tokenizer(texts, padding=True, return_tensors="pt", **limits)
            logits = model(**batch).logits
            return [names[number] for number in logits.argmax(-1).tolist()]

    def call_in_precision(texts):
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=options.bf16),
        ):
            return call(texts)

    return contract.time_inference(call_in_precision, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument(
        "--pipeline", action="store_true", help="Use transformers' pipeline."
    )
    parser.add_argument("--attention", default="sdpa", choices=["eager", "sdpa"])
    contract.report("huggingface", infer, parser.parse_args(), PACKAGES)
