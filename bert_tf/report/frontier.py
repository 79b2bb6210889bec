"""Size against score of several models, with those that none beats in both."""

from bert_tf.report.canvas import drawing

_POINT, _BEST = "#1f77b4", "#d95f02"


def draw_frontier(path, measured, metric, best=None):
    """Draws the score of each candidate over its size, with 95 % intervals.

    Args:
        path: PNG file to write.
        measured: {name: dict with `size_mb`, `score` and `interval_95`}.
        metric: name of the score.
        best: name of the candidate to mark, or None.
    """
    with drawing(path, width=7.0, height=4.2) as figure:
        axes = figure.add_subplot()
        front = find_frontier(measured)
        sides = zip(*[(measured[n]["size_mb"], measured[n]["score"]) for n in front])
        axes.plot(*sides, color="0.75", drawstyle="steps-post", zorder=1)
        for name, values in measured.items():
            low, high = values["interval_95"]
            size, score = values["size_mb"], values["score"]
            color = _BEST if name == best else _POINT
            axes.errorbar(
                size,
                score,
                yerr=[[max(score - low, 0)], [max(high - score, 0)]],
                fmt="o",
                color=color,
                ecolor="0.8",
                capsize=2,
                zorder=2,
            )
            axes.annotate(
                name,
                (size, max(score, high)),
                xytext=(0, 3),
                textcoords="offset points",
                rotation=75,  # Names of files of similar size do not cover each other.
                fontsize=9,
                color=color,
                fontweight="bold" if name == best else "normal",
            )
        axes.set_xscale("log")
        _name_sizes(axes, [values["size_mb"] for values in measured.values()])
        axes.set_xlabel("size (MB)")
        axes.set_ylabel(f"{metric.replace('_', ' ')} of the file, 95 % interval")
        axes.margins(x=0.08, y=0.3)
        axes.grid(visible=True)


def find_frontier(measured):
    """Returns the names of the candidates that no smaller one equals, smallest first."""
    front, most = [], float("-inf")
    for name in sorted(
        measured, key=lambda n: (measured[n]["size_mb"], -measured[n]["score"])
    ):
        if measured[name]["score"] > most:
            front.append(name)
            most = measured[name]["score"]
    return front


def _name_sizes(axes, sizes):
    """Puts plain numbers on the axis of sizes: 1, 2, 5, 10, … megabytes."""
    steps = [base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5)]
    shown = [x for x in steps if min(sizes) / 2 <= x <= max(sizes) * 2]
    axes.set_xticks(shown, [f"{x:g}" for x in shown])
    axes.minorticks_off()
