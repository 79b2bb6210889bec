"""A few records of each task in the words of `tiny_folder`, and the tasks that learn from them.

Imports no TensorFlow.
"""

import dataclasses
import re

import numpy as np
import tiny_folder

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.fixed_shapes import stack
from bert_tf.tasks import TASKS
from bert_tf.tasks.classification import Classification

DECODER = ModelFolder(
    dataclasses.replace(tiny_folder.CONFIG, max_position_embeddings=64),
    tiny_folder.VOCAB,
    {"do_lower_case": True},
)
ENTAILMENT = ["entailment", "neutral", "contradiction"]
LONG = "it was a very , very good film . the film is fine , is it ?"


def texts(*labels):
    """Returns records of single texts, the last of them empty but for its mark."""
    beginnings = ("a good film", LONG, "bad", "?")
    return [{"text": x, "label": y} for x, y in zip(beginnings, labels)]


def pairs(*labels):
    """Returns the same texts as pairs, of which once the first and once the second is long."""
    seconds = ("the film is fine .", "poor", LONG, "it is")
    return [r | {"text_pair": x} for r, x in zip(texts(*labels), seconds)]


def tagged(text, tags):
    """Returns a record of words between spaces, and their tags."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    return {"text": text, "words": words, "tags": tags.split()}


def _answer(context, text):
    return {"text": text, "start": context.index(text)}


# {task: records}
RECORDS = {
    "classification": texts("good", "good", "bad", "bad"),
    "regression": pairs("0.5", "2", "1", "0"),
    "multi_label": texts(["good"], ["good", "long"], [], ["bad"]),
    "token_classification": [
        tagged("a good film", "O B-X I-X"),
        # Nothing is left of the last word.
        tagged(LONG + " \u200b", "O O O B-Y I-Y O O B-X O O O O B-Y O O O O O"),
    ],
    "question_answering": [
        {
            "id": "1",
            "question": "is it good ?",
            "context": LONG,
            "answers": [_answer(LONG, "very good")],
        },
        {"id": "2", "question": "is it ?", "context": "a film", "answers": []},
        {
            "id": "3",
            "question": LONG,
            "context": LONG,
            "answers": [_answer(LONG, "fine")],
        },
    ],
    "multiple_choice": [
        {"text": "it is", "choices": ["fine", "bad .", LONG], "label": 1},
        {"text": LONG, "choices": ["poor", "a film", "?"], "label": 0},
    ],
    "reranking": [
        {"text": "it is", "passages": ["fine", LONG, "?"], "labels": [2.0, 0.0, 1.0]},
        {"text": LONG, "passages": ["poor"], "labels": [1.0]},
    ],
    "similarity": pairs("1", "0.5", "0", "0.3"),
    "translation": [
        {"text": "a good film", "target": "it was fine ."},
        {"text": LONG, "target": LONG},
        {"text": "?", "target": ""},
    ],
    "generation": [
        {
            "text": "is it good ?",
            "text_pair": LONG,
            "target": "very good",
            "answers": ["very good", "good"],
        },
        {"text": "is it ?", "text_pair": "a film", "target": "", "answers": []},
    ],
    "fill_mask": [
        {"text": "a [MASK] film"},
        {"text": "it [MASK] very [MASK] ."},
    ],
    "features": [{"text": "a good film"}, {"text": LONG}, {"text": ""}],
    "zero_shot": [{"text": "a good film"}, {"text": LONG}, {"text": "?"}],
}


def make_table(name, records=None):
    records = RECORDS[name] if records is None else records
    lines = list(range(1, len(records) + 1))
    return Table(f"{name}.jsonl", records, lines, {"label": "label"}, "")


def make_task(name, tokenizer, **options):
    """Returns the task of a name, as it learns from `RECORDS`."""
    kind = TASKS[name]
    given = {"labels": "good,very bad"} if name == "zero_shot" else {}
    options = kind.make_options(given | options)
    if kind.scored:
        task = kind.learn(tokenizer, make_table(name), options)
        if kind.decodes:
            task.decoder = DECODER
        return task
    more = {
        "features": {"num_layers": 1},
        "zero_shot": {"classifier": Classification(tokenizer, labels=ENTAILMENT)},
    }
    return kind(tokenizer, options, **more.get(name, {}))


def pad(rows):
    """Returns packed rows padded as beside a batch of twice as many examples and places.

    A dropout seed is left out.
    """
    places = {np.shape(rows.get(name)) for name in ("places", "mask_places")} - {()}

    def double(array):
        wide = array.shape in places
        return np.tile(array, (2, 2) if wide else (2,) + (1,) * (array.ndim - 1))

    rows = {name: array for name, array in rows.items() if name != "dropout_seed"}
    larger = {name: double(array) for name, array in rows.items()}
    return {name: array[0] for name, array in stack([rows, larger]).items()}
