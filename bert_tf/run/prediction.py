"""Evaluates a trained model on labelled records, or predicts for others."""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.data.records.options import (
    FileOptions,
    TableOptions,
    reader_arguments,
)
from bert_tf.ground import replacing, require, setting
from bert_tf.run.needs import ModelConfig


@dataclasses.dataclass(frozen=True, init=False)
class EvaluateConfig(ModelConfig, TableOptions):
    """Which model to evaluate, on which records.

    Example:
        >>> import bert_tf
        >>> bert_tf.EvaluateConfig(model="model", eval_file="dev.csv").bf16
        False
    """

    eval_file: str = setting(
        "", "Records with labels: TSV, CSV, JSONL, Excel or Parquet.", section="data"
    )

    def __post_init__(self):
        super().__post_init__()
        self.check_files()
        require(self, "eval_file")


def evaluate(config):
    """Returns the scores of a model folder on a labelled file, {"eval_…": value}.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.EvaluateConfig(model="model", eval_file="dev.csv")
        >>> bert_tf.evaluate(config)["eval_accuracy"]
        1.0
    """
    return config.load_model().evaluate(config.eval_file, **reader_arguments(config))


@dataclasses.dataclass(frozen=True, init=False)
class PredictConfig(ModelConfig, FileOptions):
    """Which model predicts, for which records.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PredictConfig(model="bert", task="fill_mask", top_k=3)
        >>> config.options
        {'top_k': 3}
    """

    task: str = setting(
        "",
        "What to predict, such as fill_mask or features. Empty: what the model was "
        "trained for.",
        section="prediction",
    )
    input_file: str = setting("", "TSV, CSV, JSONL, Excel, Parquet, or text by lines.")
    output_file: str = setting(
        "", "File to write: .jsonl; or .npz for features and embeddings."
    )

    def __post_init__(self):
        super().__post_init__()
        self.check_files()
        suffix = pathlib.Path(self.output_file).suffix
        if self.output_file and suffix not in (".jsonl", ".npz"):
            raise ValueError(
                f"output_file must end in .jsonl or .npz; received {self.output_file!r}."
            )


def predict(config, lines=(), source="arguments"):
    """Returns the predictions for the records of a file, or for lines, in order.

    It also writes them to `output_file`, completely or not at all.

    Args:
        config: `PredictConfig`.
        lines, source: as in `Model.predict_lines`; no lines if there is an input_file.

    Raises:
        ValueError, FileNotFoundError: bad input.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PredictConfig(model="bert", task="fill_mask", top_k=1)
        >>> (prediction,) = bert_tf.predict(config, ["the [MASK] is good"])
        >>> len(prediction["tokens"])
        1
    """
    if config.input_file and lines:
        raise ValueError(
            f"texts come from input_file ({config.input_file}) or from {source}, not "
            "from both; drop one."
        )
    model = config.load_model(config.task)
    as_arrays = config.output_file.endswith(".npz")
    if as_arrays and not model.task.has_arrays:
        raise ValueError(
            f"predictions of {model.task.name} are no arrays; name output_file "
            f"{pathlib.Path(config.output_file).with_suffix('.jsonl')}."
        )
    if config.input_file:
        predictions = model.predict_file(config.input_file, **reader_arguments(config))
    else:
        predictions = model.predict_lines(lines, source)
    if config.output_file:
        with replacing(config.output_file) as beside:
            if as_arrays:
                with beside.open("wb") as file:
                    np.savez(file, **model.task.arrays(predictions))
            else:
                beside.write_text("".join(map(as_line, predictions)), encoding="utf-8")
    return predictions


def as_line(prediction):
    """Returns a prediction as a line of JSON; arrays in it become lists."""
    return json.dumps(prediction, ensure_ascii=False, default=np.ndarray.tolist) + "\n"
