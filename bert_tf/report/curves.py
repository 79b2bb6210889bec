"""Curves of a training run over its updates, in panels above each other."""

import itertools
import math

import numpy as np

from bert_tf.report.canvas import drawing

_TRAINING, _EVALUATION, _METRIC, _RATE = "#1f77b4", "#d95f02", "#2a7f3f", "0.4"
_FAINT = "#a9cbe6"  # Of the training loss before it is smoothed.
_WIDTH = 7.0  # Inches.
_SMOOTHED_FROM = 40  # Points; fewer can be followed by eye.
_MARKED_TO = 40  # Points; more would cover the line.
_CHANCE = math.log(2)  # Loss in nats of a guess between two.


def draw_loss_curve(path, lines, metric=""):
    """Draws the training and evaluation loss, a metric and the learning rate.

    Args:
        path: PNG file to write.
        lines: entries of metrics.jsonl, dicts with `step`, and `loss` and
            `learning_rate`, or `eval_loss` and `eval_…`. What no entry has is not drawn.
        metric: name of the score that decides which weights are best; higher is better.
    """
    losses, rates = _points(lines, "eval_loss"), _points(lines, "learning_rate")
    scores, name = _points(lines, f"eval_{metric}"), metric.replace("_", " ")
    evaluation = "evaluation"
    if losses and len(scores) == 1:  # No curve, so it needs no panel.
        evaluation += f" ({name} {scores[0][1]:.4g})"
        scores = []
    heights = [2.6, 1.7 * bool(scores), 0.7 * bool(rates)]
    with drawing(path, width=_WIDTH, height=sum(heights) + 0.9) as figure:
        panels = _panels(figure, heights)
        axes = next(panels)
        _draw_losses(axes, _points(lines, "loss"), losses, evaluation)
        axes.set_ylabel("loss")
        _finish(axes)
        if scores:
            _draw_metric(next(panels), scores, name)
        if rates:
            _draw_rates(next(panels), rates)
        _label_steps(figure, lines)


def draw_pretraining_curves(path, lines, baselines, phases=()):
    """Draws the losses of both pretraining tasks, with baselines, and the learning rate.

    Args:
        path: PNG file to write.
        lines: entries of metrics.jsonl, dicts with `step` and some of `masked_lm`,
            `next_sentence`, `eval_masked_lm_loss`, `eval_next_sentence_loss` and
            `learning_rate`.
        baselines: {name: masked-LM loss in nats}, drawn as horizontal lines.
        phases: [(length, updates), …] of a run with several lengths.
    """
    losses = {
        name: (_points(lines, name), _points(lines, f"eval_{name}_loss"))
        for name in ("masked_lm", "next_sentence")
    }
    pairs, rates = any(losses["next_sentence"]), _points(lines, "learning_rate")
    heights = [2.8, 1.6 * pairs, 0.7 * bool(rates)]
    with drawing(path, width=_WIDTH, height=sum(heights) + 0.9) as figure:
        panels = _panels(figure, heights)
        axes = next(panels)
        _draw_losses(axes, *losses["masked_lm"], "held out")
        axes.set_ylabel("loss of masked\ntokens (nats)")
        _draw_levels(axes, baselines, heights[0])
        _finish(axes)
        if pairs:
            axes = next(panels)
            _draw_losses(axes, *losses["next_sentence"], "held out")
            axes.set_ylabel("loss of next\nsentence (nats)")
            _draw_levels(axes, {"chance": _CHANCE}, heights[1])
            _finish(axes)
        if rates:
            _draw_rates(next(panels), rates)
        begin = 0
        for (_, steps), (length, _) in itertools.pairwise(phases):
            begin += steps
            for axes in figure.axes:
                axes.axvline(begin, color="0.6", linewidth=1, linestyle=":")
            last = figure.axes[-1]
            last.plot(
                [], ":", color="0.6", label=f"{length} tokens from step {begin:,}"
            )
            _finish(last)
        _label_steps(figure, lines)


def draw_curves(path, curves, levels, *, xlabel, ylabel="loss (nats)"):
    """Draws curves, and named horizontal lines.

    Args:
        path: PNG file to write.
        curves: list of (points, style). Points are [(x, y), …]; a curve without points
            is left out. Style has the options of matplotlib's `plot`, with `label`.
        levels: {name: y} of the horizontal lines.
        xlabel, ylabel: labels of the axes.
    """
    height = 3.6
    with drawing(path, width=_WIDTH, height=height) as figure:
        (axes,) = _panels(figure, [height])
        for points, style in curves:
            if points:
                # A line of one point is invisible.
                marker = {"marker": "o"} if len(points) == 1 else {}
                axes.plot(*zip(*points), **(marker | style))
        axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None))
        _draw_levels(axes, levels, height - 1)
        _finish(axes)


def smooth(steps, values, width):
    """Returns for each point the mean of the points within half a width of its step.

    Args:
        steps: increasing numbers.
        values: floats, as many.
        width: in steps.
    """
    steps, sums = np.asarray(steps), np.cumsum([0.0, *values])
    first = np.searchsorted(steps, steps - width / 2, "left")
    after = np.searchsorted(steps, steps + width / 2, "right")
    return (sums[after] - sums[first]) / (after - first)


def _points(lines, key):
    """Returns [(step, value), …] of the lines that have a finite value."""
    values = [(line["step"], line.get(key)) for line in lines]
    return [(s, x) for s, x in values if x is not None and math.isfinite(x)]


def _panels(figure, heights):
    """Yields axes above each other, for each height above 0."""
    heights = [height for height in heights if height]
    axes = figure.subplots(
        len(heights), sharex=True, squeeze=False, height_ratios=heights
    )
    for panel in axes[:, 0]:
        panel.grid(axis="y")
        yield panel


def _draw_losses(axes, trained, evaluated, name):
    if len(trained) >= _SMOOTHED_FROM:
        steps, losses = zip(*trained)
        width = _round((steps[-1] - steps[0]) / 25)
        axes.plot(steps, losses, color=_FAINT, linewidth=0.9, label="training")
        label = f"training, mean of {width:,} steps"
        axes.plot(steps, smooth(steps, losses, width), color=_TRAINING, label=label)
    else:
        _draw_points(axes, trained, color=_TRAINING, label="training")
    _draw_points(axes, evaluated, color=_EVALUATION, label=name)
    low, high = axes.dataLim.intervaly
    # A loss that has come close to 0 is shown with the 0 that it approaches.
    if low < high / 2 or low == high:
        axes.set_ylim(0, 1.05 * high or 1)


def _round(number):
    """Returns a number with one digit that is not 0, and 1 or more."""
    number = max(round(number), 1)
    return round(number, 1 - len(str(number)))


def _draw_points(axes, points, **style):
    if points:
        marker = "o" if len(points) <= _MARKED_TO else ""
        axes.plot(*zip(*points), marker=marker, markersize=4, **style)


def _draw_metric(axes, scores, name):
    _draw_points(axes, scores, color=_METRIC, label=name)
    # The first of equals is the one that training keeps.
    step, best = max(scores, key=lambda point: point[1])
    axes.plot(
        *(step, best, "*"),
        color=_METRIC,
        markersize=13,
        markeredgecolor="white",
        zorder=3,
        label=f"best: {best:.4g} at step {step:,}",
    )
    if len({score for _, score in scores}) == 1:
        axes.set_ylim(best - 0.05, best + 0.05)
    axes.set_ylabel(name)
    _finish(axes)


def _draw_rates(axes, rates):
    peak = max(rate for _, rate in rates)
    label = f"learning rate, highest logged {peak:.3g}"
    _draw_points(axes, rates, color=_RATE, linewidth=1, label=label)
    axes.lines[-1].set_marker("o" if len(rates) == 1 else "")
    axes.set_ylim(0, 1.1 * peak or 1)
    axes.set_yticks([0, peak] if peak else [0], ["0", f"{peak:.2g}"][: 1 + bool(peak)])
    _finish(axes)


def _draw_levels(axes, levels, height):
    """Draws horizontal lines, and names them at the right of the axes.

    Args:
        axes: with its curves.
        levels: {name: y}.
        height: of the axes in inches, about.
    """
    if not levels:
        return
    for level in levels.values():
        axes.axhline(level, color="0.6", linewidth=1, linestyle="--", zorder=1)
    low, high = axes.get_ylim()
    high = max(high, max(levels.values()) + 0.05 * (high - low))
    axes.set_ylim(low, high)
    ordered = sorted(levels.items(), key=lambda item: item[1])
    places = _spread(
        [(level - low) / (high - low) for _, level in ordered], 0.16 / height
    )
    for (name, level), place in zip(ordered, places):
        axes.text(
            *(1.01, place, f"{name} {level:.2f}"),
            transform=axes.transAxes,
            va="center",
            color="0.35",
            fontsize=8,
        )


def _spread(places, gap):
    """Moves increasing numbers apart, upwards, until there is a gap between them."""
    spread = []
    for place in places:
        spread.append(max(place, spread[-1] + gap) if spread else place)
    return spread


def _finish(axes):
    """Puts the legend above the axes, where no curve is."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        borderpad=0.2,
        borderaxespad=0.1,
        handlelength=1.6,
        columnspacing=1.6,
    )


def _label_steps(figure, lines):
    """Labels the axis that all panels share, with whole steps."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.axes[-1]
    last = max((line["step"] for line in lines), default=1)
    axes.set_xlim(0, max(1.015 * last, 2))
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    epochs = [line["step"] / line["epoch"] for line in lines if line.get("epoch")]
    axes.set_xlabel(f"step ({epochs[-1]:,.0f} an epoch)" if epochs else "step")
    figure.align_ylabels()
