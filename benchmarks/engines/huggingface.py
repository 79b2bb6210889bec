"""Fine-tunes Hugging Face's BertForSequenceClassification, or predicts with it.

Training is a plain PyTorch loop with the arithmetic of transformers.Trainer (fused
AdamW, no weight decay on biases and LayerNorm, gradient clipping, linear schedule with
warm-up, dynamic padding), without its callbacks and logging. Texts are tokenized
beforehand, so the timed part is only the padding of a batch, forward, backward and
update.

Prediction uses the fastest of the usual methods: it tokenizes all texts together, sorts
them by length, and pads batches of --predict_batch_size to their longest text. See
contract.py for inputs and outputs.
"""

import contextlib
import itertools
import math
import sys
import time

import torch
import transformers
from transformers import BertForSequenceClassification, BertTokenizerFast

from benchmarks.engines import contract

PACKAGES = ("torch", "transformers")


def parse_arguments():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--pad_to_max", action="store_true", help="Always pad to max_seq_length.")
    # On texts as short as those of SST-2, eager was as fast as sdpa or a little faster.
    add("--attention", default="eager", choices=["eager", "sdpa"])
    add("--initial_folder", help="Folder to write the model to before training.")
    # 16 to 64 take the same time within 3 %; 128 takes longer.
    add("--predict_batch_size", type=int, default=32)
    return parser.parse_args()


def load_model(options, num_labels):
    """Returns the model; a missing head starts from random weights of the seed."""
    torch.manual_seed(options.seed)
    config = transformers.BertConfig.from_pretrained(options.model)
    if num_labels:  # Otherwise config.json has the number.
        config.num_labels = num_labels
        config.problem_type = "regression" if options.regression else None
    if options.dropout is not None:
        config.hidden_dropout_prob = options.dropout
        config.attention_probs_dropout_prob = options.dropout
        config.classifier_dropout = options.dropout
    config._attn_implementation = options.attention
    if options.from_scratch:
        model = BertForSequenceClassification(config)
    else:
        model = BertForSequenceClassification.from_pretrained(
            options.model, config=config, dtype=torch.float32
        )
    if options.initial_folder:
        model.save_pretrained(options.initial_folder)
    return model


def make_optimizer(model, learning_rate):
    """Returns AdamW (Loshchilov and Hutter, 2019), no decay on biases and norms."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        exempt = name.endswith("bias") or "LayerNorm" in name
        (others if exempt else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": 0.01},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True
    )


class Tokenizer:
    """Converts texts to ids and segments once, and pads batches in every step."""

    def __init__(self, options):
        self.tokenizer = BertTokenizerFast.from_pretrained(options.model)
        self.length = options.max_seq_length
        self.padding = "max_length" if options.pad_to_max else "longest"

    def encode(self, texts, pairs=None):
        """Returns a list of dicts, one per example."""
        columns = self.tokenizer(texts, pairs, truncation=True, max_length=self.length)
        return [dict(zip(columns, values)) for values in zip(*columns.values())]

    def collate(self, examples, labels=None):
        batch = self.tokenizer.pad(
            examples,
            padding=self.padding,
            max_length=self.length,
            return_tensors="pt",
        )
        return dict(batch, **({} if labels is None else {"labels": labels}))


def precision(options):
    if options.bf16:
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def epochs(options, tokenizer):
    """Returns the number of steps and an iterator over epochs of (examples, labels)."""
    if options.batches:
        batches = contract.read_batches(options.batches)
        encoded = [
            (tokenizer.encode(texts), torch.tensor(labels)) for texts, labels in batches
        ]
        return len(encoded), iter([encoded])
    texts, pairs, labels = contract.read_table(options.train_file)
    examples, labels = tokenizer.encode(texts, pairs), torch.tensor(labels)
    generator = torch.Generator().manual_seed(options.seed)

    def shuffled():
        order = torch.randperm(len(texts), generator=generator)
        for chosen in order.split(options.batch_size):
            yield [examples[i] for i in chosen], labels[chosen]

    steps = math.ceil(len(texts) / options.batch_size) * options.num_train_epochs
    return math.ceil(steps), (shuffled() for _ in range(math.ceil(steps)))


@torch.inference_mode()
def compute_outputs(model, tokenizer, texts, pairs, options):
    """Returns the outputs for all texts, float32 [N, C], in order."""
    examples = tokenizer.encode(texts, pairs)
    order = sorted(range(len(texts)), key=lambda i: len(examples[i]["input_ids"]))
    model.eval()
    outputs = torch.empty(len(texts), model.config.num_labels)
    for i in range(0, len(order), options.predict_batch_size):
        chosen = order[i : i + options.predict_batch_size]
        with precision(options):
            batch = tokenizer.collate([examples[i] for i in chosen])
            outputs[chosen] = model(**batch).logits.float()
    return outputs


def fit(model, batches, steps, options):
    """Trains on the first `steps` batches.

    Args:
        batches: iterator over dicts of the model's inputs, labels included.

    Returns:
        dict with `examples_per_second`, `train_seconds`, `losses` and `lengths`.
    """
    start = time.perf_counter()
    optimizer = make_optimizer(model, options.learning_rate)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, math.ceil(steps * options.warmup_ratio), steps
    )
    clock = contract.Clock(options.warmup_steps)
    losses, lengths = [], []
    model.train()
    for batch in itertools.islice(batches, steps):
        with precision(options):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        clock.step_done(len(batch["input_ids"]))
        lengths += batch["attention_mask"].sum(-1).flatten().tolist()
        if len(losses) % 50 == 0:
            print(f"step {len(losses)} of {steps}: {losses[-1]:.4f}", file=sys.stderr)
    return {
        "examples_per_second": clock.rate(),
        "train_seconds": time.perf_counter() - start,
        "losses": losses,
        "lengths": lengths,
    }


def train(options):
    """Trains a model; returns the report of `fit` and, with an eval_file, `outputs`."""
    num_labels = 2
    if options.train_file:
        labels = contract.read_table(options.train_file)[-1]
        num_labels = 1 if options.regression else max(labels) + 1
    model, tokenizer = load_model(options, num_labels), Tokenizer(options)
    steps, epoch_batches = epochs(options, tokenizer)
    batches = (
        tokenizer.collate(examples, labels)
        for examples, labels in itertools.chain.from_iterable(epoch_batches)
    )
    report = fit(model, batches, steps, options)
    if options.eval_file:
        texts, pairs, _ = contract.read_table(options.eval_file)
        outputs = compute_outputs(model, tokenizer, texts, pairs, options)
        report["outputs"] = outputs.tolist()
    return report


def predict(options):
    """Predicts a table with a fine-tuned model; returns labels and times."""
    model, tokenizer = load_model(options, None), Tokenizer(options)
    texts, pairs, _ = contract.read_table(options.input_file)

    def predict_labels():
        outputs = compute_outputs(model, tokenizer, texts, pairs, options)
        return [model.config.id2label[i] for i in outputs.argmax(-1).tolist()]

    return contract.time_predictions(predict_labels, options)


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    work = predict if options.input_file else train
    contract.report("huggingface", work, options, PACKAGES)


if __name__ == "__main__":
    main()
