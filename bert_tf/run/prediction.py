"""Asking a trained model: its scores on labelled texts, its answers to others."""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.ground import at_least, replacing, require
from bert_tf.predictor import Model
from bert_tf.run.needs import columns_asked


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Which model to score, on what."""

    model: str = ""  # Model folder.
    eval_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    text_column: str = ""  # Name, or place from 0; as in training if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    long_text: str = ""  # truncate, head_tail or windows; as in training if empty.
    per_device_eval_batch_size: int = 128  # Examples at once.
    bf16: bool = False  # Compute in bfloat16.

    def __post_init__(self):
        require(self, "model", "eval_file")
        at_least(self, "per_device_eval_batch_size", 1)


def evaluate(config):
    """Returns the scores of a model folder on a labelled file, {"eval_…": value}."""
    model = Model(
        config.model,
        max_seq_length=config.max_seq_length,
        long_text=config.long_text,
        batch_size=config.per_device_eval_batch_size,
        bf16=config.bf16,
    )
    return model.evaluate(config.eval_file, **columns_asked(config))


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Which model to ask, about what."""

    model: str = ""  # Model folder.
    task: str = (
        ""  # What to answer, such as fill_mask; what it was trained for if empty.
    )
    input_file: str = ""  # TSV, CSV, JSONL or plain text, one text a line.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    long_text: str = ""  # truncate, head_tail or windows; as in training if empty.
    per_device_eval_batch_size: int = 128  # Examples at once.
    bf16: bool = False  # Compute in bfloat16.
    top_k: int = 0  # Guesses for each [MASK] (0: 5), or answers to a question (0: 1).
    layers: str = ""  # Of features, such as -1,-2 (empty: -1, the last; 0: embeddings).
    output_file: str = ""  # .jsonl; or .npz for features and embeddings.

    def __post_init__(self):
        require(self, "model")
        at_least(self, "per_device_eval_batch_size", 1)
        at_least(self, "top_k", 0)
        suffix = pathlib.Path(self.output_file).suffix
        if self.output_file and suffix not in (".jsonl", ".npz"):
            raise ValueError(
                f"output_file must end in .jsonl or .npz; received {self.output_file!r}."
            )


def predict(config, lines=(), source="arguments"):
    """Returns the answers of a model folder to a file, or to lines, in order.

    With `output_file` they are written there, too, whole or not at all.

    Args:
        config: `PredictConfig`.
        lines, source: as in `Model.predict_lines`; none where there is an input_file.
    """
    if config.input_file and lines:
        raise ValueError(
            f"texts come from input_file ({config.input_file}) or from {source}, not "
            "from both; drop one."
        )
    model = Model(
        config.model,
        task=config.task,
        max_seq_length=config.max_seq_length,
        long_text=config.long_text,
        batch_size=config.per_device_eval_batch_size,
        bf16=config.bf16,
        top_k=config.top_k,
        layers=config.layers,
    )
    as_arrays = config.output_file.endswith(".npz")
    if as_arrays and not hasattr(model.task, "arrays"):
        raise ValueError(
            f"answers of {model.task.name} are no arrays; name output_file "
            f"{pathlib.Path(config.output_file).with_suffix('.jsonl')}."
        )
    if config.input_file:
        answers = model.predict_file(config.input_file)
    else:
        answers = model.predict_lines(lines, source)
    if config.output_file:
        with replacing(pathlib.Path(config.output_file)) as beside:
            if as_arrays:
                with beside.open("wb") as file:
                    np.savez(file, **model.task.arrays(answers))
            else:
                beside.write_text("".join(map(as_line, answers)), encoding="utf-8")
    return answers


def as_line(answer):
    """Returns an answer as a line of JSON; arrays in it become lists."""
    return json.dumps(answer, ensure_ascii=False, default=np.ndarray.tolist) + "\n"
