"""Vectors of queries and of what is searched, and the fingerprint of what makes them."""

import hashlib
import pathlib

import numpy as np

from bert_tf.checkpoints import exported
from bert_tf.data.records.tables import Table
from bert_tf.tasks.similarity_scores import unit_length


def embed(model, texts, prompt_name):
    """Returns vectors of length 1, float32 [texts, D], of texts behind a prompt.

    Args:
        model: `Predictor` of similarity.
        texts: list of strings.
        prompt_name: name of a prompt of the model folder; "" for none.

    Raises:
        ValueError: a vector is not finite.
    """
    model.task.put_before(prompt_name)
    records = [{"text": text} for text in texts]
    lines = list(range(1, len(texts) + 1))
    table = Table("texts", records, lines, {}, "")
    _, outputs = model.outputs_of(table)
    vectors = unit_length(np.asarray(outputs["embeddings"][:, 0], np.float32))
    if not np.isfinite(vectors).all():
        raise ValueError(
            "the model computes vectors that are not finite; check its weights by "
            "bert-tf doctor, or leave out --bf16."
        )
    return vectors


def choose_document_prompt(task, given):
    """Returns the name of the prompt of what is indexed; "" for none.

    Args:
        task: `Similarity`.
        given: prompt_name of the command: one name, for the texts; two with a comma
            between, for queries and texts; "" means what the model folder remembers, or
            else "document" or "passage" if the folder has one of them.
    """
    query, document = task.prompts.for_search(task.options.prompt_name)
    is_single = given in task.prompts.texts or "," not in given
    return query if given and is_single else document


def identify(model, path, prompt_name):
    """Returns what the vectors of texts depend on, {name: plain JSON}.

    Args:
        model: `Predictor` of similarity.
        path: where it was loaded from.
        prompt_name: as of `embed`.
    """
    task = model.task
    digest = hashlib.sha256()
    if exported.is_export(path):
        for file in sorted(pathlib.Path(path).glob("model.*")):
            digest.update(file.read_bytes())
    else:
        for weight in model.keras_model.weights:
            digest.update(np.asarray(weight.numpy(), np.float32).tobytes())
    digest.update("\n".join(model.folder.vocab).encode("utf-8", "surrogatepass"))
    return {
        "weights": digest.hexdigest(),
        "pooling": task.pooling,
        "prompt_name": prompt_name,
        "prompt": task.prompts.texts.get(prompt_name, ""),
        "dim": task.options.dim,
        "normalize": task.normalize,
    }
