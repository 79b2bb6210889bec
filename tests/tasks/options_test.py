"""Options of tasks: who takes which, and what is refused."""

import dataclasses

import pytest

from bert_tf.ground import setting
from bert_tf.tasks import TASKS
from bert_tf.tasks.options import (
    Options,
    TakesOptions,
    TextOptions,
    WindowOptions,
    kept,
    names_of,
    option,
)
from bert_tf.tasks.pretraining import Pretraining


@dataclasses.dataclass(frozen=True)
class Sample(Options):
    """One option of each use, beside the inherited one of both."""

    rate: float = option(0.5, "Rate.")
    top_k: int = option(3, "Predictions.", use="prediction")
    long_text: str = option("truncate", "Long texts.", use="both")


@dataclasses.dataclass(frozen=True, init=False)
class Config(TakesOptions):
    """A configuration with two fields of its own."""

    model: str = setting("", "Folder.")
    size: int = setting(8, "Size.")

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"size must be at least 1; received {self.size}.")


@pytest.mark.parametrize(
    ("uses", "names"),
    [
        ((), ["max_seq_length", "rate", "top_k", "long_text"]),
        (("training",), ["rate"]),
        (("training", "both"), ["max_seq_length", "rate", "long_text"]),
        (("prediction", "both"), ["max_seq_length", "top_k", "long_text"]),
        (("prediction",), ["top_k"]),
    ],
)
def test_names_by_use(uses, names):
    assert names_of(Sample, *uses) == names


def test_kept_drops_what_is_not_an_option():
    settings = {"task": "x", "rate": 0.25, "max_seq_length": 9, "threshold": 0.5}
    assert kept(Sample, settings) == {"rate": 0.25, "max_seq_length": 9}


def test_an_option_has_the_metadata_of_a_setting():
    field = {field.name: field for field in dataclasses.fields(Sample)}["top_k"]
    assert field.metadata == {
        "help": "Predictions.",
        "section": "",
        "use": "prediction",
    }
    assert field.default == 3


class TestTakesOptions:
    def test_only_what_was_given_is_an_option(self):
        config = Config(model="m", rate=0.5)
        assert (config.model, config.size) == ("m", 8)
        assert config.options == {"rate": 0.5}
        assert Config(model="m").options == {}

    def test_options_may_come_as_a_dict(self):
        config = Config(options={"rate": 0.5, "top_k": 1}, top_k=2)
        assert config.options == {"rate": 0.5, "top_k": 2}

    def test_a_copy_with_changes(self):
        config = Config(model="m", rate=0.25)
        changed = dataclasses.replace(config, size=5)
        assert (changed.model, changed.size) == ("m", 5)
        assert changed.options == config.options

    def test_values_are_checked_and_frozen(self):
        with pytest.raises(ValueError, match="size must be at least 1; received 0"):
            Config(size=0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            Config().size = 9


class TestMakeOptions:
    def test_what_is_not_given_has_its_default(self):
        kind = TASKS["classification"]
        options = kind.make_options({"max_seq_length": 9, "label_smoothing": 0.1})
        assert options == kind.Options(max_seq_length=9, label_smoothing=0.1)

    @pytest.mark.parametrize(
        ("task", "name", "value"),
        [
            ("regression", "label_smoothing", 0.0),  # The default of classification.
            ("classification", "doc_stride", 128),
            ("question_answering", "pooling", "mean"),
            ("fill_mask", "long_text", "truncate"),
            ("similarity", "class_weights", "balanced"),
        ],
    )
    def test_an_option_of_another_task_is_an_error(self, task, name, value):
        with pytest.raises(ValueError) as caught:
            TASKS[task].make_options({"max_seq_length": 9, name: value})
        message = str(caught.value)
        assert message.startswith(
            f"{name} is not an option of {task}; received {value!r}. Drop it; the options are "
            "max_seq_length"
        )
        assert len(message.splitlines()) == 1

    @pytest.mark.parametrize(
        ("task", "given", "message"),
        [
            ("classification", {"long_text": "x"}, "long_text must be one of trunc"),
            ("token_classification", {"long_text": "head_tail"}, "windows, truncate;"),
            ("classification", {"label_smoothing": 1.0}, r"in \[0, 1\); received 1.0"),
            ("question_answering", {"doc_stride": 0}, "doc_stride must be at least 1"),
            ("translation", {"num_beams": 0}, "num_beams must be at least 1; receiv"),
            ("translation", {"max_target_length": 1}, "must be at least 2; received 1"),
            ("generation", {"long_text": "windows"}, "one of truncate, head_tail; rec"),
            ("generation", {"decoder": "gpt"}, "one of bert2bert, bertshare, bert2rn"),
            ("generation", {"label_smoothing": 1.0}, r"in \[0, 1\); received 1.0"),
            ("translation", {"sample_top_p": 0.0}, r"in \(0, 1\]; received 0.0"),
            ("translation", {"sample_temperature": 0.0}, "above 0; received 0.0"),
            (
                "translation",
                {"num_return_sequences": 5},
                "num_return_sequences is 5, but a search with num_beams=4 finds no more",
            ),
            (
                "translation",
                {"min_target_length": 64},
                "max_target_length=64 leaves 63 tokens beside",
            ),
            (
                "translation",
                {"decoder": "bertshare", "target_vocab_file": "v.txt"},
                "bertshare has the weights .* but target_vocab_file is 'v.txt'; drop one",
            ),
            (
                "similarity",
                {"pooling": "median"},
                "pooling must be one of mean, cls, max; recei",
            ),
        ],
    )
    def test_a_value_out_of_its_range_is_an_error(self, task, given, message):
        with pytest.raises(ValueError, match=message):
            TASKS[task].make_options(given)


@pytest.mark.parametrize("kind", [*TASKS.values(), Pretraining], ids=lambda k: k.name)
class TestEveryTask:
    def test_its_options_have_help_and_a_use(self, kind):
        fields = {field.name: field for field in dataclasses.fields(kind.Options)}
        assert fields["max_seq_length"].metadata["use"] == "both"
        for field in fields.values():
            assert field.metadata["use"] in ("training", "prediction", "both")
            assert field.metadata["help"].endswith(".")
            assert type(field.default) is field.type

    def test_defaults_are_valid(self, kind):
        assert kind.make_options({}) == kind.Options()


@pytest.mark.parametrize(
    ("options", "default", "allowed"),
    [
        (TextOptions, "truncate", "truncate, head_tail, windows"),
        (WindowOptions, "windows", "windows, truncate"),
    ],
)
def test_an_unknown_long_text_is_an_error(options, default, allowed):
    assert options().long_text == default
    with pytest.raises(ValueError, match=f"{allowed}; received 'x'"):
        options(long_text="x")
