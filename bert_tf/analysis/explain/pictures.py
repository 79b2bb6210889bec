"""Pictures of explanations: curves of masked words, and the attention of all heads."""

import numpy as np

from bert_tf.report.canvas import drawing

_COLOURS = ("#1f77b4", "#d95f02", "#7570b3", "#1b9e77", "#e7298a")
_MOST_NAMES = 40  # Words beside an axis, which more would make unreadable.


def draw_curves(path, fractions, measured, titles):
    """Draws the mean probability against the share of the words that is masked, or kept.

    Args:
        path: PNG file to write.
        fractions: float [F].
        measured: as `faithfulness.measure` returns it.
        titles: {method: title}.
    """
    with drawing(path, width=8.0, height=3.4) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, name, says in (
            (left, "deletion", "words masked, those of the largest weights first"),
            (right, "insertion", "words shown, those of the largest weights first"),
        ):
            for colour, method in zip(_COLOURS, titles):
                axes.plot(
                    np.multiply(fractions, 100),
                    measured[method][name].mean(axis=0),
                    color=colour,
                    marker=".",
                    label=titles[method],
                )
            axes.plot(
                np.multiply(fractions, 100),
                measured["random"][name].mean(axis=0),
                color="0.5",
                linestyle="--",
                label="Random order",
            )
            axes.set_xlabel(f"% of {says}")
            axes.grid(visible=True)
        left.set_ylabel("mean probability of what was predicted")
        right.legend(loc="lower right")


def draw_attention(path, attention, tokens):
    """Draws the attention of each head of each layer as a small square.

    Args:
        path: PNG file to write.
        attention: float [Y, N, L, L]; rows attend to columns.
        tokens: list of L strings.
    """
    layers, heads = attention.shape[:2]
    side = min(1.1, 8 / heads)  # Larger pictures are shrunk on the page, text included.
    with drawing(path, width=side * heads + 0.8, height=side * layers + 0.8) as figure:
        grid = figure.subplots(layers, heads, squeeze=False)
        for layer in range(layers):
            for head in range(heads):
                axes = grid[layer][head]
                axes.imshow(attention[layer, head], cmap="Blues", vmin=0, vmax=1)
                axes.set_xticks([])
                axes.set_yticks([])
                if not layer:
                    axes.set_title(head, fontsize=8)
            grid[layer][0].set_ylabel(layer, fontsize=8)
        shown = " ".join(tokens[:_MOST_NAMES])
        figure.supxlabel(
            f"each square: to which token (across) each token attends: {shown}",
            fontsize=8,
        )
        figure.supylabel("layer", fontsize=8)
        figure.suptitle("head", fontsize=8)
