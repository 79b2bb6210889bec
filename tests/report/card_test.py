"""The model card by its text, and the folder that a report writes."""

import ast
import logging
import re
import shlex

import pytest

from bert_tf import report

METRICS = {
    "step": 30,
    "eval_accuracy": 0.875,
    "eval_loss": 0.25,
    "eval_per_class": {"no": {"f1": 0.9}, "yes": {"f1": 0.8}},
    "eval_confusion_matrix": [[3, 1], [0, 4]],
    "train_loss": 0.0625,
    "train_steps": 30,
    "train_examples": 67349,
}
SETTINGS = {"model": "minilm", "train_file": "my data/a'b.csv", "bf16": True}
TRAINED = [{"step": 1, "loss": 2.0, "learning_rate": 1e-4}]


@pytest.fixture
def write_card(tmp_path):
    """Writes a card with some arguments changed; returns its text."""

    def write_card(**changes):
        arguments = {
            "verb": "finetune",
            "title": "complaints",
            "start": "minilm",
            "task": "classification",
            "pipeline": "text-classification",
            "record": '"…"',
            "metrics": METRICS,
            "settings": SETTINGS,
            "examples": 67349,
            "has_labels": True,
        }
        report.write_model_card(tmp_path / "card.md", **arguments | changes)
        return (tmp_path / "card.md").read_text(encoding="utf-8")

    return write_card


def block(card, language):
    """Returns the last block of code in a language."""
    found = re.findall(
        rf"^(`{{3,}}){language}\n(.*?)^\1$", card, re.DOTALL | re.MULTILINE
    )
    return found[-1][1]


def test_front_matter(write_card):
    opening, front, _ = write_card().split("---\n", 2)
    assert opening == ""
    assert dict(line.split(": ") for line in front.splitlines()) == {
        "library_name": "bert_tf",
        "pipeline_tag": "text-classification",
    }


def test_title_and_description(write_card):
    card = write_card()
    assert "\n# complaints\n" in card
    assert "fine-tuned from `minilm` on 67,349 examples" in card
    assert "fine-tuned from random weights on" in write_card(start="")


def test_scores_are_a_table(write_card):
    table = re.findall(r"^\| (\w+) \| ([\d.]+) \|$", write_card(), re.MULTILINE)
    assert table == [("accuracy", "0.8750"), ("loss", "0.2500")]
    assert "| none | |" in write_card(metrics={"train_loss": 0.5})


def test_the_command_survives_the_shell(write_card):
    settings = SETTINGS | {"label_column": "a\n```\nb", "text_column": "$(x) `y`"}
    command = block(write_card(settings=settings), "bash")
    assert shlex.split(command.replace("\\\n", " ")) == [
        "bert-tf",
        "finetune",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]


@pytest.mark.parametrize(
    "title", ["complaints", 'a "b"', "a\\b", "a'b", "---", "{examples}", "体育"]
)
def test_the_python_block_loads_the_folder(write_card, title):
    card = write_card(title=title)
    call = ast.parse(block(card, "python")).body[1].value.args[0].func.value
    assert call.args[0].value == title


def test_odd_names_are_no_markup(write_card):
    card = write_card(title="a\n---\n<b>*c*", start="d`e\n# f")
    assert "\n# a --- \\<b\\>\\*c\\*\n" in card
    assert "from `` d`e # f `` on" in card


def test_a_path_that_is_not_unicode(write_card):
    assert "\n# a?b\n" in write_card(title="a\udce4b")


def test_pretraining_names_the_folder_as_the_shell_reads_it(write_card):
    card = write_card(verb="pretrain", title="my model", start="", settings={})
    first, second = re.search(r"```bash\n(.*?)\n```", card, re.DOTALL)[1].splitlines()
    assert shlex.split(first)[3] == "--model=my model"
    assert shlex.split(second)[2] == "--model=my model"


def test_only_labels_are_a_limit(write_card):
    sentence = "\nIt can predict only the labels that occur in its training data.\n"
    assert sentence in write_card()
    assert sentence not in write_card(has_labels=False)


def test_pictures_and_ids(write_card):
    card = write_card(pictures={"a.png": "An [a]"}, ids={7: "x|y\nz"})
    assert "\n\n![An \\[a\\]](a.png)\n\n" in card
    assert "| id | label |\n|---|---|\n| #7 | x\\|y z |" in card


class TestFolder:
    @pytest.fixture
    def write(self, tmp_path):
        def write(labels, **metrics):
            report.write(
                tmp_path,
                TRAINED,
                METRICS | metrics,
                labels=labels,
                metric="accuracy",
                start="minilm",
                task="classification",
                pipeline="text-classification",
                record='"…"',
                settings=SETTINGS,
            )
            files = {file.name for file in tmp_path.iterdir()}
            return files, (tmp_path / "README.md").read_text(encoding="utf-8")

        return write

    def test_has_pictures_that_the_card_shows(self, write):
        files, card = write(["no", "yes"])
        assert files == {"README.md", "loss.png", "confusion_matrix.png"}
        assert set(re.findall(r"^!\[[A-Z][^]]+\]\((.*)\)$", card, re.MULTILINE)) == {
            "loss.png",
            "confusion_matrix.png",
        }
        assert "| #" not in card

    def test_the_card_lists_labels_that_have_no_font(self, write):
        _, card = write(["no", "\U0010fffd"])  # For private use.
        assert "| #1 | \U0010fffd |" in card

    def test_without_labels(self, write):
        files, card = write(None, eval_confusion_matrix=None)
        assert files == {"README.md", "loss.png"}
        assert "(confusion_matrix.png)" not in card

    def test_a_trained_model_survives_a_picture_that_fails(
        self, write, monkeypatch, caplog
    ):
        def fail(*_):
            raise RuntimeError("a broken font")

        monkeypatch.setattr(report, "draw_loss_curve", fail)
        with caplog.at_level(logging.WARNING):
            files, card = write(["no", "yes"])
        assert files == {"README.md", "confusion_matrix.png"}
        assert "(loss.png)" not in card
        assert caplog.messages == ["loss.png is not drawn: RuntimeError: a broken font"]

    def test_a_full_disk_is_no_detail(self, write, monkeypatch):
        def fail(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(report, "draw_loss_curve", fail)
        with pytest.raises(OSError, match="No space"):
            write(["no", "yes"])


def test_a_pretrained_folder(tmp_path):
    report.write_pretrained(
        tmp_path,
        [{"step": 1, "masked_lm": 6.0, "next_sentence": 0.7}],
        {"eval_masked_lm_loss": 5.2, "train_examples": 4096},
        baselines={"unigram": 5.5},
        settings={"size": "tiny"},
        start="",
    )
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "loss.png"}
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: fill-mask" in card
    assert "from random weights with bert_tf, on 4,096 examples" in card
    assert "| masked_lm_loss | 5.2000 |" in card
    assert "](loss.png)" in card
    assert "bert-tf pretrain \\\n  --size=tiny" in card
