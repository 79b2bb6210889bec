"""Does an artefact answer as the model in memory does? Figures, and a gate.

Both answer the same texts, each in its own process.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from bert_tf.serving.sentences import SENTENCES
from bert_tf.tasks.fill_mask import MASK

# format: the largest difference of a number, and the least share of equal answers.
GATES = {
    "float32": (1e-4, 0.98),
    "bfloat16": (0.25, 0.9),
    "float16": (0.02, 0.97),
    "int8": (0.25, 0.9),
}


# Outputs of which the highest is the answer; of others only the numbers count.
_CHOOSING = ("probability", "start_logits", "end_logits")


def read_texts(model, parity_file):
    """Returns {name: list}, what `serving_default` takes, for all texts to compare on.

    Args:
        model: `bert_tf.Model`.
        parity_file: what its task reads; "" for the shipped sentences.
    """
    if not parity_file:
        return _shipped(model)
    table = model.task.read(parity_file, with_labels=False, columns=model.columns)
    names = ("text", "text_pair", "question", "context", "choices")
    found = {
        name: [record[name] for record in table.records]
        for name in names
        if name in table.records[0]
    }
    if "choices" in found:
        found["question"] = found.pop("text")
    return found


def _shipped(model):
    texts, name = SENTENCES, model.task.name
    following = texts[1:] + texts[:1]
    if name == "question_answering":
        contexts = [" ".join((texts * 2)[n : n + 8]) for n in range(len(texts))]
        return {"question": following, "context": contexts}
    if name == "multiple_choice":
        choices = [(texts * 2)[n + 1 : n + 5] for n in range(len(texts))]
        return {"question": texts, "choices": choices}
    if name == "fill_mask":
        words = (text.split() for text in texts)
        return {"text": [" ".join([MASK, *rest]) for _, *rest in words]}
    pairs = name != "similarity" and "text_pair" in (model.columns or {})
    return {"text": texts} | ({"text_pair": following} if pairs else {})


def compare(path, model, inputs):
    """Lets a SavedModel answer, in a fresh process, and compares.

    Args:
        path: of it.
        model: `bert_tf.Model`, in memory.
        inputs: of `read_texts`.

    Returns:
        dict with `texts`, how many; `max_abs_difference` of numbers; `agreement`, the
        share of texts with the same labels, words and places; `p50_ms` and `p99_ms` of
        one text, `texts_per_second` of 32 at once; `size_bytes`.
    """
    found = probe(path, "saved_model", inputs)
    theirs = as_answers(found.pop("outputs"), model.task.name)
    records = [dict(zip(inputs, row)) for row in zip(*inputs.values())]
    ours = [leaves(answer) for answer in model.predict(records)]
    pairs = list(zip(ours, map(leaves, theirs), strict=True))
    # Numbers of other entities, or of another answer, are not comparable.
    same = [said == other_said for (said, _), (other_said, _) in pairs]
    apart = [
        abs(a - b)
        for ((_, ours), (_, others)), is_same in zip(pairs, same)
        if is_same
        for a, b in zip(ours, others, strict=True)
    ]
    return _report(path, same, apart, found)


def compare_arrays(path, kind, inputs, expected):
    """The same for an artefact that takes ids and gives numbers alone.

    Args:
        path, kind: as of `probe`.
        inputs: {name: list of lists of ids}.
        expected: {name: list of arrays, one an example}, of the model in memory; what
            the artefact gives beyond their lengths is padding.
    """
    found = probe(path, kind, inputs)
    outputs = found.pop("outputs")
    same, apart = [], []
    for number in range(len(next(iter(expected.values())))):
        is_same = True
        for name, arrays in expected.items():
            ours = np.asarray(arrays[number])
            theirs = np.asarray(outputs[name][number])[: len(ours)]
            apart.append(np.abs(ours - theirs).max(initial=0.0))
            if name in _CHOOSING:
                is_same &= np.array_equal(ours.argmax(-1), theirs.argmax(-1))
        same.append(is_same)
    return _report(path, same, apart, found)


def probe(path, kind, inputs):
    """Returns what `serving.probe` measures of an artefact, in a process of its own.

    Args:
        path: of it.
        kind: of `probe.LOADERS`.
        inputs: {name: list}.

    Raises:
        ArithmeticError: it does not answer.
    """
    package = pathlib.Path(__file__).parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "bert_tf.serving.probe", kind, str(path)],
        input=json.dumps(inputs),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise ArithmeticError(f"{path} does not answer: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _report(path, same, apart, measured):
    files = [file for file in pathlib.Path(path).rglob("*") if file.is_file()]
    return {
        "texts": len(same),
        "max_abs_difference": float(np.max(apart)) if apart else float("nan"),
        "agreement": float(np.mean(same)),
        **measured,
        "size_bytes": sum(file.stat().st_size for file in files),
    }


def check(report, dtype):
    """Raises an ArithmeticError where a report is under the gate of its format."""
    most, least = GATES[dtype]
    good = report["max_abs_difference"] <= most and report["agreement"] >= least
    if not good:  # A NaN, too.
        raise ArithmeticError(
            f"the artefact answers differently: numbers by up to "
            f"{report['max_abs_difference']:.2g} (allowed for {dtype}: {most:g}), the "
            f"same answer to {report['agreement']:.1%} of {report['texts']} texts "
            f"(asked: {least:.0%}). Nothing was written."
        )


def as_answers(outputs, task):
    """Outputs of `serving_default` as `tasks.*.predict` would say them, one a text."""
    rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    as_answer = _AS_ANSWERS.get(task, lambda row: row)
    return [
        as_answer({name: row[name] for name in row if name != "logits"}) for row in rows
    ]


def _entities(row):
    columns = {name: row[name] for name in ("start", "end", "type", "text", "score")}
    found = [dict(zip(columns, values)) for values in zip(*columns.values())]
    return {"entities": [entity for entity in found if entity["start"] >= 0]}


def _guesses(row):
    masks = zip(row["tokens"], row["probabilities"])
    return {
        "tokens": [
            [{"token": t, "probability": p} for t, p in zip(tokens, probabilities)]
            for tokens, probabilities in masks
            if tokens[0]
        ]
    }


def _states(row):
    count = len([token for token in row["tokens"] if token])
    layers = {
        name.removeprefix("layer_"): states[:count]
        for name, states in row.items()
        if name != "tokens"
    }
    return {"tokens": row["tokens"][:count], "layers": layers}


_AS_ANSWERS = {
    "features": _states,
    "token_classification": _entities,
    "fill_mask": _guesses,
    "multi_label": lambda row: row | {"labels": [x for x in row["labels"] if x]},
}


def leaves(answer):
    """What an answer says, a list of words and places; and its numbers."""
    said, numbers = [], []

    def walk(value):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, dict):
            for name in sorted(value):
                walk(value[name])
        elif isinstance(value, list):
            for item in value:
                walk(item)
        else:
            (numbers if isinstance(value, float) else said).append(value)

    walk(answer)
    return said, numbers
