"""Evaluates a trained model on labelled records, or predicts for others."""

import dataclasses
import logging
import pathlib

import numpy as np

from bert_tf import report
from bert_tf.data.records import tabular
from bert_tf.data.records.options import (
    TableOptions,
    TextFileOptions,
    reader_arguments,
)
from bert_tf.docstrings import list_settings
from bert_tf.ground import count, replacing, require, setting
from bert_tf.run.needs import ModelConfig, check_source

_SUFFIXES = (".jsonl", *tabular.SUFFIXES, ".npz", ".txt")
_NO_RECORDS = (".npz", ".txt")  # No place for ids and texts beside the predictions.

_log = logging.getLogger(__name__)


@list_settings
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


def evaluate(config, *, eval_data=None):
    """Returns the scores of a model folder on labelled records, {"eval_…": value}.

    Args:
        config: `EvaluateConfig`.
        eval_data: records in memory in place of `eval_file`, as `finetune` takes them.

    Raises:
        ValueError, FileNotFoundError, TypeError: bad input.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.EvaluateConfig(model="model", eval_file="dev.csv")
        >>> bert_tf.evaluate(config)["eval_accuracy"]
        1.0
    """
    check_source(config, "eval", eval_data)
    if eval_data is None:
        require(config, "eval_file")
        eval_data = config.eval_file
    model = config.load_model()
    scores = model.evaluate(eval_data, **reader_arguments(config))
    _log.info("%s", report.describe(scores, model.task.metric))
    return scores


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class PredictConfig(ModelConfig, TextFileOptions):
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
    id_column: str = setting(
        "", "Column whose values the predictions repeat as id. Empty: none."
    )
    echo: bool = setting(False, "Begin each prediction with the text that it is for.")
    text_pair: tuple = setting(
        (), "Second text of the text on the command line; once for each text."
    )
    output_file: str = setting(
        "",
        "File to write: .jsonl, .csv, .tsv or .parquet; .npz for features and "
        "embeddings, .txt for written texts. Empty: print JSON lines.",
    )

    def __post_init__(self):
        super().__post_init__()
        self.check_files()
        suffix = pathlib.Path(self.output_file).suffix
        if self.output_file and suffix not in _SUFFIXES:
            raise ValueError(
                f"output_file must end in {', '.join(_SUFFIXES[:-1])} or "
                f"{_SUFFIXES[-1]}; received {self.output_file!r}."
            )
        if suffix in _NO_RECORDS and (self.echo or self.id_column):
            raise ValueError(
                f"{self.output_file} holds predictions alone; drop echo and id_column, "
                "or name output_file .jsonl."
            )
        if self.bad_rows == "skip" and not (self.echo or self.id_column):
            raise ValueError(
                "bad_rows=skip leaves rows out, so that predictions no longer stand on "
                "the lines of their texts; pass echo or id_column, too."
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
    lines = _add_pairs(config, lines, source)
    if config.input_file and lines:
        raise ValueError(
            f"texts come from input_file ({config.input_file}) or from {source}, not "
            "from both; drop one."
        )
    suffix = pathlib.Path(config.output_file).suffix
    if suffix == ".parquet":
        tabular.import_parquet()  # Before the work, which may take hours.
    model = config.load_model(config.task)
    if suffix == ".npz" and not model.task.has_arrays:
        raise ValueError(
            f"predictions of {model.task.name} are no arrays; name output_file "
            f"{pathlib.Path(config.output_file).with_suffix('.jsonl')}."
        )
    if suffix == ".txt" and not model.task.decodes:
        raise ValueError(
            f"predictions of {model.task.name} are no written texts; name output_file "
            f"{pathlib.Path(config.output_file).with_suffix('.jsonl')}."
        )
    arguments = reader_arguments(config)
    if config.id_column:
        arguments["id_column"] = config.id_column
    if config.input_file:
        predictions = model.predict_file(
            config.input_file, echo=config.echo, **arguments
        )
    else:
        predictions = _predict_lines(model, config, lines, source, arguments)
    if config.output_file:
        with replacing(config.output_file) as beside:
            _write(beside, suffix, model.task, predictions)
    return predictions


def _add_pairs(config, lines, source):
    """Returns the lines; with `text_pair` they are dicts of both texts."""
    pairs = config.text_pair
    pairs = [pairs] if isinstance(pairs, str) else list(pairs)
    if not pairs:
        return lines
    lines = [] if source == "standard input" or config.input_file else list(lines)
    if len(lines) != len(pairs):
        raise ValueError(
            f"text_pair is given {count(len(pairs), 'time')} for "
            f"{count(len(lines), 'text')} on the command line; give one for each text."
        )
    return [{"text": text, "text_pair": pair} for text, pair in zip(lines, pairs)]


def _predict_lines(model, config, lines, source, arguments):
    """Predicts for lines, which have no file's options but `id_column`."""
    for name, value in arguments.items():
        if name not in ("id_column", "bad_rows"):
            raise ValueError(
                f"{name} is for input_file; received {value!r} with {source}. Drop it, "
                "or name the fields of JSON objects as the model's training did."
            )
    arguments.pop("bad_rows", None)
    return model.predict_lines(lines, source, echo=config.echo, **arguments)


def _write(path, suffix, task, predictions):
    """Writes predictions in the format of a suffix."""
    if suffix == ".npz":
        with path.open("wb") as file:
            np.savez(file, **task.arrays(predictions))
    elif suffix == ".txt":
        lines = (one_line(row[task.field]) + "\n" for row in predictions)
        path.write_text("".join(lines), encoding="utf-8")
    elif suffix in tabular.SUFFIXES:
        tabular.write_table(path, task.as_rows(predictions), suffix)
    else:
        path.write_text("".join(map(as_line, predictions)), encoding="utf-8")


def one_line(text):
    """Returns a text without the characters that end a line."""
    return " ".join(text.splitlines())


def as_line(prediction):
    """Returns a prediction as a line of JSON; arrays in it become lists."""
    return tabular.to_json(prediction) + "\n"
