"""Asking a trained model: its scores on labelled texts, its answers to others."""

import dataclasses

from bert_tf.answering import Model
from bert_tf.run.needs import columns_asked, need
from bert_tf.training.config import at_least


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Which model to score, on what."""

    model: str = ""  # Model folder.
    eval_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    text_column: str = ""  # Name, or place from 0; as in training if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    per_device_eval_batch_size: int = 128  # Examples at once.
    bf16: bool = False  # Compute in bfloat16.

    def __post_init__(self):
        need(self, "model", "eval_file")
        at_least(self, "per_device_eval_batch_size", 1)


def evaluate(config):
    """Returns the scores of a model folder on a labelled file, {"eval_…": value}."""
    model = Model(
        config.model,
        max_seq_length=config.max_seq_length,
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
    per_device_eval_batch_size: int = 128  # Examples at once.
    bf16: bool = False  # Compute in bfloat16.
    top_k: int = 0  # Guesses for each [MASK] (0: 5), or answers to a question (0: 1).

    def __post_init__(self):
        need(self, "model")
        at_least(self, "per_device_eval_batch_size", 1)
        at_least(self, "top_k", 0)


def predict(config, lines=(), source="arguments"):
    """Returns the answers of a model folder to a file, or to lines, in order.

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
        batch_size=config.per_device_eval_batch_size,
        bf16=config.bf16,
        top_k=config.top_k,
    )
    if config.input_file:
        return model.predict_file(config.input_file)
    return model.predict_lines(lines, source)
