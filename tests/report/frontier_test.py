"""The picture of sizes and scores, by its texts and points."""

import matplotlib.image

from bert_tf import report


def test_names_points_and_the_best(tmp_path, saved_figure):
    measured = {
        name: {"size_mb": size, "score": score, "interval_95": [score - 0.02, score]}
        for name, size, score in (("a", 2.0, 0.8), ("b", 20.0, 0.9), ("c", 25.0, 0.9))
    }
    report.draw_frontier(tmp_path / "x.png", measured, "macro_f1", best="b")
    height, width, _ = matplotlib.image.imread(tmp_path / "x.png").shape
    assert 500 < height < width < 1300
    (axes,) = saved_figure().axes
    names = {text.get_text(): text for text in axes.texts}
    assert list(names) == ["a", "b", "c"]
    assert [n for n, text in names.items() if text.get_weight() == "bold"] == ["b"]
    front = axes.lines[0]
    assert list(front.get_xdata()) == [2.0, 20.0]
    assert list(front.get_ydata()) == [0.8, 0.9]
    assert axes.get_ylabel() == "macro f1 of the file, 95 % interval"
    assert axes.get_xscale() == "log"
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert shown == ["1", "2", "5", "10", "20", "50"]
