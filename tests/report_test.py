"""Pictures by their pixels, and the model card by its text."""

import pathlib
import re
import shlex
import warnings

import matplotlib.image
import numpy as np
import pytest

from bert_tf import report

BLUE, ORANGE = (0x1F, 0x77, 0xB4), (0xFF, 0x7F, 0x0E)
TRAINED = [
    {"step": step, "loss": 2 / step, "learning_rate": 1e-4 / step}
    for step in (1, 10, 20, 30)
]
METRICS = {
    "step": 30,
    "eval_accuracy": 0.875,
    "eval_loss": 0.25,
    "eval_per_class": {"no": {"f1": 0.9}, "yes": {"f1": 0.8}},
    "train_loss": 0.0625,
    "train_steps": 30,
}
SETTINGS = {"model": "minilm", "train_file": "my data/a'b.csv", "bf16": True}


@pytest.fixture
def picture(tmp_path):
    """Draws with a function of `report`; returns the pixels, int [height, width, 3]."""

    def picture(draw, *arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            draw(tmp_path / "picture.png", *arguments)
        assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]
        pixels = matplotlib.image.imread(tmp_path / "picture.png")
        return np.rint(pixels[..., :3] * 255).astype(int)

    return picture


def count(pixels, color):
    return int((pixels == color).all(axis=-1).sum())


class TestLossCurve:
    def test_without_evaluation(self, picture):
        pixels = picture(report.draw_loss_curve, TRAINED)
        assert count(pixels, BLUE) > 500
        assert count(pixels, ORANGE) == 0

    @pytest.mark.parametrize("steps", [(30,), (10, 20, 30)])
    def test_evaluations_are_points(self, picture, steps):
        lines = [{"step": step, "eval_loss": 1 / step} for step in steps]
        assert count(picture(report.draw_loss_curve, TRAINED + lines), ORANGE) > 100

    def test_a_single_line_is_visible(self, picture):
        pixels = picture(report.draw_loss_curve, TRAINED[:1])
        # More than the line in the legend alone.
        assert count(pixels, BLUE) > 100


class TestConfusionMatrix:
    def test_colors_are_the_fractions_of_a_row(self, picture):
        pixels = picture(report.draw_confusion_matrix, [[3, 1], [0, 0]], ["no", "yes"])
        darkness = 255 - pixels[..., 0]
        height, width = darkness.shape
        inside = darkness[height // 8 : height // 3, width // 4 : -width // 8]
        left, right = np.array_split(inside, 2, axis=1)
        assert np.median(left) > 150
        assert np.median(right) < 90
        assert np.median(darkness[height // 2 : -height // 4]) < 20  # An empty row.

    @pytest.mark.parametrize("number", [2, 7, 31, 101, 150])
    def test_size_is_limited_with_many_labels(self, picture, number):
        matrix = np.eye(number, dtype=int).tolist()
        labels = [f"intent {i}" for i in range(number)]
        height, width, _ = picture(report.draw_confusion_matrix, matrix, labels).shape
        assert 300 < height < 2300
        assert 300 < width < 2300

    def test_long_labels_are_truncated(self, picture):
        def draw(label):
            return picture(report.draw_confusion_matrix, [[1, 0], [0, 1]], [label, "b"])

        assert draw("long " * 10).shape == draw("long " * 90).shape

    def test_labels_with_tex_and_chinese_characters(self, picture):
        picture(report.draw_confusion_matrix, [[1, 0], [0, 1]], ["$\\frac{$", "体育"])


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


def test_a_pretrained_folder_shows_losses_and_baselines(tmp_path):
    lines = [
        {"step": 1, "masked_lm": 6.0, "next_sentence": 0.7},
        {"step": 9, "masked_lm": 5.0, "next_sentence": 0.6},
        {"step": 9, "eval_masked_lm_loss": 5.2, "eval_next_sentence_loss": 0.65},
    ]
    metrics = {"eval_masked_lm_loss": 5.2, "train_examples": 4096}
    arguments = {"settings": {"size": "tiny"}, "start": "random weights"}
    folder = tmp_path / "sea"
    folder.mkdir()
    pixels = {}
    for baselines in ({}, {"unigram": 5.5, "bigram": 4.5}):
        report.write_pretrained(
            folder, lines, metrics, baselines=baselines, **arguments
        )
        picture = matplotlib.image.imread(folder / "loss.png")[..., :3]
        pixels[len(baselines)] = np.rint(picture * 255).astype(int)
    assert {file.name for file in folder.iterdir()} == {"README.md", "loss.png"}
    grey = (0x99, 0x99, 0x99)
    assert count(pixels[0], grey) + 450 < count(pixels[2], grey)
    assert count(pixels[2], BLUE) > 20  # The point of the held-out loss.
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: fill-mask" in card
    assert "from random weights with bert_tf, on 4,096 examples" in card
    assert "| masked_lm_loss | 5.2000 |" in card
    assert "bert-tf pretrain \\\n  --size=tiny" in card


class TestModelCard:
    @pytest.fixture
    def card(self, tmp_path):
        report.write_model_card(
            tmp_path / "README.md",
            verb="finetune",
            title="complaints",
            start="`minilm`",
            task="classification",
            pipeline="text-classification",
            record='"…"',
            metrics=METRICS,
            settings=SETTINGS,
            examples=67349,
        )
        return (tmp_path / "README.md").read_text(encoding="utf-8")

    def test_front_matter(self, card):
        opening, front, _ = card.split("---\n", 2)
        assert opening == ""
        assert dict(line.split(": ") for line in front.splitlines()) == {
            "library_name": "bert_tf",
            "pipeline_tag": "text-classification",
        }

    def test_title_and_description(self, card):
        assert "\n# complaints\n" in card
        assert "fine-tuned from `minilm` on 67,349 examples" in card

    def test_scores_are_a_table(self, card):
        table = re.findall(r"^\| (\w+) \| ([\d.]+) \|$", card, re.MULTILINE)
        assert table == [("accuracy", "0.8750"), ("loss", "0.2500")]

    def test_the_command_survives_the_shell(self, card):
        use, command = re.findall(r"```bash\n(.*?)```", card, re.DOTALL)
        assert use == "bert-tf predict --model=complaints --input_file=texts.jsonl\n"
        assert shlex.split(command.replace("\\\n", " ")) == [
            "bert-tf",
            "finetune",
            *(f"--{name}={value}" for name, value in SETTINGS.items()),
        ]

    def test_the_python_block_is_python(self, card):
        compile(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], "card", "exec")

    def test_without_scores(self, tmp_path):
        path = pathlib.Path(tmp_path / "card.md")
        report.write_model_card(
            path,
            verb="finetune",
            title="a",
            start="b",
            task="classification",
            pipeline="text-classification",
            record='"…"',
            metrics={"train_loss": 0.5},
            settings={},
            examples=1,
        )
        assert "| none | |" in path.read_text(encoding="utf-8")
