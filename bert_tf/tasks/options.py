"""Options of tasks, and configurations of verbs that take them."""

import dataclasses

from bert_tf.data.rows.long_texts import LONG_TEXTS
from bert_tf.ground import one_of, setting
from bert_tf.json_files import json_value


def option(default, help, *, use="training"):
    """Declares a field of a task's `Options`, which scripts show as a flag of that task.

    Args:
        default, help: as in `setting`.
        use: "training", "prediction" or "both": which verbs take it. An option of both
            is remembered by the model folder, and may be given anew for a prediction.
    """
    field = setting(default, help)
    return dataclasses.field(
        default=field.default, metadata={**field.metadata, "use": use}
    )


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that every task has; a task's own `Options` inherit from these."""

    max_seq_length: int = option(
        128, "Longest example in tokens, [CLS] and [SEP] included.", use="both"
    )

    @property
    def longest(self):
        """The tokens of the longest example, and of the longest target if there are any."""
        return (self.max_seq_length,)


_LONG_TEXT = (
    "Of texts beyond max_seq_length reads the beginning (truncate), both ends "
    "(head_tail), or all in windows (windows)."
)


@dataclasses.dataclass(frozen=True)
class TextOptions(Options):
    """Options of tasks that read a text, or a pair of texts, as a whole."""

    long_text: str = option("truncate", _LONG_TEXT, use="both")

    def __post_init__(self):
        one_of("long_text", self.long_text, LONG_TEXTS)


@dataclasses.dataclass(frozen=True)
class WindowOptions(Options):
    """Options of tasks that predict something about words or places; no head_tail."""

    long_text: str = option("windows", _LONG_TEXT, use="both")

    def __post_init__(self):
        one_of("long_text", self.long_text, ("windows", "truncate"))


def make_options(options, given, task):
    """Returns an instance of an `Options` class from a dict of the options that were given.

    Args:
        options, given: the class, and the dict.
        task: name of the task.

    Raises:
        ValueError: an option of another task; a value out of its range.
    """
    known = names_of(options)
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"{name} is not an option of {task}; received {value!r}. Drop it; the "
                f"options are {', '.join(known)}."
            )
    return options(**given)


def names_of(options, *uses):
    """Returns the names of the fields of an `Options` class, in order.

    Args:
        options: dataclass.
        uses: of "training", "prediction", "both"; all fields without any.
    """
    return [
        field.name
        for field in dataclasses.fields(options)
        if not uses or field.metadata["use"] in uses
    ]


def kept(options, settings):
    """Returns the entries of a model's settings that are fields of an `Options` class.

    Raises:
        ValueError: a value is not of the field's type.
    """
    types = {field.name: field.type for field in dataclasses.fields(options)}
    return {
        name: remembered(settings, name, types[name])
        for name in settings
        if name in types
    }


def remembered(settings, name, kind, *default):
    """Returns a value of a model's settings; see `json_value`."""
    return json_value(settings, name, kind, "bert_tf in config.json", *default)


@dataclasses.dataclass(frozen=True, init=False)
class TakesOptions:
    """Base of configurations that take options of a task beside their own fields.

    Subclasses are frozen dataclasses with `init=False`, too. A keyword argument that is
    not one of their fields goes to `options`. So `options` holds only what was given,
    and an option of another task is refused even if its value equals the default.
    """

    options: dict = dataclasses.field(default_factory=dict)

    def __init__(self, **given):
        own = {}
        for field in dataclasses.fields(self):
            if field.name != "options":
                own[field.name] = given.pop(field.name, field.default)
        own["options"] = {**given.pop("options", {}), **given}
        for name, value in own.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self):
        """Checks the values; subclasses override it."""
