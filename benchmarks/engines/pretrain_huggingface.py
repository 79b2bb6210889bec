"""Pretrains BertForPreTraining of Hugging Face transformers on PyTorch, on masked examples.

A plain PyTorch loop with the arithmetic of transformers.Trainer, without its callbacks
and logging. A batch is padded to its longest example (dynamic padding), labels are -100
where nothing is hidden, and the model computes logits for every token, as it does for
whoever trains it. --masked_only asks its head for the hidden ones alone, which takes a
few lines of one's own. contract.py says what goes in and comes out.
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
EVALUATIONS, WARMUP = 12, 0.1  # With --minutes.


def parse_arguments():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--masked_only", action="store_true", help="Logits of hidden tokens alone.")
    add("--attention", default="sdpa", choices=["eager", "sdpa"])
    add("--initial_folder", help="Where to write the model as it is before training.")
    add("--minutes", type=float, help="Train so long, with a schedule that ends then.")
    add("--held_out", help="With --minutes: examples to score, now and then.")
    return parser.parse_args()


def load_model(options):
    """Returns the model, drawn from the seed with --from_scratch."""
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
    """Returns what the model takes, int64 [B, S], padded to the longest example."""
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


def loss_of_hidden(model, columns):
    """Returns BertForPreTraining's loss, with logits for the hidden tokens alone."""
    labels = columns.pop("labels")
    next_sentence = columns.pop("next_sentence_label")
    outputs = model.bert(**columns)
    hidden = labels != IGNORED
    logits, relations = model.cls(
        outputs.last_hidden_state[hidden], outputs.pooler_output
    )
    losses = [
        torch.nn.functional.cross_entropy(logits, labels[hidden]),
        torch.nn.functional.cross_entropy(relations, next_sentence),
    ]
    return sum(losses)


def update(model, optimizer, columns, options):
    """Trains on one batch; returns its loss."""
    with precision(options):
        if options.masked_only:
            loss = loss_of_hidden(model, columns)
        else:
            loss = model(**columns).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def train_in_time(options):
    """Trains for some minutes; returns what is to be reported.

    The clock starts after the first update and stands still in evaluations. The rate
    rises over the first tenth of the time and falls to 0 at its end.
    """
    model = load_model(options)
    optimizer = make_optimizer(model, options.learning_rate)
    held_out = [collate(batch) for batch in contract.read_examples(options.held_out)]
    seconds, losses, points = 60 * options.minutes, [], []
    elapsed, due = 0.0, seconds / EVALUATIONS
    model.train()
    with open(options.examples, encoding="utf-8") as lines:
        for line in lines:
            start = time.perf_counter()
            past = elapsed / seconds
            rate = min(past / WARMUP, (1 - past) / (1 - WARMUP)) if losses else 0.0
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * rate
            losses.append(update(model, optimizer, collate(json.loads(line)), options))
            if len(losses) > 1:
                elapsed += time.perf_counter() - start
            if elapsed >= due:
                points.append((elapsed / 60, masked_lm_loss(model, held_out)))
                print(len(losses), *points[-1], file=sys.stderr)
                due += seconds / EVALUATIONS
            if elapsed >= seconds:
                return {
                    "held_out_losses": points,
                    "steps": len(losses),
                    "losses": losses,
                }
    raise ValueError(f"{options.examples} ended after {elapsed / 60:.1f} minutes.")


@torch.inference_mode()
def masked_lm_loss(model, batches):
    """Returns the mean loss of a hidden token, in nats."""
    model.eval()
    total = count = 0
    for columns in batches:
        names = ("input_ids", "token_type_ids", "attention_mask")
        outputs = model.bert(**{name: columns[name] for name in names})
        hidden = columns["labels"] != IGNORED
        logits = model.cls.predictions(outputs.last_hidden_state[hidden])
        labels = columns["labels"][hidden]
        total += float(
            torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        )
        count += len(labels)
    model.train()
    return total / count


def train(options):
    """Trains once over the batches; returns speed and losses."""
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
