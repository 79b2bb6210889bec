"""Labels as a person means them: without blanks around them, and near twins found."""

import collections
import logging
import math
import re
import unicodedata

from bert_tf.data.records.faults import Fault
from bert_tf.ground import count, quote

_log = logging.getLogger(__name__)

# `str.strip` removes white space and no-break spaces. These have no width either.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_TWINS_SHOWN = 5
_MOST_LABELS = 1000  # More different ones are numbers or texts.


def strip_label(label):
    """Returns a label without blanks and invisible characters around it."""
    stripped = label.strip()
    if stripped and (stripped[0] in _INVISIBLE or stripped[-1] in _INVISIBLE):
        inner = stripped.strip(_INVISIBLE)
        return inner if inner == stripped else strip_label(inner)
    return stripped


def strip_all(path, labels):
    """Returns labels without blanks around them; logs how many had some.

    Args:
        path: name of the file, for the log.
        labels: list whose strings are labels; other items stay as they are.
    """
    strings = {label for label in labels if isinstance(label, str)}
    stripped = {label: strip_label(label) for label in strings}
    if all(label == own for label, own in stripped.items()):
        return labels
    changed = [x for x in labels if isinstance(x, str) and stripped[x] != x]
    _log.warning(
        "%s: removed the blanks around %s, such as %s.",
        path,
        count(len(changed), "label"),
        quote(changed[0]),
    )
    return [stripped[x] if isinstance(x, str) else x for x in labels]


def find_twins(labels):
    """Returns lists of labels that differ only by case, blanks or Unicode form.

    Args:
        labels: the different labels.
    """
    spellings = collections.defaultdict(list)
    for label in labels:
        form = unicodedata.normalize("NFKC", label)
        form = unicodedata.normalize("NFKC", form.casefold())
        spellings["".join(form.split())].append(label)
    return [twins for twins in spellings.values() if len(twins) > 1]


def warn_of_twins(path, counts):
    """Logs labels that look like different spellings of one label.

    Args:
        path: name of the file.
        counts: {label: number of records that have it}.
    """
    if len(counts) > _MOST_LABELS:
        return
    twins = find_twins(counts)
    if twins:
        shown = "; ".join(
            " and ".join(f"{quote(x, 30)} ({counts[x]:,})" for x in sorted(labels))
            for labels in twins[:_TWINS_SHOWN]
        )
        more = len(twins) - _TWINS_SHOWN
        _log.warning(
            "%s: labels that look alike are different labels: %s%s.",
            path,
            shown,
            f"; and {more} more" if more > 0 else "",
        )


def has_line_end(label):
    """Returns whether a label would not fit on one line of a list of labels."""
    return len(label.splitlines()) > 1


def parse_number(where, label):
    """Returns a label as a number; raises a Fault for others, infinity and NaN."""
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        advice = "Write a decimal point." if _DECIMAL_COMMA.fullmatch(label) else ""
        problem = "the label must be a number, for regression; received "
        raise Fault(where, problem + quote(label), advice)
    return number
