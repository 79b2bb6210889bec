"""Pictures and tables of how a run went: curves, the confusion matrix, the scores."""

import pathlib
import warnings

import numpy as np

MANY_LABELS = 100  # Names of more would not be readable in a picture: ids then.
# The first has no Chinese; of the others, those that are installed fill in.
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "PingFang SC")
_FONTS += ("Microsoft YaHei", "Arial Unicode MS")


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
    axes.plot(
        steps,
        [line["loss"] for line in trained],
        "o-" if len(trained) == 1 else "-",  # One point makes no line.
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
    """Draws the losses of both tasks over the steps, and what guessing would cost.

    Args:
        path: PNG to write.
        lines: of metrics.jsonl, dicts with `step` and some of `masked_lm`,
            `next_sentence`, `eval_masked_lm_loss` and `eval_next_sentence_loss`.
        baselines: {name: masked-LM loss in nats}, drawn as lines across.
    """
    curves = []
    for color, name in (("C0", "masked_lm"), ("C2", "next_sentence")):
        for key, side in ((name, "training"), (f"eval_{name}_loss", "held out")):
            points = [(line["step"], line[key]) for line in lines if key in line]
            style = {"color": color, "label": f"{name.replace('_', ' ')}, {side}"}
            style |= {"marker": "o"} if side == "held out" else {"alpha": 0.5}
            curves.append((points, style))
    draw_curves(path, curves, baselines, xlabel="step")


def draw_curves(path, curves, levels, *, xlabel, ylabel="loss (nats)"):
    """Draws lines through points, and levels across, with their names.

    Args:
        path: PNG to write.
        curves: list of (points, [(x, y), ...], and style, what matplotlib's plot takes,
            `label` with it); without points, nothing is drawn.
        levels: {name: y}.
        xlabel, ylabel: what the axes are.
    """
    figure, axes = _figure(width=7, height=4)
    for points, style in curves:
        if points:
            dot = {"marker": "o"} if len(points) == 1 else {}  # One makes no line.
            axes.plot(*zip(*points), **(dot | style))
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
    # Below: across the picture lie the levels.
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
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
    count = len(labels)
    side = min(2.5 + 0.55 * count, 14)  # Inches; text shrinks where labels are many.
    figure, axes = _figure(width=side + 1, height=side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    unit = "" if count <= MANY_LABELS else " (id)"
    axes.set(xlabel=f"answer{unit}", ylabel=f"true label{unit}")
    if count <= MANY_LABELS:
        names = [label if len(label) <= 24 else f"{label[:23]}…" for label in labels]
        style = {"fontsize": min(10, 400 / count), "parse_math": False}
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        places = range(count)
        flat = max(map(len, names)) <= 4
        axes.set_xticks(places, names, **style, **({} if flat else turned))
        axes.set_yticks(places, names, **style)
    if count <= 30:  # Beyond, the numbers are too small to read.
        for (row, column), number in np.ndenumerate(matrix):
            color = "white" if shares[row, column] > 0.5 else "black"
            place = {"ha": "center", "va": "center", "fontsize": min(10, 250 / count)}
            axes.text(column, row, number, color=color, **place)
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


def _figure(width, height):
    # No pyplot: it would look for a screen.
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
    path = pathlib.Path(path)
    beside = path.with_name(f".{path.name}")
    with warnings.catch_warnings():
        # A character that no font has becomes a box; that is no news for stderr.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(beside, format="png", bbox_inches="tight")
    beside.replace(path)
