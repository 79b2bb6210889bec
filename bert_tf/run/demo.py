"""Pretraining without any data at hand: on the English text that every Python carries."""

import dataclasses
import logging
import pathlib
import pydoc_data.topics
import re

from bert_tf.predictor import Model
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.run.vocabulary import VocabularyConfig, learn_vocabulary
from bert_tf.training.config import TrainConfig

_log = logging.getLogger(__name__)
_VOCAB_SIZE = 2000
_HELD_OUT = 10  # Each so manieth topic is scored on.
SENTENCES = (
    "the function returns a [MASK] of the object .",
    "if the expression is true , the [MASK] is executed .",
    "the class is an instance of the [MASK] .",
)


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Whether to show what there is."""

    demo: bool = False  # Pretrain on Python's own help: two minutes, no data needed.


def demonstrate(output_dir, training_minutes=1.5):
    """Learns a vocabulary, makes stores and pretrains a tiny model in two minutes or so.

    Args:
        output_dir: folder; gets the text, the vocabulary, both stores and `model/`.
        training_minutes: of the model alone.

    Returns:
        dict with `metrics` of pretraining and `filled`, {sentence: answer}.
    """
    home = pathlib.Path(output_dir)
    home.mkdir(parents=True, exist_ok=True)
    documents = list(map(_document, pydoc_data.topics.topics.values()))
    parts = {
        "held_out": documents[::_HELD_OUT],
        "train": [d for n, d in enumerate(documents) if n % _HELD_OUT],
    }
    for name, part in parts.items():
        (home / f"{name}.txt").write_text("\n\n".join(part) + "\n", encoding="utf-8")
    _log.info("pretraining on Python's own help, %d topics of it.", len(documents))
    vocab_file = home / "vocab.txt"
    if not vocab_file.exists():
        learn_vocabulary(
            VocabularyConfig(
                input_files=str(home / "train.txt"),
                output=str(vocab_file),
                vocab_size=_VOCAB_SIZE,
            )
        )
    for name in parts:
        if not (home / name / "manifest.json").exists():
            create_pretraining_data(
                PretrainingDataConfig(
                    input_files=str(home / f"{name}.txt"),
                    vocab_file=str(vocab_file),
                    output_dir=str(home / name),
                    num_workers=1,
                )
            )
    metrics = pretrain(
        PretrainConfig(
            data_dir=str(home / "train"),
            eval_data_dir=str(home / "held_out"),
            size="tiny",
            output_dir=str(home / "model"),
            max_seq_length=64,
            max_eval_steps=20,
        ),
        TrainConfig(
            **TRAINING
            | {
                "train_minutes": training_minutes,
                "learning_rate": 2e-3,
                "eval_steps": 200,
                "save_steps": 0,
            }
        ),
    )
    model = Model(home / "model", task="fill_mask")
    return {
        "metrics": metrics,
        "filled": dict(zip(SENTENCES, model.predict(list(SENTENCES)))),
    }


def _document(topic):
    """The running text of a topic: its paragraphs, each in one line, without markup."""
    paragraphs = re.split(r"\n\s*\n", topic)
    prose = [" ".join(text.split()) for text in paragraphs]
    return "\n".join(text for text in prose if re.match(r"[A-Z].*[.:]$", text))
