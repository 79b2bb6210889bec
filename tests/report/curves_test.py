"""Curves by the numbers and texts in their panels."""

import itertools
import math

import matplotlib.image
import numpy as np
import pytest

from bert_tf import report
from bert_tf.report import curves

TRAINED = [
    {"step": step, "loss": 2 / step, "learning_rate": 1e-4 / step, "epoch": step / 20}
    for step in (1, 10, 20, 30)
]
SCORED = [
    {"step": step, "eval_loss": 1 / step, "eval_macro_f1": score}
    for step, score in ((10, 0.5), (20, 0.75), (30, 0.75))
]


@pytest.fixture
def draw(tmp_path, saved_figure):
    """Draws with a function of `report` or `curves`; returns the axes of the panels."""

    def draw(function, *arguments, **options):
        function(tmp_path / "loss.png", *arguments, **options)
        assert [file.name for file in tmp_path.iterdir()] == ["loss.png"]
        height, width, _ = matplotlib.image.imread(tmp_path / "loss.png").shape
        assert 400 < height < 1000 < width < 1300
        figure = saved_figure()
        figure.draw_without_rendering()
        for axes in figure.axes:
            _check_legend(axes)
        return figure.axes

    return draw


def _check_legend(axes):
    """Checks that it is above the axes, where no curve is, and inside of the figure."""
    box, figure = axes.get_legend().get_window_extent(), axes.figure.bbox
    assert box.y0 >= axes.get_window_extent().y1 - 1
    assert box.x1 <= figure.x1


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label):
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return [tuple(point) for point in line.get_xydata().tolist()]


def long_run(steps, every=10):
    return [
        {"step": step, "loss": 1 + (-1) ** (step // every), "learning_rate": 5e-5}
        for step in range(every, steps + 1, every)
    ]


class TestLossCurve:
    def test_panels(self, draw):
        loss, metric, rate = draw(report.draw_loss_curve, TRAINED + SCORED, "macro_f1")
        assert legend(loss) == ["training", "evaluation"]
        assert line(loss, "training") == [(1, 2), (10, 0.2), (20, 0.1), (30, 2 / 30)]
        assert line(loss, "evaluation") == [(10, 0.1), (20, 0.05), (30, 1 / 30)]
        assert legend(metric) == ["macro f1", "best: 0.75 at step 20"]
        assert line(metric, "macro f1") == [(10, 0.5), (20, 0.75), (30, 0.75)]
        assert line(metric, "best: 0.75 at step 20") == [(20, 0.75)]
        assert legend(rate) == ["learning rate, highest logged 0.0001"]
        heights = [axes.get_position().height for axes in (loss, metric, rate)]
        assert heights == sorted(heights, reverse=True)
        labels = [axes.get_ylabel() for axes in (loss, metric)]
        assert labels == ["loss", "macro f1"]
        assert rate.get_xlabel() == "step (20 an epoch)"

    def test_no_peak_is_clipped(self, draw):
        lines = [{"step": 0, "loss": 48.0, "learning_rate": 0.0}, *long_run(1000)]
        for axes in draw(report.draw_loss_curve, lines, "accuracy"):
            (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
            points = np.concatenate([line.get_xydata() for line in axes.lines])
            assert (points[:, 1] < high).all()
            assert (points[:, 1] >= low).all()
            assert (points[:, 0] >= left).all()
            assert (points[:, 0] < right).all()

    def test_a_loss_near_0_is_shown_with_0(self, draw):
        assert draw(report.draw_loss_curve, TRAINED)[0].get_ylim()[0] == 0
        far = [{"step": step, "loss": 10 - step / 10} for step in (1, 2, 3)]
        assert draw(report.draw_loss_curve, far)[0].get_ylim()[0] > 9

    def test_a_long_run_is_smoothed_and_says_so(self, draw):
        loss, _ = draw(report.draw_loss_curve, long_run(12_600))
        assert legend(loss) == ["training", "training, mean of 500 steps"]
        assert len(line(loss, "training")) == 1260
        smoothed = np.array(line(loss, "training, mean of 500 steps"))
        assert smoothed[:, 0].tolist() == [x for x, _ in line(loss, "training")]
        # Losses alternate between 0 and 2.
        assert smoothed[100:-100, 1] == pytest.approx(1, abs=0.05)

    def test_ticks_are_whole_steps_with_separators(self, draw):
        axes = draw(report.draw_loss_curve, long_run(12_600))[-1]
        shown = [label.get_text() for label in axes.get_xticklabels()]
        assert shown[:3] == ["0", "2,000", "4,000"]
        axes = draw(report.draw_loss_curve, TRAINED[:1])[-1]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]

    @pytest.mark.parametrize("lines", [TRAINED[:1], TRAINED[:1] + SCORED[:1]])
    def test_a_single_point_is_marked(self, draw, lines):
        for axes in draw(report.draw_loss_curve, lines, "macro_f1"):
            assert all(line.get_marker() not in ("", "None") for line in axes.lines)
        assert len(axes.figure.axes) == 2

    def test_a_single_score_is_in_the_legend(self, draw):
        loss, _ = draw(report.draw_loss_curve, TRAINED + SCORED[:1], "macro_f1")
        assert legend(loss) == ["training", "evaluation (macro f1 0.5)"]

    def test_without_evaluation(self, draw):
        loss, _ = draw(report.draw_loss_curve, TRAINED, "accuracy")
        assert legend(loss) == ["training"]

    def test_a_metric_without_a_loss(self, draw):
        lines = TRAINED + [{"step": 30, "eval_mrr": 0.5}]
        loss, metric, _ = draw(report.draw_loss_curve, lines, "mrr")
        assert legend(loss) == ["training"]
        assert line(metric, "mrr") == [(30, 0.5)]
        assert metric.get_ylim() == (0.45, 0.55)

    def test_hundreds_of_evaluations_are_a_line(self, draw):
        lines = [{"step": n, "eval_f1": math.sin(n / 99)} for n in range(1, 400)]
        _, metric, _ = draw(report.draw_loss_curve, lines + TRAINED, "f1")
        assert metric.lines[0].get_marker() == ""
        assert legend(metric)[1] == "best: 1 at step 156"

    def test_values_that_are_not_finite_are_left_out(self, draw):
        lines = [
            {"step": 5, "eval_loss": None, "eval_f1": None},
            {"step": 6, "eval_loss": math.inf, "eval_f1": math.nan},
            {"step": 7, "eval_loss": 0.5, "eval_f1": 0.25},
            {"step": 8, "eval_loss": 0.4, "eval_f1": 0.125},
        ]
        loss, metric, _ = draw(report.draw_loss_curve, lines + TRAINED, "f1")
        assert line(loss, "evaluation") == [(7, 0.5), (8, 0.4)]
        assert line(metric, "f1") == [(7, 0.25), (8, 0.125)]

    def test_a_rate_of_0(self, draw):
        axes = draw(
            report.draw_loss_curve, [{"step": 1, "loss": 1.0, "learning_rate": 0.0}]
        )[1]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["0"]


PRETRAINED = (
    {"step": 1, "masked_lm": 6.0, "next_sentence": 0.7, "learning_rate": 1e-4},
    {"step": 9, "masked_lm": 5.0, "next_sentence": 0.6, "learning_rate": 5e-5},
    {"step": 9, "eval_masked_lm_loss": 5.2, "eval_next_sentence_loss": 0.65},
)
BASELINES = {"uniform": 10.3, "unigram": 6.9, "bigram": 6.85, "trigram": 6.8}


class TestPretraining:
    def test_panels(self, draw):
        first, second, rate = draw(
            report.draw_pretraining_curves, PRETRAINED, BASELINES
        )
        assert legend(first) == legend(second) == ["training", "held out"]
        assert line(first, "training") == [(1, 6), (9, 5)]
        assert line(first, "held out") == [(9, 5.2)]
        assert line(second, "training") == [(1, 0.7), (9, 0.6)]
        assert line(second, "held out") == [(9, 0.65)]
        assert legend(rate) == ["learning rate, highest logged 0.0001"]
        assert [text.get_text() for text in second.texts] == ["chance 0.69"]

    def test_names_of_baselines_do_not_overlap(self, draw):
        axes = draw(report.draw_pretraining_curves, PRETRAINED, BASELINES)[0]
        assert [text.get_text() for text in axes.texts] == [
            *("trigram 6.80", "bigram 6.85", "unigram 6.90", "uniform 10.30"),
        ]
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))
        # Outside of the axes, where no curve is, and inside of the figure.
        assert min(box.x0 for box in boxes) > axes.get_window_extent().x1
        assert max(box.x1 for box in boxes) <= axes.figure.bbox.x1
        levels = [line.get_ydata()[0] for line in axes.lines[2:]]
        assert sorted(levels) == sorted(BASELINES.values())
        assert axes.get_ylim()[1] > 10.3

    def test_one_task_without_baselines(self, draw):
        lines = [{"step": 1, "masked_lm": 6.0}, {"step": 9, "masked_lm": 5.0}]
        (axes,) = draw(report.draw_pretraining_curves, lines, {})
        assert legend(axes) == ["training"]
        assert len(axes.texts) == 0

    def test_phases(self, draw):
        panels = draw(
            report.draw_pretraining_curves, PRETRAINED, {}, [(128, 6), (512, 3)]
        )
        assert legend(panels[-1])[1] == "512 tokens from step 6"
        for axes in panels:
            assert [0, 1] in [list(line.get_ydata()) for line in axes.lines]


def test_curves_with_styles(draw):
    (axes,) = draw(
        curves.draw_curves,
        [([(0.5, 3.0), (1.5, 2.0)], {"label": "a"}), ([], {"label": "b"})],
        {"chance": 4.0},
        xlabel="minutes",
    )
    assert legend(axes) == ["a"]
    assert line(axes, "a") == [(0.5, 3.0), (1.5, 2.0)]
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 4
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("minutes", "loss (nats)")


def test_smoothing_is_the_mean_of_a_window_of_steps():
    assert curves.smooth([1, 2, 3, 10], [4.0, 8.0, 6.0, 1.0], 2).tolist() == [
        6,
        6,
        7,
        1,
    ]
