"""Pretrains Hugging Face's BertForPreTraining in bfloat16 on a GPU; see gpu.py.

The arithmetic of transformers.Trainer with --bf16: autocast, float32 weights, PyTorch's
fused AdamW, gradients clipped at 1.0. Examples are padded to the longest of the batch, or
with --compile to --max_seq_length, so that nothing is compiled twice. The model computes
logits for every token, which is its normal behaviour, or with --masked_only for masked
tokens.
"""

import torch
import transformers

from benchmarks.engines import gpu

IGNORED = -100


def make_model(options):
    layers, hidden, heads = gpu.SIZES[options.size]
    config = transformers.BertConfig(
        vocab_size=gpu.VOCAB_SIZE,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=max(512, options.max_seq_length),
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.attention_dropout,
    )
    config._attn_implementation = "sdpa"
    torch.manual_seed(1)
    return transformers.BertForPreTraining(config).train()


def make_optimizer(model, device):
    """Returns AdamW, which decays no biases and no LayerNorm."""
    named = list(model.named_parameters())
    kept = [p for name, p in named if "bias" in name or "LayerNorm" in name]
    decayed = [p for name, p in named if not ("bias" in name or "LayerNorm" in name)]
    groups = [
        {"params": decayed, "weight_decay": 0.01},
        {"params": kept, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1e-4, fused=device == "cuda")


def collate(batch, padded_to):
    """Returns the model's inputs, int64 [B, S], in memory that a GPU copies from."""
    length = padded_to or int(batch["lengths"].max())
    ids, segments, labels = (
        torch.from_numpy(batch[name][:, :length]).long()
        for name in ("input_ids", "segment_ids", "masked_lm_ids")
    )
    lengths = torch.from_numpy(batch["lengths"])[:, None]
    columns = {
        "input_ids": ids,
        "token_type_ids": segments,
        "attention_mask": (torch.arange(length) < lengths).long(),
        "labels": labels.masked_fill(labels < 0, IGNORED),
        "next_sentence_label": torch.from_numpy(batch["next_sentence_labels"]).long(),
    }
    if not torch.cuda.is_available():
        return columns
    return {name: column.pin_memory() for name, column in columns.items()}


def masked_only_loss(model, columns):
    """Returns BertForPreTraining's loss, from logits of masked tokens only."""
    labels, relations = columns.pop("labels"), columns.pop("next_sentence_label")
    outputs = model.bert(**columns)
    masked = labels != IGNORED
    logits, relation_logits = model.cls(
        outputs.last_hidden_state[masked], outputs.pooler_output
    )
    cross_entropy = torch.nn.functional.cross_entropy
    loss = cross_entropy(logits.float(), labels[masked])
    return loss + cross_entropy(relation_logits.float(), relations)


def main():
    arguments = gpu.parser(__doc__)
    arguments.add_argument("--compile", action="store_true")
    arguments.add_argument("--masked_only", action="store_true")
    options = arguments.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # What remains in float32: TF32.
    model = make_model(options).to(device)
    optimizer = make_optimizer(model, device)
    body = torch.compile(model) if options.compile else model
    batches = gpu.draw_batches(options)
    padded_to = options.max_seq_length if options.compile else None
    collated = [collate(batch, padded_to) for batch in batches]  # Not timed.

    def update(number):
        columns = {
            name: column.to(device, non_blocking=True)
            for name, column in collated[number].items()
        }
        with torch.autocast(device, torch.bfloat16):
            if options.masked_only:
                loss = masked_only_loss(model, columns)
            else:
                loss = body(**columns).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    result = gpu.time_rounds(update, float, batches, options)
    on_gpu = device == "cuda"
    gpu.report(
        batches,
        options,
        **result,
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        peak_bytes=torch.cuda.max_memory_allocated() if on_gpu else None,
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


if __name__ == "__main__":
    main()
