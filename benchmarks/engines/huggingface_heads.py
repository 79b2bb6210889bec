"""Fine-tunes transformers' heads for words, answers, choices and sentences on PyTorch.

As transformers' own examples do it: run_ner.py labels the first piece of a word,
run_qa.py cuts contexts into windows and joins their n best, run_swag.py pairs the text
with each choice; sentences as sentence-transformers does (mean pooling, squared error of
the cosine). The loop is that of huggingface.py.

Tables are JSON lines, by --task:

    token_classification  {"words": [...], "tags": [ids]}; --num_labels says how many
    question_answering    {"question", "context", "answers": [{"text", "start"}]}
    multiple_choice       {"text", "choices", "label"}
    similarity            {"text", "text_pair", "label"}, labels from 0 to 1

`outputs` of the report, one a record: logits of each word; {"spans": [[score, start,
end], ...], "null": score}; logits of the choices; the two embeddings.
"""

import itertools
import json
import math
import types

import torch
from transformers import (
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertModel,
    BertTokenizerFast,
)

from benchmarks.engines import contract, huggingface

IGNORED = -100
N_BEST, MAX_ANSWER_LENGTH = 20, 30


class TokenClassification:
    model = BertForTokenClassification

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def encode(self, records):
        found = self.tokenizer(
            [record["words"] for record in records],
            is_split_into_words=True,
            truncation=True,
            max_length=self.options.max_seq_length,
        )
        for number, record in enumerate(records):
            words = found.word_ids(number)
            before = [None, *words]
            firsts = [
                word if word is not None and word != last else None
                for word, last in zip(words, before)
            ]
            yield {
                "inputs": [{name: found[name][number] for name in found}],
                "firsts": firsts,
                "labels": [
                    IGNORED if word is None else record["tags"][word] for word in firsts
                ],
            }

    def labels(self, examples, length):
        padded = [
            example["labels"] + [IGNORED] * (length - len(example["labels"]))
            for example in examples
        ]
        return {"labels": torch.tensor(padded)}

    def join(self, records, examples, outputs):
        """Logits of each word, of its first piece; none where it was cut off."""
        for record, example, output in zip(records, examples, outputs):
            found = [None] * len(record["words"])
            for place, word in enumerate(example["firsts"]):
                if word is not None:
                    found[word] = output["logits"][place].tolist()
            yield found


class QuestionAnswering:
    model = BertForQuestionAnswering

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def encode(self, records):
        found = self.tokenizer(
            [record["question"].lstrip() for record in records],
            [record["context"] for record in records],
            truncation="only_second",
            max_length=self.options.max_seq_length,
            stride=self.options.doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for number, record in enumerate(found["overflow_to_sample_mapping"]):
            sides = found.sequence_ids(number)
            spans = [
                span if side == 1 else None
                for span, side in zip(found["offset_mapping"][number], sides)
            ]
            yield {
                "inputs": [
                    {
                        name: found[name][number]
                        for name in ("input_ids", "token_type_ids", "attention_mask")
                    }
                ],
                "record": record,
                "spans": spans,
                "labels": self._places(records[record], spans),
            }

    def _places(self, record, spans):
        """First and last piece of the first answer; [CLS] where the window lacks it."""
        answer = next((a for a in record["answers"] if a["start"] is not None), None)
        if answer is None:
            return 0, 0
        start, end = answer["start"], answer["start"] + len(answer["text"])
        own = [place for place, span in enumerate(spans) if span]
        if not own or spans[own[0]][0] > start or spans[own[-1]][1] < end:
            return 0, 0
        return (
            max(place for place in own if spans[place][0] <= start),
            min(place for place in own if spans[place][1] >= end),
        )

    def labels(self, examples, length):
        places = torch.tensor([example["labels"] for example in examples])
        return {"start_positions": places[:, 0], "end_positions": places[:, 1]}

    def join(self, records, examples, outputs):
        """The best spans of all windows of a question, and the least score of none."""
        found = [{"spans": [], "null": math.inf} for _ in records]
        for example, output in zip(examples, outputs):
            begins, ends = (
                output["start_logits"].tolist(),
                output["end_logits"].tolist(),
            )
            of = found[example["record"]]
            of["null"] = min(of["null"], begins[0] + ends[0])
            best = [
                sorted(range(len(side)), key=side.__getitem__, reverse=True)[:N_BEST]
                for side in (begins, ends)
            ]
            spans = example["spans"]
            for first, last in itertools.product(*best):
                if (
                    max(first, last) < len(spans)
                    and spans[first]
                    and spans[last]
                    and first <= last < first + MAX_ANSWER_LENGTH
                ):
                    score = begins[first] + ends[last]
                    of["spans"].append([score, spans[first][0], spans[last][1]])
        for of in found:
            of["spans"] = sorted(of["spans"], reverse=True)[:N_BEST]
        return found


class MultipleChoice:
    """Several texts a record: pairs with each choice."""

    model, output = BertForMultipleChoice, "logits"

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def texts(self, record):
        return [record["text"]] * len(record["choices"]), record["choices"]

    def encode(self, records):
        for record in records:
            found = self.tokenizer(
                *self.texts(record),
                truncation=True,
                max_length=self.options.max_seq_length,
            )
            yield {
                "inputs": [dict(zip(found, values)) for values in zip(*found.values())],
                "labels": record["label"],
            }

    def labels(self, examples, length):
        return {"labels": torch.tensor([example["labels"] for example in examples])}

    def join(self, records, examples, outputs):
        return (output[self.output].tolist() for output in outputs)


class Pairs(torch.nn.Module):
    """Mean pooling, length 1, and the squared error of the cosine (Reimers, 2019)."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.config = model.config

    def forward(self, labels=None, **inputs):
        flat = {name: x.flatten(0, 1) for name, x in inputs.items()}
        states = self.model(**flat).last_hidden_state
        mask = flat["attention_mask"][..., None].to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1)
        embeddings = torch.nn.functional.normalize(means, dim=-1)
        embeddings = embeddings.unflatten(0, inputs["input_ids"].shape[:2])
        loss = None
        if labels is not None:
            cosines = (embeddings[:, 0] * embeddings[:, 1]).sum(-1)
            loss = torch.nn.functional.mse_loss(cosines, labels)
        return types.SimpleNamespace(loss=loss, embeddings=embeddings)


class Similarity(MultipleChoice):
    """Two texts a record."""

    model, output = BertModel, "embeddings"

    def texts(self, record):
        return ([record["text"], record["text_pair"]],)


TASKS = {
    "token_classification": TokenClassification,
    "question_answering": QuestionAnswering,
    "multiple_choice": MultipleChoice,
    "similarity": Similarity,
}


def load(options):
    """Returns the task and its model; a missing head is drawn from the seed."""
    torch.manual_seed(options.seed)
    kind = TASKS[options.task]
    more = {"num_labels": options.num_labels} if options.num_labels else {}
    model = kind.model.from_pretrained(
        options.model,
        dtype=torch.float32,
        attn_implementation=options.attention,
        **more,
    )
    task = kind(BertTokenizerFast.from_pretrained(options.model), options)
    return task, Pairs(model) if kind is Similarity else model


def collate(task, examples, with_labels=True):
    """Pads to the longest: [B, S], or [B, C, S] where a record has C texts."""
    flat = [one for example in examples for one in example["inputs"]]
    batch = dict(task.tokenizer.pad(flat, return_tensors="pt"))
    length, width = batch["input_ids"].shape[-1], len(examples[0]["inputs"])
    if width > 1:
        batch = {name: x.view(-1, width, length) for name, x in batch.items()}
    return batch | (task.labels(examples, length) if with_labels else {})


@torch.inference_mode()
def answer(task, model, records, options):
    """Returns what `join` makes of the outputs for each example, in order."""
    examples = list(task.encode(records))

    def length(number):
        return max(len(one["input_ids"]) for one in examples[number]["inputs"])

    order = sorted(range(len(examples)), key=length)
    outputs = [None] * len(examples)
    model.eval()
    for begin in range(0, len(order), options.batch_size):
        chosen = order[begin : begin + options.batch_size]
        with huggingface.precision(options):
            found = model(
                **collate(task, [examples[n] for n in chosen], with_labels=False)
            )
        tensors = {
            name: getattr(found, name)
            for name in ("logits", "start_logits", "end_logits", "embeddings")
            if getattr(found, name, None) is not None
        }
        for row, number in enumerate(chosen):
            outputs[number] = {name: x[row].float() for name, x in tensors.items()}
    return list(task.join(records, examples, outputs))


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def train(options):
    """Trains a model as the options say; returns what is to be reported."""
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
        report["outputs"] = answer(task, model, read(options.eval_file), options)
    return report


def main():
    parser = contract.parser(__doc__)
    add = parser.add_argument
    add("--task", required=True, choices=list(TASKS))
    add("--num_labels", type=int, help="Tags of words.")
    add("--doc_stride", type=int, default=128, help="Pieces that windows share.")
    add("--attention", default="eager", choices=["eager", "sdpa"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    contract.report("huggingface", train, options, huggingface.PACKAGES)


if __name__ == "__main__":
    main()
