"""Completes the docstrings of configurations, so that `help` shows what each setting means."""

import dataclasses
import inspect
import textwrap

_WIDTH = 88


def list_settings(config):
    """Adds the settings of a dataclass to its docstring, and gives it their signature.

    A decorator. The settings stand before the example, under their sections.
    """
    fields = dataclasses.fields(config)
    settings = [field for field in fields if "help" in field.metadata]
    lines = ["    Settings:"]
    for field in settings:
        if field.metadata["section"]:
            lines += ["", f"        {field.metadata['section']}"]
        text = f"{field.name} ({field.default!r}): {field.metadata['help']}"
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 12
        )
    before, example, after = config.__doc__.partition("    Example:")
    config.__doc__ = "\n".join([before.rstrip(), "", *lines, "", example + after])
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(field.name, keyword, default=field.default)
        for field in settings
    ]
    if len(settings) < len(fields):  # It takes options of a task, too.
        options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
        parameters.append(options)
    config.__signature__ = inspect.Signature(parameters)
    return config
