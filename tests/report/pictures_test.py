"""The confusion matrix by what it draws; the table of classes by its text."""

import itertools
import logging

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bert_tf import report
from bert_tf.report import fonts


@pytest.fixture
def draw(tmp_path, saved_figure):
    """Draws a confusion matrix; returns its axes, and the axes of the colour bar."""

    def draw(matrix, labels):
        path = tmp_path / "confusion_matrix.png"
        draw.ids = report.draw_confusion_matrix(path, matrix, labels)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        draw.shape = matplotlib.image.imread(path).shape
        return saved_figure().axes

    return draw


def names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def numbers(axes):
    return {
        tuple(map(int, text.get_position())): text.get_text() for text in axes.texts
    }


def intents(count):
    return [f"intent {number}" for number in range(count)]


def test_shades_are_fractions_of_a_row_and_zeros_are_white(draw):
    axes, bar = draw([[1200, 400], [0, 5]], ["no", "yes"])
    (image,) = axes.images
    fractions = image.get_array()
    assert fractions.filled(-1).tolist() == [[0.75, 0.25], [-1, 1]]
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    darkness = [1 - np.mean(image.to_rgba([x])[0, :3]) for x in (0.001, 0.25, 0.75, 1)]
    assert sorted(darkness) == darkness  # In print without colours, too.
    assert darkness[0] > 0.07  # Few differ from none.
    assert image.to_rgba(fractions)[1, 0, 3] == 0
    # Columns and rows, as points (x, y).
    assert numbers(axes) == {(0, 0): "1,200", (1, 0): "400", (1, 1): "5"}
    assert bar.get_ylabel().startswith("fraction of the row, of the true label")
    assert "white: no example" in bar.get_ylabel()


def test_numbers_are_legible_on_their_shades(draw):
    axes, _ = draw([[9, 1], [1, 9]], ["no", "yes"])
    colors = {text.get_text(): to_rgb(text.get_color()) for text in axes.texts}
    assert colors == {"9": (1, 1, 1), "1": (0, 0, 0)}


def test_title_and_axes(draw):
    axes, _ = draw([[1200, 400], [0, 5]], ["no", "yes"])
    assert axes.get_title() == "Confusion matrix\n1,605 examples, accuracy 0.751"
    assert axes.get_xlabel() == "predicted"
    assert axes.get_ylabel() == "true"
    assert names(axes.xaxis) == names(axes.yaxis) == ["no", "yes"]


def test_without_examples(draw):
    axes, _ = draw([[0, 0], [0, 0]], ["no", "yes"])
    assert axes.get_title() == "Confusion matrix\n0 examples, accuracy 0.000"
    assert numbers(axes) == {}


@pytest.mark.parametrize(
    ("count", "named", "counted"),
    [(2, True, True), (50, True, True), (51, True, False), (151, False, False)],
)
def test_many_labels(draw, count, named, counted):
    axes, _ = draw(np.eye(count, dtype=int), intents(count))
    assert bool(axes.texts) == counted
    assert (names(axes.yaxis) == intents(count)) == named
    assert axes.get_ylabel() == "true" + (
        "" if named else " (id of the label in config.json)"
    )
    assert draw.ids == []
    assert 300 < min(draw.shape[:2])
    assert max(draw.shape[:2]) < 3100


def test_names_of_150_labels_do_not_overlap(draw):
    axes, _ = draw(np.eye(150, dtype=int), intents(150))
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    tops = sorted((box.y0, box.y1) for box in boxes)
    assert all(below[1] <= above[0] + 1 for below, above in itertools.pairwise(tops))
    assert np.median([box.height for box in boxes]) >= 10  # Pixels.


def test_numbers_fit_into_their_cells(draw):
    axes, _ = draw(np.full([12, 12], 123456), intents(12))
    cell = axes.get_window_extent().width / 12
    assert max(text.get_window_extent().width for text in axes.texts) < cell


def test_long_names_are_cut_in_their_middle(draw):
    axes, _ = draw(
        np.eye(3, dtype=int),
        [
            "the customer asks for the price",
            "the customer asks for a refund",
            "长" * 20,
        ],
    )
    assert names(axes.yaxis)[:2] == [
        "the customer…r the price",
        "the customer…or a refund",
    ]
    assert len(names(axes.yaxis)[2]) in (2, 12)  # By id, or 11 wide letters and "…".


def test_names_that_are_cut_alike_are_told_apart(draw):
    axes, _ = draw(np.eye(3, dtype=int), [f"{'a' * 20}{n}{'b' * 20}" for n in "xyz"])
    assert names(axes.yaxis) == [f"{'a' * 12}…{'b' * 11} #{n}" for n in range(3)]


def test_names_are_neither_tex_nor_lines(draw):
    axes, _ = draw([[1, 0], [0, 1]], ["$\\frac{$", "two\nlines\t here"])
    assert names(axes.xaxis) == ["$\\frac{$", "two lines here"]


def test_names_without_a_font_are_ids(draw, only_fonts, caplog):
    only_fonts()
    with caplog.at_level(logging.WARNING):
        axes, _ = draw(np.eye(4, dtype=int), ["no", "体育", "Ελληνικά", "\x01"])
    assert names(axes.xaxis) == ["no", "#1", "Ελληνικά", "#3"]
    assert draw.ids == [1, 3]
    assert axes.get_xlabel() == ("predicted\n(#1: label with the id 1 in config.json)")
    (message,) = caplog.messages
    assert message == (
        "confusion_matrix.png shows the labels '体育', '\\x01' by their ids (#1, #3), "
        "because no installed font has their characters; install one, such as Noto Sans "
        "of the script."
    )


def test_a_font_that_has_the_characters_is_used(draw, only_fonts, caplog):
    only_fonts("体育")
    axes, _ = draw(np.eye(2, dtype=int), ["no", "体育"])
    assert names(axes.xaxis) == ["no", "体育"]
    assert axes.get_xticklabels()[1].get_fontfamily() == [fonts.BASE, "Test 0"]
    assert (draw.ids, caplog.messages) == ([], [])


def test_the_style_of_the_session_is_neither_used_nor_changed(draw):
    with matplotlib.rc_context(
        {"text.usetex": True, "axes.facecolor": "black", "font.size": 40}
    ):
        before = dict(matplotlib.rcParams)
        axes, _ = draw([[1, 0], [0, 1]], ["a_b", "yes"])
        assert dict(matplotlib.rcParams) == before
    assert axes.get_facecolor() == (1, 1, 1, 1)
    assert not axes.title.get_usetex()


def test_table_of_classes():
    scores = {
        "per_class": {
            "no": {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 3},
            "perhaps": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1200},
        },
        "accuracy": 0.25,
        "macro_f1": 1 / 3,
        "mcc": -0.125,
    }
    assert report.format_classes(scores).splitlines() == [
        "          precision  recall     F1  support",
        "no            0.500   1.000  0.667        3",
        "perhaps       0.000   0.000  0.000     1200",
        "accuracy      0.250",
        "macro F1      0.333",
        "MCC          -0.125",
    ]
