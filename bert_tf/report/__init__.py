"""What a person looks at: curves, the confusion matrix, the scores, the model card."""

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


def write(folder, lines, metrics, *, labels, settings, **said):
    """Writes the pictures and the card of a fine-tuned model's folder.

    Args:
        folder: `pathlib.Path`.
        lines: of metrics.jsonl, dicts with `step`.
        metrics: {name: value}; a confusion matrix among them is drawn.
        labels: names in the order of their ids, for its axes.
        settings, said: as in `write_model_card`.
    """
    draw_loss_curve(folder / "loss.png", lines)
    if "eval_confusion_matrix" in metrics:
        matrix = metrics["eval_confusion_matrix"]
        draw_confusion_matrix(folder / "confusion_matrix.png", matrix, labels)
    write_model_card(
        folder / "README.md",
        script="finetune",
        title=folder.resolve().name,
        metrics=metrics,
        settings=settings,
        examples=metrics["train_examples"],
        **said,
    )


def write_pretrained(folder, lines, metrics, *, baselines, settings, start):
    """Writes the curves and the card of a pretrained model's folder.

    Args:
        folder, lines, metrics, settings, start: as in `write`.
        baselines: as in `draw_pretraining_curves`.
    """
    draw_pretraining_curves(folder / "loss.png", lines, baselines)
    write_model_card(
        folder / "README.md",
        script="pretrain",
        title=folder.resolve().name,
        metrics=metrics,
        settings=settings,
        start=start,
        examples=metrics["train_examples"],
    )
