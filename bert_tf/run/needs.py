"""What several verbs share: which trained model to load, and where records come from."""

import dataclasses
import os
import pathlib
import tempfile

from bert_tf import light
from bert_tf.checkpoints import exported
from bert_tf.ground import at_least, lazy, one_of, require, setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions
from bert_tf.training.engine import ENGINES, HELP, select

exporting = lazy("bert_tf.serving.exporting")


@dataclasses.dataclass(frozen=True, init=False)
class ModelConfig(TakesOptions):
    """Which trained model to use, and how; base of the configurations that need one."""

    model: str = setting(
        "", "Model folder, or its export as TFLite or ONNX.", section="model"
    )
    per_device_eval_batch_size: int = setting(128, "Examples computed at once.")
    bf16: bool = setting(False, "Compute in bfloat16.")
    quantize: str = setting(
        "", "Compute with weights of eight bits, by LiteRT: int8. Empty: no."
    )
    engine: str = setting("", HELP)

    def __post_init__(self):
        require(self, "model")
        one_of("engine", self.engine, ("", *ENGINES))
        one_of("quantize", self.quantize, ("", "int8"))
        at_least(self, "per_device_eval_batch_size", 1)

    def load_model(self, task=""):
        """Returns the `Predictor`, for a task other than that of its training if named.

        Raises:
            ValueError: an option that does not apply; a package is not installed.
            ArithmeticError: eight bits change the predictions too much.
        """
        if exported.is_export(self.model):
            return self._load_export(task)
        if self.quantize:
            return self._load_quantized(task)
        select(self.engine)
        return Model(
            self.model,
            task=task,
            batch_size=self.per_device_eval_batch_size,
            bf16=self.bf16,
            **self.options,
        )

    def _load_export(self, task):
        model = light.Model(self.model)
        given = {name: getattr(self, name) for name in ("bf16", "quantize", "engine")}
        if task != model.task.name:
            given["task"] = task
        for name, value in (given | self.options).items():
            if value:
                raise ValueError(
                    f"{self.model} is an export, for which {name} was chosen when it was "
                    f"written; received {value!r}. Drop it, or export the model again."
                )
        return model

    def _load_quantized(self, task):
        for name in ("bf16", "engine"):
            if value := getattr(self, name):
                raise ValueError(
                    f"quantize={self.quantize} is computed by LiteRT; received "
                    f"{name}={value!r}. Drop one of them."
                )
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "export")
            exporting.export(
                exporting.ExportConfig(
                    model=self.model,
                    task=task,
                    output_dir=str(path),
                    format="tflite",
                    quantize=self.quantize,
                    dynamic_length=True,
                    **self.options,
                )
            )
            return light.Model(path)


def check_source(config, part, data):
    """Checks that the records of a part come from one place.

    Args:
        config: has `train_file` or `eval_file`.
        part: "train" or "eval".
        data: records in memory, or None.

    Raises:
        TypeError: the file is no path.
        ValueError: there are both data and a file.
    """
    file = getattr(config, f"{part}_file")
    if not isinstance(file, str | os.PathLike):
        raise TypeError(
            f"{part}_file must be the path of a file; received {type(file).__name__}. "
            f"Records in memory are given as {part}_data, not in the configuration."
        )
    if file and data is not None:
        raise ValueError(
            f"the records come either from {part}_file ({file}) or from {part}_data; "
            "drop one."
        )
