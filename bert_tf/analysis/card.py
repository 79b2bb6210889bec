"""The figures of an analysis in the model card, README.md of the model folder."""

import pathlib

from bert_tf.ground import write_text
from bert_tf.report.card import escape

_BEGIN, _END = "<!-- analysis: begin -->", "<!-- analysis: end -->"
_INTERVAL = "_95"
_MOST = 40  # Figures of a part; the report has all.
# What an interval is of where its own name does not say so.
_VALUES = ("value", "mean", "accuracy")


def find_card(model):
    """Returns the path of a model's card.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its section is damaged.
    """
    path = pathlib.Path(model, "README.md")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist, so update_card has no model card to write to; pass "
            "the folder of a trained model, or drop update_card."
        )
    _split(path)
    return path


def update_card(path, parts, records):
    """Writes the section Analysis of a card, in the place of an earlier one.

    Only figures that have an interval are written. Names from data are escaped.

    Args:
        path: of the card.
        parts: list of `Part`.
        records: what was analysed, such as "200 of dev.csv"; "" for no records.
    """
    before, after = _split(path)
    of = f" ({escape(records)})" if records else ""
    head = (
        f"## Analysis\n\nWhat `bert-tf analyze` found{of}. Figures have 95 % intervals. "
        "They are of these records and measures alone."
    )
    blocks = [_describe(part) for part in parts if find_figures(part.values)]
    section = "\n\n".join([_BEGIN, head, *blocks, _END])
    write_text(path, f"{before.rstrip()}\n\n{section}\n{after.lstrip()}")


def find_figures(values, names=()):
    """Returns [(name, value, low, high)] of the figures that have an interval.

    Args:
        values: `Part.values`, or a dict within them.
        names: of the dicts around it.
    """
    found = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += find_figures(value, (*names, key))
        elif key.endswith(_INTERVAL):
            own = key.removesuffix(_INTERVAL)
            keys = [own] if own in values else [k for k in _VALUES if k in values]
            if keys and (own in values or own == "interval"):
                title = " / ".join(map(str, (*names, keys[0])))
                found.append((title.replace("_", " "), values[keys[0]], *value))
    return found


def _describe(part):
    figures = find_figures(part.values)
    rows = [
        f"| {escape(name)} | {value:.3f} | {low:.3f} to {high:.3f} |"
        for name, value, low, high in figures[:_MOST]
    ]
    lines = [
        f"### {escape(part.title)}",
        "",
        "| figure | value | 95 % |",
        "|---|---|---|",
    ]
    lines += rows
    if len(figures) > _MOST:
        lines += ["", f"The report has {len(figures) - _MOST} more."]
    if part.caveats:
        lines += ["", *(f"- {escape(caveat)}" for caveat in part.caveats)]
    return "\n".join(lines)


def _split(path):
    """Returns the text of a card before and after the section; that after is "" without one.

    Raises:
        ValueError: the marks of the section are not one pair.
    """
    text = path.read_text(encoding="utf-8")
    marks = text.count(_BEGIN), text.count(_END)
    if marks == (0, 0):
        return text, ""
    before, _, rest = text.partition(_BEGIN)
    if marks != (1, 1) or _END not in rest:
        raise ValueError(
            f"{path}: the section Analysis must begin with {_BEGIN} and end with {_END}, "
            "once each; remove what is left of it."
        )
    return before, rest.partition(_END)[2]
