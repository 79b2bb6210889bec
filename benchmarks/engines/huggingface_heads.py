"""Fine-tunes Hugging Face's heads for words, spans, choices and sentences on PyTorch.

The tasks follow transformers' own examples: run_ner.py labels the first token of a
word, run_qa.py splits contexts into windows and merges their n best spans, run_swag.py
pairs the text with each choice. Sentence embeddings follow sentence-transformers (mean
pooling, squared error of the cosine). The training loop is that of huggingface.py.

Tables are JSON lines; --task decides their fields and the entries of `outputs` in the
report, one per record:

    token_classification  {"words": [...], "tags": [ids]}, with --num_labels
                          → logits of each word
    question_answering    {"question", "context", "answers": [{"text", "start"}]}
                          → {"spans": [[score, start, end], ...], "null": score}
    multiple_choice       {"text", "choices", "label"} → logits of the choices
    similarity            {"text", "text_pair", "label"}, labels from 0 to 1
                          → the two embeddings
"""

import json
import math

import torch
from transformers import BertTokenizerFast

from benchmarks.engines import contract, huggingface
from benchmarks.engines.huggingface_tasks import TASKS, Pairs, Similarity


def load(options):
    """Returns task and model; a missing head starts from random weights of the seed."""
    torch.manual_seed(options.seed)
    kind = TASKS[options.task]
    extra = {"num_labels": options.num_labels} if options.num_labels else {}
    model = kind.model.from_pretrained(
        options.model,
        dtype=torch.float32,
        attn_implementation=options.attention,
        **extra,
    )
    task = kind(BertTokenizerFast.from_pretrained(options.model), options)
    return task, Pairs(model) if kind is Similarity else model


def collate(task, examples, with_labels=True):
    """Pads to the longest text: [B, S], or [B, C, S] if a record has C texts."""
    flat = [inputs for example in examples for inputs in example["inputs"]]
    batch = dict(task.tokenizer.pad(flat, return_tensors="pt"))
    length, width = batch["input_ids"].shape[-1], len(examples[0]["inputs"])
    if width > 1:
        batch = {name: x.view(-1, width, length) for name, x in batch.items()}
    return batch | (task.labels(examples, length) if with_labels else {})


@torch.inference_mode()
def compute_outputs(task, model, records, options):
    """Returns the joined outputs of each record, in order."""
    examples = list(task.encode(records))

    def length(number):
        return max(len(x["input_ids"]) for x in examples[number]["inputs"])

    order = sorted(range(len(examples)), key=length)
    outputs = [None] * len(examples)
    model.eval()
    for begin in range(0, len(order), options.batch_size):
        chosen = order[begin : begin + options.batch_size]
        with huggingface.precision(options):
            result = model(
                **collate(task, [examples[n] for n in chosen], with_labels=False)
            )
        tensors = {
            name: getattr(result, name)
            for name in ("logits", "start_logits", "end_logits", "embeddings")
            if getattr(result, name, None) is not None
        }
        for row, number in enumerate(chosen):
            outputs[number] = {name: x[row].float() for name, x in tensors.items()}
    return list(task.join(records, examples, outputs))


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def train(options):
    """Trains a model; returns the report of `fit` and, with an eval_file, `outputs`."""
    task, model = load(options)
    examples = list(task.encode(read(options.train_file)))
    generator = torch.Generator().manual_seed(options.seed)
    per_epoch = math.ceil(len(examples) / options.batch_size)
    steps = math.ceil(per_epoch * options.num_train_epochs)

    def batches():
        while True:
            order = torch.randperm(len(examples), generator=generator)
            for chosen in order.split(options.batch_size):
                yield collate(task, [examples[n] for n in chosen])

    report = huggingface.fit(model, batches(), steps, options)
    if options.eval_file:
        records = read(options.eval_file)
        report["outputs"] = compute_outputs(task, model, records, options)
    return report


def main():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--task", required=True, choices=list(TASKS))
    add("--num_labels", type=int, help="Number of tags.")
    add("--doc_stride", type=int, default=128, help="Tokens by which windows overlap.")
    add("--attention", default="eager", choices=["eager", "sdpa"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    contract.report("huggingface", train, options, huggingface.PACKAGES)


if __name__ == "__main__":
    main()
