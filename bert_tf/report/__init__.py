"""Reports for people: curves, confusion matrix, table of scores, model card."""

import contextlib
import logging

from bert_tf.report.card import write_model_card
from bert_tf.report.curves import draw_loss_curve, draw_pretraining_curves
from bert_tf.report.frontier import draw_frontier
from bert_tf.report.pictures import draw_confusion_matrix
from bert_tf.report.scores import as_json, describe, format_scores

__all__ = [
    "as_json",
    "describe",
    "draw_confusion_matrix",
    "draw_frontier",
    "draw_loss_curve",
    "draw_pretraining_curves",
    "format_scores",
    "write",
    "write_model_card",
    "write_pretrained",
]

_log = logging.getLogger(__name__)


def write(
    folder, lines, metrics, *, labels, metric, settings, verb="finetune", **facts
):
    """Writes the pictures and the model card of a fine-tuned model.

    Args:
        folder: `pathlib.Path`.
        lines: entries of metrics.jsonl, dicts with `step`.
        metrics: {name: value}; `eval_confusion_matrix` is drawn if it is there.
        labels: names of the labels in the order of their ids; None without labels.
        metric: as in `draw_loss_curve`.
        settings, verb, facts: as in `write_model_card`.
    """
    if not any(name.startswith("eval_") for line in lines for name in line):
        lines = [
            *lines,
            {"step": metrics["train_steps"]} | metrics,
        ]  # Scored at the end.
    matrix, ids, pictures = metrics.get("eval_confusion_matrix"), [], {}
    if matrix:
        file = "confusion_matrix.png"
        with _forgiving(file, pictures, "Confusion matrix of the evaluation data"):
            ids = draw_confusion_matrix(folder / file, matrix, labels)
    with _forgiving("loss.png", pictures, "Loss and scores over the updates"):
        draw_loss_curve(folder / "loss.png", lines, metric)
    _write_card(
        folder,
        verb,
        metrics,
        settings=settings,
        pictures=pictures,
        ids={number: labels[number] for number in ids},
        has_labels=labels is not None,
        **facts,
    )


def write_pretrained(folder, lines, metrics, *, baselines, phases=(), **facts):
    """Writes the curves and the model card of a pretrained model.

    Args:
        folder, lines, metrics, facts: as in `write`.
        baselines, phases: as in `draw_pretraining_curves`.
    """
    pictures = {}
    with _forgiving("loss.png", pictures, "Losses over the updates, and baselines"):
        draw_pretraining_curves(folder / "loss.png", lines, baselines, phases)
    _write_card(folder, "pretrain", metrics, pictures=pictures, **facts)


@contextlib.contextmanager
def _forgiving(file, pictures, text):
    """Adds a picture to those of the card; a trained model is worth more than a picture."""
    try:
        yield
        pictures[file] = text
    except OSError:
        raise  # The next file would not be written either.
    except Exception as error:  # noqa: BLE001 (The run goes on.)
        _log.warning("%s is not drawn: %s: %s", file, type(error).__name__, error)


def _write_card(folder, verb, metrics, **facts):
    write_model_card(
        folder / "README.md",
        verb=verb,
        title=folder.resolve().name,
        metrics=metrics,
        examples=metrics["train_examples"],
        **facts,
    )
