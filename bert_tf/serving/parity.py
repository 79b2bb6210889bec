"""Compares an export with the model in memory: figures, and the limits it must keep.

Both predict for the same texts, each in its own process.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.requests import LISTS
from bert_tf.serving.sentences import SENTENCES

# {precision: (largest difference of a number, smallest fraction of equal predictions)}
GATES = {
    "float32": (1e-4, 0.98),
    "bfloat16": (0.25, 0.9),
    "float16": (0.02, 0.97),
    "int8": (0.25, 0.9),
}


def read_texts(model, parity_file):
    """Returns {name: list}, the inputs of `serving_default` to compare on.

    Args:
        model: `bert_tf.Model`.
        parity_file: file that the task can read; "" for the shipped sentences.
    """
    adapter, task = ADAPTERS[model.task.name], model.task
    if not parity_file:
        return adapter.sample(SENTENCES, "text_pair" in (model.columns or {}))
    table = task.read(parity_file, with_labels=False, columns=model.columns)
    # Records of multiple choice call the question `text`, those of reranking the query.
    renamed = dict(zip(("text", "text_pair"), adapter.fields))
    inputs = {renamed.get(name, name): name for name in table.records[0]}
    texts = {
        field: [record[inputs[field]] for record in table.records]
        for field in adapter.fields
        if field in inputs
    }
    for field in LISTS.keys() & texts.keys():  # A tensor has as many of each record.
        width = min(map(len, texts[field]))
        texts[field] = [values[:width] for values in texts[field]]
    return texts


def compare(path, model, inputs):
    """Runs a SavedModel in a fresh process and compares its predictions.

    Args:
        path: folder of the SavedModel.
        model: `bert_tf.Model`, in memory.
        inputs: as `read_texts` returns them.

    Returns:
        dict with `texts`, their number; `max_abs_difference` of numbers; `agreement`,
        the fraction of texts with the same labels, words and places; `p50_ms` and
        `p99_ms` of one text, `texts_per_second` of 32 at once; `size_bytes`.
    """
    measured = probe(path, "saved_model", inputs)
    served = as_predictions(measured.pop("outputs"), model.task)
    records = [dict(zip(inputs, row)) for row in zip(*inputs.values())]
    expected = map(leaves, model.predict(records))
    pairs = list(zip(expected, map(leaves, served), strict=True))
    same = [words == other_words for (words, _), (other_words, _) in pairs]
    # If the words differ, the numbers belong to different things.
    differences = [
        abs(a - b)
        for ((_, numbers), (_, others)), is_same in zip(pairs, same)
        if is_same
        for a, b in zip(numbers, others, strict=True)
    ]
    return _report(path, same, differences, measured)


def compare_arrays(path, kind, task, inputs, expected):
    """Does what `compare` does, for a file that takes ids and returns numbers.

    Args:
        path, kind: as of `probe`.
        task: `Task`.
        inputs: {name: list of lists of ids}.
        expected: {name: list of arrays, one an example}, of the model in memory; what
            the file returns beyond their lengths is padding.
    """
    measured = probe(path, kind, inputs)
    outputs = measured.pop("outputs")
    chooses = ADAPTERS[task.name].chooses
    same, differences = [], []
    for number in range(len(next(iter(expected.values())))):
        pairs = {}
        for name, arrays in expected.items():
            array = np.asarray(arrays[number])
            pairs[name] = array, np.asarray(outputs[name][number])[: len(array)]
        ids = [x for x in pairs.values() if np.issubdtype(x[0].dtype, np.integer)]
        chosen = [[x.argmax(-1) for x in pairs[name]] for name in chooses]
        same_ids = all(np.array_equal(*arrays) for arrays in ids)
        same.append(same_ids and all(np.array_equal(*arrays) for arrays in chosen))
        # If ids differ, the numbers belong to different things.
        if same_ids:
            largest = [np.abs(x - y).max(initial=0.0) for x, y in pairs.values()]
            differences.append(max(largest))
    return _report(path, same, differences, measured)


def probe(path, kind, inputs):
    """Returns what `serving.probe` measures of an export, in a process of its own.

    Args:
        path: folder of the export.
        kind: key of `probe.LOADERS`.
        inputs: {name: list}.

    Raises:
        ArithmeticError: the process fails.
    """
    # Isolated, Python takes neither the current folder nor PYTHONPATH for a place of
    # modules; this process's places are passed on instead.
    program = (
        f"import sys; sys.path[:] = {_list_module_folders()!r}; "
        "from bert_tf.serving import probe; probe.main()"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, kind, str(path)],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ArithmeticError(f"{path} does not run: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _list_module_folders():
    """Returns `sys.path` with the folder of this package, but not the current folder.

    A file there, such as a user's statistics.py, is not meant to be imported.
    """
    package, here = pathlib.Path(__file__).resolve().parents[2], pathlib.Path.cwd()
    folders = [os.path.abspath(folder) for folder in sys.path if folder]
    if str(package) not in map(os.path.realpath, folders):
        folders.append(str(package))
    return [
        folder
        for folder in folders
        if here == package or os.path.realpath(folder) != str(here)
    ]


def _report(path, same, differences, measured):
    files = [file for file in pathlib.Path(path).rglob("*") if file.is_file()]
    largest = float(np.max(differences)) if differences else float("nan")
    return {
        "texts": len(same),
        "max_abs_difference": largest,
        "agreement": float(np.mean(same)),
        **measured,
        "size_bytes": sum(file.stat().st_size for file in files),
    }


def check(report, precision, task_name):
    """Raises an ArithmeticError if a report exceeds the limits of its precision.

    Args:
        report: as `compare` returns it.
        precision: key of `GATES`.
        task_name: name of the task, which may have limits of its own.
    """
    most, least = ADAPTERS[task_name].gates.get(precision, GATES[precision])
    # Written so that a NaN fails, too.
    good = report["max_abs_difference"] <= most and report["agreement"] >= least
    if not good:
        raise ArithmeticError(
            "the export does not predict what the model does: numbers differ by up to "
            f"{report['max_abs_difference']:.2g} (allowed for {precision}: {most:g}), "
            f"and {report['agreement']:.1%} of {report['texts']} predictions are the "
            f"same (required: {least:.0%}). Nothing was written."
        )


def as_predictions(outputs, task):
    """Returns outputs of `serving_default` as `Task.predict` has them, one a record."""
    rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    as_prediction = ADAPTERS[task.name].prediction
    return [
        as_prediction({name: row[name] for name in row if name != "logits"})
        for row in rows
    ]


def leaves(prediction):
    """Returns the words and places of a prediction, a list; and its numbers, another."""
    words, numbers = [], []

    def walk(value):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, dict):
            # Scores of labels have the order of the labels, as a signature's have.
            numeric = all(isinstance(item, float) for item in value.values())
            for name in value if numeric else sorted(value):
                walk(value[name])
        elif isinstance(value, list):
            for item in value:
                walk(item)
        else:
            (numbers if isinstance(value, float) else words).append(value)

    walk(prediction)
    return words, numbers
