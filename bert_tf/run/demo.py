"""Pretrains a tiny model on the English help texts that come with every Python."""

import dataclasses
import logging
import pathlib
import pydoc_data.topics
import re

from bert_tf.ground import setting
from bert_tf.predictor import Model
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.run.vocabulary import VocabularyConfig, learn_vocabulary
from bert_tf.training.config import TrainConfig

_log = logging.getLogger(__name__)
_VOCAB_SIZE = 2000
_HELD_OUT = 10  # Every tenth topic is held out for evaluation.
SENTENCES = (
    "the function returns a [MASK] of the object .",
    "if the expression is true , the [MASK] is executed .",
    "the class is an instance of the [MASK] .",
)


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Whether to run the demonstration."""

    demo: bool = setting(
        False,
        "Pretrain a tiny model on Python's own help texts, in two minutes; no other "
        "setting but output_dir counts.",
        section="demonstration",
    )


def demonstrate(output_dir, training_minutes=1.5):
    """Learns a vocabulary, makes stores and pretrains a tiny model; about two minutes.

    Args:
        output_dir: folder to write: texts, vocabulary, both stores and `model/`.
        training_minutes: minutes of pretraining alone.

    Returns:
        dict with `metrics` of pretraining and `filled`, {sentence: prediction}.
    """
    folder = pathlib.Path(output_dir)
    write_texts(folder)
    _log.info("pretraining on Python's own help.")
    vocab_file = folder / "vocab.txt"
    if not vocab_file.exists():
        learn_vocabulary(
            VocabularyConfig(
                input_files=str(folder / "train.txt"),
                output=str(vocab_file),
                vocab_size=_VOCAB_SIZE,
            )
        )
    for name in ("held_out", "train"):
        if not (folder / name / "manifest.json").exists():
            create_pretraining_data(
                PretrainingDataConfig(
                    input_files=str(folder / f"{name}.txt"),
                    vocab_file=str(vocab_file),
                    output_dir=str(folder / name),
                    num_workers=1,
                )
            )
    metrics = pretrain(
        PretrainConfig(
            data_dir=str(folder / "train"),
            eval_data_dir=str(folder / "held_out"),
            size="tiny",
            output_dir=str(folder / "model"),
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
    model = Model(folder / "model", task="fill_mask")
    return {
        "metrics": metrics,
        "filled": dict(zip(SENTENCES, model.predict(list(SENTENCES)))),
    }


def write_texts(folder):
    """Writes the help texts to train.txt and held_out.txt, with a blank line after each."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    documents = list(map(_document, pydoc_data.topics.topics.values()))
    parts = {
        "held_out": documents[::_HELD_OUT],
        "train": [text for n, text in enumerate(documents) if n % _HELD_OUT],
    }
    for name, part in parts.items():
        (folder / f"{name}.txt").write_text("\n\n".join(part) + "\n", encoding="utf-8")


def _document(topic):
    """Returns the prose of a topic without markup, one paragraph a line."""
    paragraphs = re.split(r"\n\s*\n", topic)
    prose = [" ".join(text.split()) for text in paragraphs]
    return "\n".join(text for text in prose if re.match(r"[A-Z].*[.:]$", text))
