"""How values stand in a message: quoted, cut short, counted; always on one line."""

import difflib


def quote(value, width=60):
    return repr(value if len(value) <= width else value[: width - 1] + "…")


def quote_all(values, most=12):
    values = list(values)
    shown = ", ".join(quote(value, 30) for value in values[:most])
    return (
        shown + (f", … ({len(values)} in all)" if len(values) > most else "") or "none"
    )


def count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def did_you_mean(value, values, otherwise):
    """The closest of `values` as a question, or else the sentence `otherwise`."""
    close = difflib.get_close_matches(value, values, n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise
