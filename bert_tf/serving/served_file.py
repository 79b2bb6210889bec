"""Serves the TFLite or ONNX folder of an export with the trial server, without TensorFlow."""

from bert_tf import light
from bert_tf.serving import work
from bert_tf.serving.adapters import ADAPTERS


class ServedFile:
    """An exported file behind the signature `serving_default`, for `server.make_app`.

    Args:
        path: folder that `bert-tf export` wrote, in format tflite or onnx.
        limits: `Limits`.
        threads: threads of a computation; None for all processors.

    Attributes:
        task: `Task`.
        choices: what a request may choose, `Vectors` or `Rankings`; None for nothing.
        fields, outputs: names of inputs and outputs.

    Raises:
        FileNotFoundError, ValueError: as of `light.Model`.
    """

    def __init__(self, path, limits, *, threads=None):
        self.model, self.limits = light.Model(path, threads=threads), limits
        self.task = self.model.task
        self._adapter = adapter = ADAPTERS[self.task.name]
        first, second = adapter.fields
        is_pair = adapter.choices is None and "text_pair" in (self.model.columns or {})
        single = second == "text_pair" and not is_pair
        self.fields = [first] if single else [first, second]
        (example, *_) = adapter.examples
        # It also warms up the file, whose first computation takes the longest.
        self.outputs = list(self.call({name: [example[name]] for name in self.fields}))
        self.choices = None
        if adapter.choices:
            self.choices = adapter.choices.of_file(self.task, self.model)

    def measure(self, inputs):
        """Returns the `Work` of inputs, {name: list}; may raise `Refused`."""
        return work.measure(self.task, self.limits, inputs)

    def call(self, inputs):
        """Returns {name: array with a row a record} for inputs, {name: list}."""
        columns = self._adapter.columns(inputs)
        outputs = self.model.compute(columns)
        predictions = self.task.predict(outputs, columns)
        return self._adapter.predicted(outputs, predictions)
