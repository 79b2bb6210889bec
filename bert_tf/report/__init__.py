"""Reports for people: curves, confusion matrix, table of classes, model card."""

from bert_tf.report.card import write_model_card
from bert_tf.report.pictures import (
    draw_confusion_matrix,
    draw_loss_curve,
    draw_pretraining_curves,
    format_classes,
)

__all__ = [
    "draw_confusion_matrix",
    "draw_loss_curve",
    "draw_pretraining_curves",
    "format_classes",
    "write",
    "write_model_card",
    "write_pretrained",
]


def write(folder, lines, metrics, *, labels, settings, **facts):
    """Writes the pictures and the model card of a fine-tuned model.

    Args:
        folder: `pathlib.Path`.
        lines: entries of metrics.jsonl, dicts with `step`.
        metrics: {name: value}; `eval_confusion_matrix` is drawn if it is there.
        labels: names of the labels in the order of their ids.
        settings, facts: as in `write_model_card`.
    """
    draw_loss_curve(folder / "loss.png", lines)
    if "eval_confusion_matrix" in metrics:
        matrix = metrics["eval_confusion_matrix"]
        draw_confusion_matrix(folder / "confusion_matrix.png", matrix, labels)
    _write_card(folder, "finetune", metrics, settings=settings, **facts)


def write_pretrained(folder, lines, metrics, *, baselines, settings, start):
    """Writes the curves and the model card of a pretrained model.

    Args:
        folder, lines, metrics, settings, start: as in `write`.
        baselines: as in `draw_pretraining_curves`.
    """
    draw_pretraining_curves(folder / "loss.png", lines, baselines)
    _write_card(folder, "pretrain", metrics, settings=settings, start=start)


def _write_card(folder, verb, metrics, **facts):
    write_model_card(
        folder / "README.md",
        verb=verb,
        title=folder.resolve().name,
        metrics=metrics,
        examples=metrics["train_examples"],
        **facts,
    )
