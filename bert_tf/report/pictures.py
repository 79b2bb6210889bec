"""Pictures of a run: loss curves and the confusion matrix."""

import warnings

import numpy as np

from bert_tf.ground import replacing

MANY_LABELS = 100  # Above this, axes show ids, since names would be unreadable.
# The first has no Chinese characters; the others add them if they are installed.
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "PingFang SC")
_FONTS += ("Microsoft YaHei", "Arial Unicode MS")


def draw_loss_curve(path, lines):
    """Draws the training loss, the evaluation loss and the learning rate over the steps.

    Args:
        path: PNG file to write.
        lines: entries of metrics.jsonl, dicts with `step`, and `loss` and
            `learning_rate`, or `eval_loss`.
    """
    figure, axes = _figure(width=7, height=4)
    trained = [line for line in lines if "loss" in line]
    steps = [line["step"] for line in trained]
    axes.plot(
        steps,
        [line["loss"] for line in trained],
        "o-" if len(trained) == 1 else "-",  # A line of one point is invisible.
        color="C0",
        label="training",
    )
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


def draw_pretraining_curves(path, lines, baselines):
    """Draws the losses of both pretraining tasks over the steps, with baselines.

    Args:
        path: PNG file to write.
        lines: entries of metrics.jsonl, dicts with `step` and some of `masked_lm`,
            `next_sentence`, `eval_masked_lm_loss` and `eval_next_sentence_loss`.
        baselines: {name: masked-LM loss in nats}, drawn as horizontal lines.
    """
    curves = []
    for color, name in (("C0", "masked_lm"), ("C2", "next_sentence")):
        for key, split in ((name, "training"), (f"eval_{name}_loss", "held out")):
            points = [(line["step"], line[key]) for line in lines if key in line]
            style = {"color": color, "label": f"{name.replace('_', ' ')}, {split}"}
            style |= {"marker": "o"} if split == "held out" else {"alpha": 0.5}
            curves.append((points, style))
    draw_curves(path, curves, baselines, xlabel="step")


def draw_curves(path, curves, levels, *, xlabel, ylabel="loss (nats)"):
    """Draws curves, and named horizontal lines.

    Args:
        path: PNG file to write.
        curves: list of (points, style). Points are [(x, y), …]; a curve without points
            is left out. Style has the options of matplotlib's `plot`, with `label`.
        levels: {name: y} of the horizontal lines.
        xlabel, ylabel: labels of the axes.
    """
    figure, axes = _figure(width=7, height=4)
    for points, style in curves:
        if points:
            # A line of one point is invisible.
            marker = {"marker": "o"} if len(points) == 1 else {}
            axes.plot(*zip(*points), **(marker | style))
    for name, level in levels.items():
        axes.axhline(level, color="0.6", linewidth=1, linestyle="--")
        axes.annotate(
            name,
            (1, level),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color="0.4",
            fontsize=8,
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None))
    # Inside the axes the legend would cover the horizontal lines.
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _save(figure, path)


def draw_confusion_matrix(path, matrix, labels):
    """Draws how often each true label (rows) got each prediction (columns).

    Args:
        path: PNG file to write.
        matrix: counts, [labels][labels].
        labels: names in the order of the matrix.
    """
    matrix = np.asarray(matrix)
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    count = len(labels)
    side = min(2.5 + 0.55 * count, 14)  # Inches; with many labels the text shrinks.
    figure, axes = _figure(width=side + 1, height=side)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    unit = "" if count <= MANY_LABELS else " (id)"
    axes.set(xlabel=f"prediction{unit}", ylabel=f"true label{unit}")
    if count <= MANY_LABELS:
        names = [label if len(label) <= 24 else f"{label[:23]}…" for label in labels]
        style = {"fontsize": min(10, 400 / count), "parse_math": False}
        rotated = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        are_short = max(map(len, names)) <= 4
        axes.set_xticks(range(count), names, **style, **({} if are_short else rotated))
        axes.set_yticks(range(count), names, **style)
    if count <= 30:  # With more labels the numbers are too small to read.
        style = {"ha": "center", "va": "center", "fontsize": min(10, 250 / count)}
        for (row, column), number in np.ndenumerate(matrix):
            color = "white" if fractions[row, column] > 0.5 else "black"
            axes.text(column, row, number, color=color, **style)
    _save(figure, path)


def _figure(width, height):
    # pyplot would need a screen.
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    installed = set(font_manager.get_font_names())
    fonts = [name for name in _FONTS if name in installed]
    with matplotlib.rc_context({"font.family": fonts}):
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots()


def _save(figure, path):
    with replacing(path) as beside, warnings.catch_warnings():
        # Characters that no font has are drawn as boxes; a warning would not help.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(beside, format="png", bbox_inches="tight")
