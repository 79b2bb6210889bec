"""Fine-tunes BertForSequenceClassification of Hugging Face transformers on PyTorch.

A plain PyTorch loop with the arithmetic of transformers.Trainer (fused AdamW, decay
not on biases and LayerNorm, clipping, linear schedule with warm-up, dynamic padding),
without its callbacks and logging, on text that is tokenised beforehand: what is timed
is the padding of a batch, forward, backward and update, nothing else. contract.py says
what goes in and comes out.
"""

import contextlib
import json
import math
import sys

import torch
import transformers
from transformers import BertForSequenceClassification, BertTokenizerFast

from benchmarks.engines import contract

EVAL_BATCH_SIZE = 64


def parse_arguments():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--pad_to_max", action="store_true", help="Pad to max_seq_length always.")
    # Eager was as fast as sdpa or a little faster, on texts as short as SST-2's.
    add("--attention", default="eager", choices=["eager", "sdpa"])
    add("--initial_folder", help="Where to write the model as it is before training.")
    return parser.parse_args()


def load_model(options):
    """Returns the model to train; the head is drawn from the seed if it is missing."""
    torch.manual_seed(options.seed)
    config = transformers.BertConfig.from_pretrained(options.model, num_labels=2)
    if options.dropout is not None:
        config.hidden_dropout_prob = options.dropout
        config.attention_probs_dropout_prob = options.dropout
        config.classifier_dropout = options.dropout
    model = BertForSequenceClassification.from_pretrained(
        options.model,
        config=config,
        attn_implementation=options.attention,
        dtype=torch.float32,
    )
    if options.initial_folder:
        model.save_pretrained(options.initial_folder)
    return model


def make_optimizer(model, learning_rate):
    """AdamW (Loshchilov and Hutter, 2019), decay on matrices and tables only."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        (others if spared else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": 0.01},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True
    )


class Tokenizer:
    """Texts to ids once, ids to padded batches every step."""

    def __init__(self, options):
        self.tokenizer = BertTokenizerFast.from_pretrained(options.model)
        self.length = options.max_seq_length
        self.padding = "max_length" if options.pad_to_max else "longest"

    def encode(self, texts):
        ids = self.tokenizer(texts, truncation=True, max_length=self.length)
        return ids["input_ids"]

    def collate(self, ids, labels):
        batch = self.tokenizer.pad(
            {"input_ids": ids},
            padding=self.padding,
            max_length=self.length,
            return_tensors="pt",
        )
        return dict(batch, labels=torch.tensor(labels))


def epochs(options, tokenizer):
    """Returns how many steps there are and an iterator of epochs, lists of batches."""
    if options.batches:
        batches = contract.read_batches(options.batches)
        encoded = [(tokenizer.encode(texts), labels) for texts, labels in batches]
        return len(encoded), iter([encoded])
    texts, labels = contract.read_table(options.train_file)
    ids = tokenizer.encode(texts)
    generator = torch.Generator().manual_seed(options.seed)

    def shuffled():
        order = torch.randperm(len(ids), generator=generator).split(options.batch_size)
        return [([ids[i] for i in rows], [labels[i] for i in rows]) for rows in order]

    steps = math.ceil(len(ids) / options.batch_size) * options.num_train_epochs
    return steps, (shuffled() for _ in range(options.num_train_epochs))


@torch.inference_mode()
def find_correct(model, tokenizer, path, precision):
    """Returns 1 for each example of the table that the model gets right, else 0."""
    texts, labels = contract.read_table(path)
    ids = tokenizer.encode(texts)
    model.eval()
    correct = []
    for i in range(0, len(ids), EVAL_BATCH_SIZE):
        chunk = slice(i, i + EVAL_BATCH_SIZE)
        batch = tokenizer.collate(ids[chunk], labels[chunk])
        with precision():
            answers = model(**batch).logits.argmax(-1)
        correct += (answers == batch["labels"]).int().tolist()
    model.train()
    return correct


def train(model, tokenizer, options):
    """Trains the model as the options say; returns what is to be reported."""
    steps, epoch_batches = epochs(options, tokenizer)
    optimizer = make_optimizer(model, options.learning_rate)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, math.ceil(steps * options.warmup_ratio), steps
    )

    def precision():
        if options.bf16:
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    clock = contract.Clock(options.warmup_steps)
    losses, lengths, accuracies, correct = [], [], [], []
    model.train()
    for epoch, batches in enumerate(epoch_batches, start=1):
        for ids, labels in batches:
            with precision():
                loss = model(**tokenizer.collate(ids, labels)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            clock.step_done(len(labels))
            lengths += [len(example) for example in ids]
        if options.eval_file:
            correct = find_correct(model, tokenizer, options.eval_file, precision)
            accuracies.append(sum(correct) / len(correct))
            print(f"epoch {epoch}: accuracy {accuracies[-1]:.4f}", file=sys.stderr)
    return {
        "examples_per_second": clock.examples_per_second(),
        "losses": losses,
        "lengths": lengths,
        "eval_accuracies": accuracies,
        "correct": correct,
    }


def main():
    memory = contract.Memory()
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    report = train(load_model(options), Tokenizer(options), options)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report |= {
        "engine": "huggingface",
        "versions": versions,
        "memory_growth_mb": memory.growth_mb(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
