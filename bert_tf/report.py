"""What a person looks at: curves, the confusion matrix, the scores, the model card."""

import pathlib

import numpy as np


def draw_loss_curve(path, lines):
    """Draws loss, learning rate and evaluations over the steps.

    Args:
        path: PNG to write.
        lines: of metrics.jsonl, dicts with `step` and some of `loss`, `learning_rate`
            and `eval_…`.
    """
    figure, axes = _figure(width=7, height=4)
    trained = [line for line in lines if "loss" in line]
    steps = [line["step"] for line in trained]
    axes.plot(steps, [line["loss"] for line in trained], color="C0", label="training")
    evaluated = [line for line in lines if "eval_loss" in line]
    if evaluated:
        axes.plot(
            [line["step"] for line in evaluated],
            [line["eval_loss"] for line in evaluated],
            "o-",
            color="C1",
            label="evaluation",
        )
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    rates = axes.twinx()
    rates.plot(
        steps, [line["learning_rate"] for line in trained], color="0.7", linewidth=1
    )
    rates.set(ylabel="learning rate (grey)", ylim=(0, None))
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes.set_zorder(rates.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_confusion_matrix(path, matrix, labels):
    """Draws how often each true label (rows) got each answer (columns).

    Args:
        path: PNG to write.
        matrix: counts, [labels][labels].
        labels: names, in the matrix's order.
    """
    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.55 * len(labels)
    figure, axes = _figure(width=size + 1, height=size)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(labels))
    axes.set(xticks=places, yticks=places, xlabel="answer", ylabel="true label")
    axes.set_xticklabels(labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticklabels(labels)
    if len(labels) <= 30:  # Beyond, the numbers are too small to read.
        for row in places:
            for column in places:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column,
                    row,
                    matrix[row, column],
                    ha="center",
                    va="center",
                    color=color,
                )
    _save(figure, path)


def format_classes(scores):
    """Returns a text table of precision, recall and F1 of each class, and the means."""
    width = max(len(label) for label in [*scores["per_class"], "macro F1"])
    lines = [f"{'':{width}}  precision  recall     F1  support"]
    for label, of_class in scores["per_class"].items():
        lines.append(
            f"{label:{width}}  {of_class['precision']:9.3f}  {of_class['recall']:6.3f}  "
            f"{of_class['f1']:5.3f}  {of_class['support']:7d}"
        )
    lines.append(f"{'accuracy':{width}}  {scores['accuracy']:9.3f}")
    lines.append(f"{'macro F1':{width}}  {scores['macro_f1']:9.3f}")
    lines.append(f"{'MCC':{width}}  {scores['mcc']:9.3f}")
    return "\n".join(lines)


def write_model_card(path, *, title, start, task, metrics, settings, examples):
    """Writes README.md of a model folder.

    Args:
        path: file to write.
        title: name of the model.
        start: the model that training began with.
        task: the task's name.
        metrics: {name: value}; numbers become a table.
        settings: {flag: value} that repeat the run.
        examples: training examples.
    """
    numbers = {
        name: value for name, value in metrics.items() if isinstance(value, float)
    }
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in numbers.items())
    flags = " \\\n  ".join(f"--{name}={value}" for name, value in settings.items())
    text = f"""---
library_name: bert_tf
pipeline_tag: text-{task}
---

# {title}

A BERT for {task}, fine-tuned from `{start}` on {examples:,} examples with bert_tf. It
loads in bert_tf and, unchanged, in transformers.

| evaluation | value |
|---|---|
{rows or "| none | |"}

```python
import bert_tf

print(bert_tf.Model("{title}").predict(["…"]))
```

Made by:

```bash
python scripts/finetune.py \\
  {flags}
```

What it learnt, it learnt from its training texts: it repeats their biases and knows
nothing of labels that they lack. Look at its errors before you rely on it.
"""
    pathlib.Path(path).write_text(text, encoding="utf-8")


def _figure(width, height):
    # No pyplot: it would look for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _save(figure, path):
    path = pathlib.Path(path)
    beside = path.with_name(f".{path.name}")
    figure.savefig(beside, format="png")
    beside.replace(path)
