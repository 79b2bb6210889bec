"""What an exported file takes of a request, and its predictions as outputs of a signature.

The names and shapes are those of `bert_tf.serving.outputs`; all of it is NumPy.

Shapes: B records, C labels, choices or passages, P the most entities or labels of a record.
"""

import numpy as np

from bert_tf.data.records.words import split_words
from bert_tf.tasks.texts import objects

_ABSENT = -1


def take_texts(inputs):
    """Returns the columns of a task whose columns have the names of the inputs.

    Args:
        inputs: {name: list [B]}.
    """
    return {name: objects(values) for name, values in inputs.items()}


def take_words(inputs):
    """Returns the columns of token classification."""
    columns = take_texts(inputs)
    return columns | {"words": objects(list(map(split_words, columns["text"])))}


def take_choices(inputs):
    """Returns the columns of multiple choice, all records with C choices."""
    choices = np.array(inputs["choices"], dtype=object)
    return {"text": objects(inputs["question"]), "choices": choices}


def take_passages(inputs):
    """Returns the columns of reranking."""
    return {"text": objects(inputs["query"]), "passages": objects(inputs["passages"])}


def of_labels(outputs, predictions):
    """Returns `logits`, `scores` and `label`, as the signature of classification.

    Args:
        outputs: {name: array [B, …]} of the task; `logits`, which a file has apart from a
            constant of each record.
        predictions: B dicts of `Task.predict`.
    """
    scores = [list(row["scores"].values()) for row in predictions]
    labels = objects([row["label"] for row in predictions])
    return _scored(outputs, scores) | {"label": labels}


def of_many_labels(outputs, predictions):
    """Returns `logits`, `scores` and `labels` [B, P]."""
    scores = [list(row["scores"].values()) for row in predictions]
    labels = _pad([row["labels"] for row in predictions], "", object)
    return _scored(outputs, scores) | {"labels": labels}


def of_choices(outputs, predictions):
    """Returns `logits`, `scores` and `choice`."""
    choices = objects([row["choice"] for row in predictions])
    scored = _scored(outputs, [row["scores"] for row in predictions])
    return scored | {"choice": choices}


def of_numbers(outputs, predictions):
    """Returns `score` [B]."""
    return {"score": np.array([row["score"] for row in predictions], np.float32)}


def of_answers(outputs, predictions):
    """Returns `answer`, `start`, `end` and `score`, [B]."""
    kinds = {"answer": object, "start": np.int32, "end": np.int32, "score": np.float32}
    return {
        name: np.array([row[name] for row in predictions], kind)
        for name, kind in kinds.items()
    }


def of_entities(outputs, predictions):
    """Returns `start`, `end`, `type`, `text` and `score` of entities, [B, P]."""
    fills = {
        "start": (_ABSENT, np.int32),
        "end": (_ABSENT, np.int32),
        "type": ("", object),
        "text": ("", object),
        "score": (0.0, np.float32),
    }
    return {
        name: _pad([[x[name] for x in row["entities"]] for row in predictions], *fill)
        for name, fill in fills.items()
    }


def of_embeddings(outputs, predictions):
    """Returns `embedding` [B, D]."""
    return {"embedding": outputs["embeddings"][:, 0]}


def of_rankings(outputs, predictions):
    """Returns `index` and `score`, [B, C], the best passage first."""
    rankings = [row["ranking"] for row in predictions]
    kinds = {"index": np.int32, "score": np.float32}
    return {
        name: np.array([[x[name] for x in own] for own in rankings], kind)
        for name, kind in kinds.items()
    }


def _scored(outputs, scores):
    logits = np.asarray(outputs["logits"], np.float32)
    return {"logits": logits, "scores": np.array(scores, np.float32)}


def _pad(rows, fill, kind):
    """Returns lists of any lengths as an array [B, P]."""
    padded = np.full([len(rows), max(map(len, rows))], fill, kind)
    for row, values in zip(padded, rows):
        row[: len(values)] = values
    return padded
