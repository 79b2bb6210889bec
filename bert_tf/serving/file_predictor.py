"""Evaluates a TFLite file: it computes the examples in the place of the model.

Shapes: R rows, S tokens of a row, B examples of a batch, L tokens of an example, K places.
"""

import os

import numpy as np

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.padded import TASK_LIBRARY
from bert_tf.serving.probe import import_interpreter
from bert_tf.training.collecting import Collector

# What says which examples belong to a record, for tasks in which several do.
_GROUPS = ("choices", "texts")


def make_predictor(path, task):
    """Returns function(data set of packed rows, number of examples) → outputs.

    It takes the place of `evaluation.make_predictor`, so that a task scores the file as it
    scores the model.

    Args:
        path: folder with model.tflite of any length, see `exporting`.
        task: `Task` of the file.

    Raises:
        ValueError: the task has no outputs that are numbers of tokens or texts alone, or a
            record of it may be several windows.
    """
    adapter = ADAPTERS[task.name]
    if adapter.from_file is None:
        raise ValueError(
            f"a TFLite file of {task.name} is not scored; evaluate the model folder."
        )
    if getattr(task.options, "long_text", "") == "windows" and not task.cuts_records:
        raise ValueError(
            "a TFLite file computes one example of a text, not its windows; pass "
            "long_text=truncate or head_tail."
        )
    interpreter = import_interpreter().Interpreter(
        os.path.join(path, "model.tflite"), num_threads=os.cpu_count()
    )
    compute = interpreter.get_signature_runner("serving_default")

    def predict(dataset, count, progress=lambda batches: batches):
        collector = Collector(count)
        batches = iter(dataset)
        for _ in progress(range(dataset.cardinality().numpy())):
            rows = {name: np.asarray(x) for name, x in next(batches).items()}
            outputs = [
                compute(**dict(zip(TASK_LIBRARY, example))) for example in unpack(rows)
            ]
            named = {
                name: [np.asarray(output[name])[0] for output in outputs]
                for name in outputs[0]
            }
            collector.add(rows["example_number"], arrange(rows, named, adapter))
        return collector.outputs()

    return predict


def unpack(rows):
    """Yields ids, mask and segments, int32 [1, L], of each example of packed rows."""
    ids, segments, sequences = (
        rows[name].reshape(-1) for name in ("input_ids", "segment_ids", "sequence_ids")
    )
    lengths = np.bincount(sequences, minlength=len(rows["first_token"]) + 1)[1:]
    for begin, length in zip(rows["first_token"], lengths):
        here = np.s_[None, begin : begin + length]
        mask = np.ones((1, length), np.int32)
        yield ids[here], mask, segments[here]


def arrange(rows, named, adapter):
    """Returns outputs of examples as the model returns them for packed rows.

    Args:
        rows: dict of a batch.
        named: {name: list of B arrays}, outputs of the file.
        adapter: of the task.

    Returns:
        {name: array [B, …]}; of tokens, those at `places`, [B, K, …]; of several examples
        a record, [records, examples, …].
    """
    outputs = {}
    for name, arrays in adapter.from_file(named).items():
        if "places" in rows:
            places = np.maximum(rows["places"], 0)
            arrays = [
                array[np.minimum(p, len(array) - 1)] for array, p in zip(arrays, places)
            ]
        array = np.stack(arrays)
        for group in _GROUPS:
            if group in rows:
                array = array[rows[group]]
        outputs[name] = array
    return outputs
