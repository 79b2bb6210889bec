"""Generates texts with transformers' EncoderDecoderModel. See contract.py for inputs and outputs."""

import torch
import transformers

from benchmarks.engines import contract

PACKAGES = ("torch", "transformers")


def infer(options):
    torch.set_num_threads(options.threads)
    model = transformers.EncoderDecoderModel.from_pretrained(
        options.model, dtype=torch.float32, attn_implementation=options.attention
    ).eval()
    padding = model.config.pad_token_id

    def make(beams):
        settings = transformers.GenerationConfig(
            max_new_tokens=options.max_target_length,
            num_beams=beams,
            length_penalty=options.length_penalty,
            do_sample=False,
            use_cache=True,
            decoder_start_token_id=model.config.decoder_start_token_id,
            eos_token_id=model.config.eos_token_id,
            pad_token_id=padding,
        )

        def call(sources):
            longest = max(map(len, sources))
            ids = torch.tensor([s + [0] * (longest - len(s)) for s in sources])
            lengths = torch.tensor([[len(s)] for s in sources])
            mask = (torch.arange(longest) < lengths).long()
            with torch.inference_mode():
                texts = model.generate(
                    ids, attention_mask=mask, generation_config=settings
                )
            end = model.config.eos_token_id
            return [
                contract.before_padding(text[1:], padding, end)
                for text in texts.tolist()
            ]

        return call

    return contract.time_generation(make, options)


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--attention", default="sdpa", choices=["eager", "sdpa"])
    contract.report("huggingface", infer, parser.parse_args(), PACKAGES)
