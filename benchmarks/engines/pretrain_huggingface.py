"""Pretrains Hugging Face's BertForPreTraining on PyTorch, on masked examples.

A plain PyTorch loop with the arithmetic of transformers.Trainer, without its callbacks
and logging. A batch is padded to its longest example (dynamic padding), and labels are
-100 for tokens that are not masked. The model computes logits for every token, which is
its normal behaviour. With --masked_only, a few lines here compute logits for masked
tokens only. See contract.py for inputs and outputs.
"""

import json
import sys
import time

import torch
import transformers
from transformers import BertForPreTraining

from benchmarks.engines import contract
from benchmarks.engines.huggingface import PACKAGES, make_optimizer, precision

IGNORED = -100
EVALUATIONS = 12  # During a run with --minutes.
WARMUP = 0.1  # Fraction of --minutes.


def parse_arguments():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add(
        "--masked_only",
        action="store_true",
        help="Compute logits of masked tokens only.",
    )
    add("--attention", default="sdpa", choices=["eager", "sdpa"])
    add("--initial_folder", help="Folder to write the model to before training.")
    add("--minutes", type=float, help="Minutes to train; the schedule ends then.")
    add("--held_out", help="Examples to evaluate on during --minutes.")
    return parser.parse_args()


def load_model(options):
    """Returns the model, with random weights of the seed if --from_scratch."""
    torch.manual_seed(options.seed)
    config = transformers.BertConfig.from_pretrained(options.model)
    if options.dropout is not None:
        config.hidden_dropout_prob = options.dropout
        config.attention_probs_dropout_prob = options.dropout
    config._attn_implementation = options.attention
    if options.from_scratch:
        model = BertForPreTraining(config)
    else:
        model = BertForPreTraining.from_pretrained(options.model, config=config)
    if options.initial_folder:
        model.save_pretrained(options.initial_folder)
    return model


def collate(batch):
    """Returns the model's inputs, int64 [B, S], padded to the longest example."""
    lengths = [len(ids) for ids in batch["input_ids"]]
    shape = len(lengths), max(lengths)
    columns = {
        "input_ids": torch.zeros(shape, dtype=torch.long),
        "token_type_ids": torch.zeros(shape, dtype=torch.long),
        "attention_mask": torch.zeros(shape, dtype=torch.long),
        "labels": torch.full(shape, IGNORED),
    }
    for i, length in enumerate(lengths):
        columns["input_ids"][i, :length] = torch.tensor(batch["input_ids"][i])
        columns["token_type_ids"][i, :length] = torch.tensor(batch["segment_ids"][i])
        columns["attention_mask"][i, :length] = 1
        columns["labels"][i, batch["positions"][i]] = torch.tensor(
            batch["masked_ids"][i]
        )
    next_sentence = torch.tensor(batch["next_sentence_labels"])
    return columns | {"next_sentence_label": next_sentence}


def masked_only_loss(model, columns):
    """Returns BertForPreTraining's loss but computes logits of masked tokens only."""
    labels = columns.pop("labels")
    next_sentence = columns.pop("next_sentence_label")
    outputs = model.bert(**columns)
    masked = labels != IGNORED
    logits, relations = model.cls(
        outputs.last_hidden_state[masked], outputs.pooler_output
    )
    losses = [
        torch.nn.functional.cross_entropy(logits, labels[masked]),
        torch.nn.functional.cross_entropy(relations, next_sentence),
    ]
    return sum(losses)


def update(model, optimizer, columns, options):
    """Trains on one batch; returns its loss."""
    with precision(options):
        if options.masked_only:
            loss = masked_only_loss(model, columns)
        else:
            loss = model(**columns).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def train_in_time(options):
    """Trains for --minutes; returns losses, steps and held-out losses.

    The clock starts after the first update and stops during evaluations. The learning
    rate rises over the first tenth of the time and falls to 0 at the end.
    """
    model = load_model(options)
    optimizer = make_optimizer(model, options.learning_rate)
    held_out = [collate(batch) for batch in contract.read_examples(options.held_out)]
    seconds, losses, points = 60 * options.minutes, [], []
    elapsed, next_evaluation = 0.0, seconds / EVALUATIONS
    model.train()
    with open(options.examples, encoding="utf-8") as lines:
        for line in lines:
            start = time.perf_counter()
            part = elapsed / seconds
            rate = min(part / WARMUP, (1 - part) / (1 - WARMUP)) if losses else 0.0
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * rate
            losses.append(update(model, optimizer, collate(json.loads(line)), options))
            if len(losses) > 1:
                elapsed += time.perf_counter() - start
            if elapsed >= next_evaluation:
                points.append((elapsed / 60, masked_lm_loss(model, held_out)))
                print(len(losses), *points[-1], file=sys.stderr)
                next_evaluation += seconds / EVALUATIONS
            if elapsed >= seconds:
                return {
                    "held_out_losses": points,
                    "steps": len(losses),
                    "losses": losses,
                }
    raise ValueError(
        f"{options.examples} has too few examples: they lasted {elapsed / 60:.1f} of "
        f"{options.minutes} minutes. Write more of them."
    )


@torch.inference_mode()
def masked_lm_loss(model, batches):
    """Returns the mean loss per masked token, in nats."""
    model.eval()
    total = count = 0
    for columns in batches:
        names = ("input_ids", "token_type_ids", "attention_mask")
        outputs = model.bert(**{name: columns[name] for name in names})
        masked = columns["labels"] != IGNORED
        logits = model.cls.predictions(outputs.last_hidden_state[masked])
        labels = columns["labels"][masked]
        total += float(
            torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        )
        count += len(labels)
    model.train()
    return total / count


def train(options):
    """Trains once on all batches; returns speed and losses."""
    batches = contract.read_examples(options.examples)
    model = load_model(options)
    optimizer = make_optimizer(model, options.learning_rate)
    collated = [collate(batch) for batch in batches]  # Not timed.
    clock = contract.Clock(options.warmup_steps)
    losses = []
    model.train()
    for batch, columns in zip(batches, collated):
        losses.append(update(model, optimizer, columns, options))
        clock.step_done(contract.count_tokens(batch))
    return {"tokens_per_second": clock.rate(), "losses": losses}


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    work = train_in_time if options.minutes else train
    contract.report("huggingface", work, options, PACKAGES)


if __name__ == "__main__":
    main()
