"""An exported folder that predicts without TensorFlow.

Shapes: N records, W examples of them all, B examples of a batch.
"""

import numpy as np

from bert_tf.checkpoints import exported
from bert_tf.data.rows.batches import longest_first
from bert_tf.ground import progress
from bert_tf.light import runtimes
from bert_tf.light.outputs import undo
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.predicting import Predictor
from bert_tf.tokenization import make_tokenizer
from bert_tf.tokenization.arrays import gather
from bert_tf.tokenization.fast import FastTokenizer
from bert_tf.training.collecting import Collector

_FRAMED_AT_ONCE = 256  # Examples.
# What says which examples belong to a record, for tasks in which several do.
_GROUPS = ("choices", "texts")


class Model(Predictor):
    """A TFLite or ONNX folder of `bert-tf export`, ready to predict.

    It needs NumPy, `tokenizers`, and `ai-edge-litert` or `onnxruntime`; nothing else is
    imported. `predict` and `evaluate` are those of `bert_tf.Model`.

    Args:
        path: folder that `bert-tf export` wrote, in format tflite or onnx.
        threads: threads of a computation; None for all processors.

    Attributes:
        task: `Task`.
        folder: `ModelFolder`.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no such file.
        ValueError: a package is not installed; the file is damaged; or its task writes
            texts, which a SavedModel does.

    Example:
        >>> from bert_tf import light
        >>> model = light.Model("phone")
        >>> model.predict(["it was good"])
        [{'label': 'pos', 'scores': {'neg': 0.0..., 'pos': 0.9...}}]
    """

    def __init__(self, path, *, threads=None):
        self.folder = exported.read(path)
        config, settings = self.folder.config, self.folder.settings
        kind = find_task(task_of(config, settings))
        if kind.decodes:
            raise ValueError(
                f"files of {kind.name} hold no finished texts; export the model as a "
                "SavedModel, or predict with its folder."
            )
        tokenizer = make_tokenizer(
            self.folder,
            keep_special_tokens=kind.keeps_special_tokens,
            kind=FastTokenizer,
        )
        settings = {"max_seq_length": config.max_position_embeddings} | settings
        self.task = kind.restore(tokenizer, config, settings)
        if self.task.options.long_text == "windows" and not kind.cuts_records:
            raise ValueError(
                f"{path} computes one example of a text, not its windows; export the "
                "model with --long_text=truncate or head_tail."
            )
        self._compute = runtimes.load(path, threads)

    def outputs_of(self, table):
        """Returns the columns of a `Table` and the file's outputs for its records."""
        columns = self.task.columns(table)
        return columns, self.compute(columns)

    def compute(self, columns):
        """Returns the outputs for records, as `Task.collect` does.

        Args:
            columns: as `Task.columns` returns them.
        """
        examples = self.task.examples(columns)
        inputs = self.task.inputs(examples)
        collector = Collector(self.task.count(examples))
        batches = longest_first(inputs, _FRAMED_AT_ONCE)
        for numbers in progress(batches, "predicting", leave=False, unit="batch"):
            taken = {name: gather(array, numbers) for name, array in inputs.items()}
            framed = self.task.features(taken)
            collector.add(numbers, self._outputs(framed))
        return self.task.collect(columns, examples, collector.outputs())

    def _outputs(self, framed):
        """Returns {name: array [B, …]}, what the model itself would compute.

        Args:
            framed: as `Task.features` returns it, of NumPy.
        """
        ids, segments = (
            np.split(framed[name].values, framed[name].row_splits[1:-1])
            for name in ("input_ids", "segment_ids")
        )
        named = self._run(ids, segments)
        if "places" in framed:
            for name, arrays in named.items():
                named[name] = [
                    array[np.clip(places, 0, len(array) - 1)]
                    for array, places in zip(arrays, framed["places"])
                ]
        outputs = {name: np.stack(arrays) for name, arrays in named.items()}
        for group in _GROUPS:
            if group in framed:
                outputs = {n: array[framed[group]] for n, array in outputs.items()}
        return outputs

    def _run(self, ids, segments):
        """Returns {name: list of B arrays} of examples, similar lengths at a time."""
        order = np.argsort([len(own) for own in ids], kind="stable")
        size, outputs = self._compute.batch_size, [None] * len(ids)
        for begin in range(0, len(ids), size):
            numbers = order[begin : begin + size]
            arrays = self._compute(*([x[n] for n in numbers] for x in (ids, segments)))
            for number, *row in zip(numbers, *arrays.values()):
                named = dict(zip(arrays, row))
                outputs[number] = undo(named, self.task.problem_type)
        return {name: [row[name] for row in outputs] for name in outputs[0]}
