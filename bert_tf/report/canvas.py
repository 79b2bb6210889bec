"""Figures that need no screen, are alike in every session, and are written whole."""

import contextlib

from bert_tf.ground import replacing
from bert_tf.report.fonts import quiet

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "0.5",
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "grid.color": "0.92",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextlib.contextmanager
def drawing(path, *, width, height, families=(), layout="constrained"):
    """Yields a matplotlib figure, and writes it if no exception is raised.

    Args:
        path: PNG file to write.
        width, height: in inches, of 150 pixels.
        layout: of matplotlib; None if the axes are placed by hand.
        families: fonts, see `fonts.find_fonts`; matplotlib's own if there are none.
    """
    # pyplot would need a screen, and would keep the figure.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A user's style (dark, or LaTeX that is not installed) is for the user's figures.
    with matplotlib.rc_context(), quiet():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        if families:
            matplotlib.rcParams["font.family"] = list(families)
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)
        FigureCanvasAgg(figure)
        yield figure
        # "tight" draws twice; without a layout to find, measuring is enough.
        box = "tight" if layout else figure.get_tightbbox().padded(0.1)
        with replacing(path) as beside:
            figure.savefig(beside, format="png", bbox_inches=box, facecolor="white")
