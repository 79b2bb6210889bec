"""Pretrains BertForPreTraining of Hugging Face transformers on PyTorch, on masked examples.

A plain PyTorch loop with the arithmetic of transformers.Trainer, without its callbacks
and logging. A batch is padded to its longest example (dynamic padding), labels are -100
where nothing is hidden, and the model computes logits for every token, as it does for
whoever trains it. --masked_only asks its head for the hidden ones alone, which takes a
few lines of one's own. contract.py says what goes in and comes out.
"""

import json

import torch
import transformers
from transformers import BertForPreTraining

from benchmarks.engines import contract
from benchmarks.engines.huggingface import make_optimizer, precision

IGNORED = -100


def parse_arguments():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--masked_only", action="store_true", help="Logits of hidden tokens alone.")
    add("--attention", default="sdpa", choices=["eager", "sdpa"])
    add("--initial_folder", help="Where to write the model as it is before training.")
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
        with precision(options):
            if options.masked_only:
                loss = loss_of_hidden(model, columns)
            else:
                loss = model(**columns).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        clock.step_done(contract.count_tokens(batch))
    return {"tokens_per_second": clock.rate(), "losses": losses}


def main():
    memory = contract.Memory()
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report = train(options) | {
        "engine": "huggingface",
        "versions": versions,
        "memory_growth_mb": memory.growth_mb(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
