"""The confusion matrix as a picture, and a table of classes."""

import collections
import logging
import pathlib
import unicodedata

import numpy as np

from bert_tf.ground import quote_all
from bert_tf.report import fonts
from bert_tf.report.canvas import drawing

_log = logging.getLogger(__name__)

NAMED_LABELS = 150  # With more labels, axes show ids, since names would be unreadable.
_COUNTED_LABELS = 50  # With more labels, numbers in the cells would be.
_LONGEST = 24  # Latin letters of a name; others are cut.


def draw_confusion_matrix(path, matrix, labels):
    """Draws how often each true label (rows) got each prediction (columns).

    A label whose characters are in no installed font is shown by its id, as "#7"; a
    warning says so.

    Args:
        path: PNG file to write.
        matrix: counts, [labels][labels].
        labels: names in the order of the matrix.

    Returns:
        list of the ids that stand for names, as in "#7".
    """
    matrix, count = np.asarray(matrix), len(labels)
    named = count <= NAMED_LABELS
    names, families, ids = _names(path, labels) if named else ([], [], [])
    # In inches; large pictures are looked at from farther away.
    cell = 0.62 * min((10 / count) ** 0.65, 1)
    side = min(max(cell * count, 2.2), 16)
    size = max(11, 1.2 * side)
    width = side + 0.8  # Labels stand outside, where the figure grows to hold them.
    with drawing(
        path, width=width, height=side, families=families, layout=None
    ) as figure:
        axes = figure.add_axes((0, 0, side / width, 1))
        bar = figure.add_axes(((side + 0.15) / width, 0.05, 0.035 * side / width, 0.9))
        _draw_fractions(axes, bar, matrix, size)
        examples = int(matrix.sum())
        accuracy = matrix.trace() / max(examples, 1)
        axes.set_title(
            f"Confusion matrix\n{examples:,} examples, accuracy {accuracy:.3f}",
            fontsize=size,
        )
        unit = "" if named else " (id of the label in config.json)"
        note = (
            f"\n(#{ids[0]}: label with the id {ids[0]} in config.json)" if ids else ""
        )
        axes.set_xlabel(f"predicted{unit}{note}", fontsize=size)
        axes.set_ylabel(f"true{unit}", fontsize=size)
        axes.tick_params(labelsize=min(10, 62 * cell) if named else size)
        _draw_names(axes, names, cell)
        _draw_grid(axes, count)
        if count <= _COUNTED_LABELS:
            _draw_counts(axes, matrix, cell)
    return ids


def format_classes(scores):
    """Returns a text table of precision, recall and F1 of each class, and their means.

    Args:
        scores: dict with `per_class`, {label: dict with `precision`, `recall`, `f1` and
            `support`}, and `accuracy`, `macro_f1` and `mcc`.
    """
    width = max(len(label) for label in [*scores["per_class"], "macro F1"])
    lines = [f"{'':{width}}  precision  recall     F1  support"]
    for label, score in scores["per_class"].items():
        lines.append(
            f"{label:{width}}  {score['precision']:9.3f}  {score['recall']:6.3f}  "
            f"{score['f1']:5.3f}  {score['support']:7d}"
        )
    lines.append(f"{'accuracy':{width}}  {scores['accuracy']:9.3f}")
    lines.append(f"{'macro F1':{width}}  {scores['macro_f1']:9.3f}")
    lines.append(f"{'MCC':{width}}  {scores['mcc']:9.3f}")
    return "\n".join(lines)


def _names(path, labels):
    """Returns what the axes show for labels, the fonts, and the ids that stand for names."""
    names = [_cut(fonts.clean(label)) for label in labels]
    families, missing = fonts.find_fonts(names)
    ignored = set(filter(fonts.is_invisible, missing))
    ids = []
    for number, name in enumerate(names):
        names[number] = name = "".join(c for c in name if c not in ignored)
        if missing & set(name) or not name:
            names[number] = f"#{number}"
            ids.append(number)
    twice = {name for name, times in collections.Counter(names).items() if times > 1}
    names = [f"{x} #{n}" if x in twice else x for n, x in enumerate(names)]
    if ids:
        _log.warning(
            "%s shows the labels %s by their ids (%s), because no installed font has "
            "their characters; install one, such as Noto Sans of the script.",
            pathlib.Path(path).name,
            quote_all(labels[number] for number in ids),
            ", ".join(names[number] for number in ids[:12]),
        )
    return names, families, ids


def _width(text):
    """Returns the width of a text in Latin letters."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _cut(name):
    """Shortens a name in its middle, since many names begin, or end, alike."""
    if _width(name) <= _LONGEST:
        return name
    for kept in range(len(name), 0, -1):
        head, tail = name[: kept - kept // 2], name[len(name) - kept // 2 :]
        if _width(head) + _width(tail) < _LONGEST:
            return f"{head}…{tail}"


def _draw_fractions(axes, bar, matrix, size):
    import matplotlib
    from matplotlib.colors import ListedColormap

    # Even one error among many examples has a shade that differs from no error, white.
    shades = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.12, 1, 256)))
    fractions = np.ma.masked_equal(_fractions(matrix), 0)
    image = axes.imshow(fractions, cmap=shades, vmin=0, vmax=1)
    bar = axes.figure.colorbar(image, cax=bar)
    bar.set_label(
        "fraction of the row, of the true label\n(white: no example)",
        fontsize=0.8 * size,
    )
    bar.ax.tick_params(labelsize=0.8 * size)
    bar.outline.set_visible(False)


def _fractions(matrix):
    """Returns the counts as fractions of their row; an empty row stays 0."""
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def _draw_names(axes, names, cell):
    if not names:
        return
    count = len(names)
    style = {"parse_math": False}
    angle = 45 if count <= _COUNTED_LABELS else 90
    rotated = {"rotation": angle, "ha": "right", "rotation_mode": "anchor"}
    if angle == 90:
        rotated["va"] = "center"
    fit = max(map(_width, names)) * 0.09 < cell
    axes.set_xticks(range(count), names, **style, **({} if fit else rotated))
    axes.set_yticks(range(count), names, **style)
    axes.tick_params(length=2)


def _draw_grid(axes, count):
    # Not with minor ticks: a hundred of them take a second.
    edges = np.arange(0, count + 1, 1 if count <= _COUNTED_LABELS else 5) - 0.5
    ends = (-0.5, count - 0.5)
    style = {"colors": "0.88", "linewidth": 0.6, "zorder": 0.9}
    axes.vlines(edges, *ends, **style)
    axes.hlines(edges, *ends, **style)
    axes.spines[:].set_visible(True)


def _draw_counts(axes, matrix, cell):
    fractions = _fractions(matrix)
    longest = len(f"{matrix.max():,}")
    size = min(10, 62 * cell, 110 * cell / longest)
    for row, column in zip(*np.nonzero(matrix)):
        color = "white" if fractions[row, column] > 0.5 else "black"
        axes.text(
            *(column, row, f"{matrix[row, column]:,}"),
            color=color,
            fontsize=size,
            ha="center",
            va="center",
            in_layout=False,
        )
