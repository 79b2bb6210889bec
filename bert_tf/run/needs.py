"""What the verbs have in common."""

import dataclasses
import os
import sys

import tqdm


def need(config, *names):
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


def columns_asked(config):
    """The columns asked for, None where they are to be guessed."""
    return {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }


def reading_bar(files, description):
    """A progress bar over the bytes of files, silent where it is soon over."""
    return tqdm.tqdm(
        total=sum(map(os.path.getsize, files)),
        desc=description,
        unit="B",
        unit_scale=True,
        delay=3,
        # A file gets a line now and then, a terminal a bar that moves.
        mininterval=0.5 if sys.stderr.isatty() else 15,
    )


def changed(config, defaults=None):
    """Returns {field: value} of what is not as by default.

    Args:
        config: dataclass.
        defaults: {field: value} where a script has another default.
    """
    default = {field.name: field.default for field in dataclasses.fields(config)}
    default |= defaults or {}
    return {
        name: getattr(config, name)
        for name in default
        if getattr(config, name) != default[name]
    }
