"""Tasks of huggingface_heads.py: how records become inputs, and outputs become results.

A task has `model`, a class of transformers; `encode(records)`, which yields examples;
`labels(examples, length)`, the label tensors of a batch; and `join(records, examples,
outputs)`, which merges the outputs of examples into one result per record.
"""

import itertools
import math
import types

import torch
from transformers import (
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertModel,
)

IGNORED = -100
N_BEST, MAX_ANSWER_LENGTH = 20, 30


class TokenClassification:
    """Labels words."""

    model = BertForTokenClassification

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def encode(self, records):
        columns = self.tokenizer(
            [record["words"] for record in records],
            is_split_into_words=True,
            truncation=True,
            max_length=self.options.max_seq_length,
        )
        for number, record in enumerate(records):
            words = columns.word_ids(number)
            previous = [None, *words]
            firsts = [
                word if word is not None and word != last else None
                for word, last in zip(words, previous)
            ]
            yield {
                "inputs": [{name: columns[name][number] for name in columns}],
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
        """Yields the logits of each word's first token, None for truncated words."""
        for record, example, output in zip(records, examples, outputs):
            logits = [None] * len(record["words"])
            for position, word in enumerate(example["firsts"]):
                if word is not None:
                    logits[word] = output["logits"][position].tolist()
            yield logits


class QuestionAnswering:
    """Finds spans in windows of a context."""

    model = BertForQuestionAnswering

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def encode(self, records):
        columns = self.tokenizer(
            [record["question"].lstrip() for record in records],
            [record["context"] for record in records],
            truncation="only_second",
            max_length=self.options.max_seq_length,
            stride=self.options.doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for number, record in enumerate(columns["overflow_to_sample_mapping"]):
            sides = columns.sequence_ids(number)
            spans = [
                span if side == 1 else None
                for span, side in zip(columns["offset_mapping"][number], sides)
            ]
            yield {
                "inputs": [
                    {
                        name: columns[name][number]
                        for name in ("input_ids", "token_type_ids", "attention_mask")
                    }
                ],
                "record": record,
                "spans": spans,
                "labels": self._find_answer(records[record], spans),
            }

    def _find_answer(self, record, spans):
        """Returns the first and last token of the first answer.

        Both are 0, the position of [CLS], if the window does not contain it.
        """
        answer = next((a for a in record["answers"] if a["start"] is not None), None)
        if answer is None:
            return 0, 0
        start, end = answer["start"], answer["start"] + len(answer["text"])
        context = [position for position, span in enumerate(spans) if span]
        if not context or spans[context[0]][0] > start or spans[context[-1]][1] < end:
            return 0, 0
        return (
            max(position for position in context if spans[position][0] <= start),
            min(position for position in context if spans[position][1] >= end),
        )

    def labels(self, examples, length):
        positions = torch.tensor([example["labels"] for example in examples])
        return {"start_positions": positions[:, 0], "end_positions": positions[:, 1]}

    def join(self, records, examples, outputs):
        """Returns each question's best spans and the lowest score of "no answer".

        Both are over all windows of the question.
        """
        results = [{"spans": [], "null": math.inf} for _ in records]
        for example, output in zip(examples, outputs):
            begins, ends = (
                output["start_logits"].tolist(),
                output["end_logits"].tolist(),
            )
            result = results[example["record"]]
            result["null"] = min(result["null"], begins[0] + ends[0])
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
                    result["spans"].append([score, spans[first][0], spans[last][1]])
        for result in results:
            result["spans"] = sorted(result["spans"], reverse=True)[:N_BEST]
        return results


class MultipleChoice:
    """Scores pairs of a text and each of its choices."""

    model, output = BertForMultipleChoice, "logits"

    def __init__(self, tokenizer, options):
        self.tokenizer, self.options = tokenizer, options

    def texts(self, record):
        return [record["text"]] * len(record["choices"]), record["choices"]

    def encode(self, records):
        for record in records:
            columns = self.tokenizer(
                *self.texts(record),
                truncation=True,
                max_length=self.options.max_seq_length,
            )
            yield {
                "inputs": [
                    dict(zip(columns, values)) for values in zip(*columns.values())
                ],
                "labels": record["label"],
            }

    def labels(self, examples, length):
        return {"labels": torch.tensor([example["labels"] for example in examples])}

    def join(self, records, examples, outputs):
        return (output[self.output].tolist() for output in outputs)


class Pairs(torch.nn.Module):
    """Embeds sentences (Reimers and Gurevych, 2019).

    Mean pooling, normalized to length 1; the loss is the squared error of the cosine.
    """

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
    """Embeds the two texts of a record."""

    model, output = BertModel, "embeddings"

    def texts(self, record):
        return ([record["text"], record["text_pair"]],)


TASKS = {
    "token_classification": TokenClassification,
    "question_answering": QuestionAnswering,
    "multiple_choice": MultipleChoice,
    "similarity": Similarity,
}
