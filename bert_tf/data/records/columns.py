"""Detects which column holds the text, its pair and the label.

A column that the user names must exist. A column remembered from training is searched by
its own name, then by the name of its role (`text`, `text_pair`, `label`). The remaining
columns are detected by well-known names, but only if no other choice is possible. If each
label has its own column, the label has a tuple of columns.
"""

import dataclasses
import functools

from bert_tf.data.records.faults import BAD_ROWS
from bert_tf.ground import count, did_you_mean, one_of, quote_all, show

ROLES = ("text", "text_pair", "label")
# Roles of columns that only the user can name.
ID, GROUP = "id", "group"

# Well-known column names, compared without case.
PAIRS = (
    ("text", "text_pair"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "answer"),
    ("query", "passage"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("#1 string", "#2 string"),
)
PAIRED = frozenset(name for pair in PAIRS for name in pair)
TEXTS = PAIRED.union(
    ("review", "message", "content", "tweet", "body", "title", "comment"),
    ("description", "headline", "utterance", "document", "post"),
)
LABELS = frozenset(
    ("label", "labels", "gold_label", "class", "category", "target", "sentiment")
    + ("topic", "intent", "emotion", "quality", "is_duplicate")
)
KNOWN = TEXTS | LABELS


@dataclasses.dataclass(frozen=True)
class Request:
    """Which columns are read, and how: as the user says, and as training did.

    A column is a name, or a position from 0; a label may have a tuple of columns.

    Attributes:
        roles: tuple of the roles (`text`, `text_pair`, `label`) that may be read.
        named: {role: column that the user names}.
        remembered: {role: column of the training file}.
        with_labels, many_labels, label_separator, number_labels, targets, bad_rows: as
            in `readers.read_table`.
    """

    roles: tuple
    named: dict
    remembered: dict
    with_labels: bool = True
    many_labels: bool = False
    label_separator: str | None = None
    number_labels: bool = False
    targets: bool = False
    bad_rows: str = "error"

    @property
    def pairs(self):
        """Whether the texts are pairs; None leaves it to the names of the columns."""
        if self.targets:
            return False
        columns = {**self.remembered, **self.named}
        return True if "text_pair" in columns else False if "text" in columns else None

    @property
    def keys(self):
        """The names among the columns, without case; a row with one of them is a header."""
        columns = [*self.remembered.values(), *self.named.values()]
        return {_key(name) for name in flatten(columns) if _position(name) is None}


def make_request(
    *,
    text_column=None,
    text_pair_column=None,
    label_column=None,
    id_column=None,
    group_column=None,
    with_labels=True,
    many_labels=False,
    label_separator=None,
    number_labels=False,
    targets=False,
    columns=None,
    bad_rows="error",
):
    """Returns the `Request` of `readers.read_table`'s arguments; None detects a column."""
    one_of("bad_rows", bad_rows, BAD_ROWS)
    if many_labels and "," in str(label_column):
        label_column = tuple(name.strip() for name in label_column.split(","))
    roles = ROLES if with_labels else ROLES[:2]
    columns = columns or {}
    if targets:
        columns = {"text": columns.get("text"), "label": columns.get("target")}

    def known(columns):
        return {
            role: columns[role] for role in roles if columns.get(role) not in (None, "")
        }

    return Request(
        roles,
        known(dict(zip(ROLES, (text_column, text_pair_column, label_column))))
        | {
            role: column
            for role, column in ((ID, id_column), (GROUP, group_column))
            if column not in (None, "")
        },
        known(columns),
        with_labels,
        many_labels,
        label_separator or columns.get("label_separator"),
        number_labels,
        targets,
        bad_rows,
    )


def are_names(cells, request, enough=2):
    """Returns whether a row is a header: it has a requested or `enough` known names."""
    keys = {_key(cell) for cell in cells}
    return bool(keys & request.keys) or len(keys & KNOWN) >= enough


def has_header(rows, request):
    """Returns whether the first row of a table holds the names of its columns."""
    # A single known name may be a value, such as the topic "question". Then it occurs
    # again in its column.
    return are_names(rows[0], request) or any(
        key in KNOWN
        and all(len(row) <= position or _key(row[position]) != key for row in rows[1:])
        for position, key in enumerate(map(_key, rows[0]))
    )


def choose_columns(where, cells, request, *, header=True, ordered=True):
    """Chooses the columns of a table, or the fields of a JSON object, for each role.

    Args:
        where: name of the place in error messages.
        cells: the first row, or the names of the fields.
        request: `Request`.
        header: whether the cells are names. If not, the columns are called 0, 1, 2...
        ordered: whether a position may name a column; the fields of JSON have no order.

    Returns:
        {role: position among the cells, or a tuple of positions}.

    Raises:
        ValueError: a column that the user names does not exist, or the column of a role
            is not clear.
    """
    names = list(cells) if header else list(range(len(cells)))
    needed = [r for r in request.roles if r != "text_pair" or request.pairs]
    chosen = {}
    for role, columns in request.named.items():
        find = functools.partial(_find_named, where, cells, names, ordered, role)
        chosen[role] = map_columns(find, columns)
    if len(names) < len(needed) and not header:
        raise ValueError(
            f"{where}: {count(len(cells), 'column')} ({quote_all(cells)}) cannot hold "
            f"{' and '.join(needed)}. If another character separates them, give "
            "delimiter."
        )
    for role, columns in request.remembered.items():
        for candidate in (columns, role):
            position = map_columns(functools.partial(_find, where, names), candidate)
            if role not in chosen and None not in flatten([position]):
                chosen[role] = position
    taken = flatten(chosen.values())
    free = {_key(name) for i, name in enumerate(names) if i not in taken}
    for role, name in _detect(free, chosen, request).items():
        chosen[role] = _find(where, names, name)
    # Without header and label, and with as many columns as texts, order decides.
    only_texts = request.targets or "label" not in needed
    only_texts = only_texts and not header and len(names) == len(needed)
    if only_texts and not request.named and len(chosen) < len(needed):
        chosen = dict(zip(needed, names))
    _refuse_doubt(where, cells, chosen, needed, header)
    return {role: chosen[role] for role in (ID, GROUP, *ROLES) if role in chosen}


def map_columns(function, columns):
    """Applies a function to a column, or to each column of a tuple or list."""
    if isinstance(columns, tuple | list):
        return tuple(map(function, columns))
    return function(columns)


def flatten(columns):
    """Returns a list of columns, in which tuples and lists are replaced by their items."""
    return [
        column
        for item in columns
        for column in (item if isinstance(item, tuple | list) else [item])
    ]


def _find_named(where, cells, names, ordered, role, column):
    """Returns the position of a column that the user names."""
    position = _find(where, names, column)
    if position is None and ordered:
        position = _position(column)
    if position not in range(len(names)):
        flag = "reweigh_column" if role == GROUP else f"{role}_column"
        advice = did_you_mean(str(column), cells, f"Give one as {flag}.")
        raise ValueError(
            f"{where}: no column {show(column)} for the {role}; there are "
            f"{quote_all(cells)}. {advice}"
        )
    return position


def _find(where, names, column):
    """Returns the position of a name, without case if need be, or None."""
    positions = [i for i, name in enumerate(names) if name == column]
    positions = positions or [
        i for i, name in enumerate(names) if _key(name) == _key(column)
    ]
    if len(positions) > 1:
        raise ValueError(
            f"{where}: {len(positions)} columns are called {column!r}. Rename all but "
            "one."
        )
    return positions[0] if positions else None


def _detect(names, chosen, request):
    """Returns {role: known name} for the roles not yet chosen, if there is no doubt."""
    detected = {}
    if request.targets and "source" in names and "text" not in chosen:
        detected = {"text": "source"}
    elif "text" not in chosen:
        pairs = False if "text_pair" in chosen else request.pairs
        detected = dict(zip(ROLES, _detect_texts(names, pairs)))
    label = _own_or_only("label", names & LABELS)
    if label and "label" in request.roles and "label" not in chosen:
        detected["label"] = label
    return detected


def _detect_texts(names, pairs):
    """Returns the name of the text, or both names of a pair; () if there is doubt."""
    complete = [pair for pair in PAIRS if names.issuperset(pair)]
    if pairs is not False and PAIRS[0] in complete:
        return PAIRS[0]
    if pairs:
        return complete[0] if len(complete) == 1 else ()
    if pairs is None and len(complete) == 1 and names & TEXTS == set(complete[0]):
        return complete[0]
    # `text` wins over names such as `title`, but not beside half a pair.
    own = None if names & PAIRED > {"text"} else "text"
    text = _own_or_only(own, names & TEXTS)
    return (text,) if text else ()


def _own_or_only(own, names):
    """Returns `own` if it is a name, the only name, or None."""
    return own if own in names else min(names) if len(names) == 1 else None


def _refuse_doubt(where, cells, chosen, needed, header):
    """Raises ValueError if a needed role has no column, or two roles have the same."""
    form = "one of these names"
    if not header:
        form = f"its position from 0 to {len(cells) - 1} (no header was detected)"
    for role in needed:
        if role not in chosen:
            raise ValueError(
                f"{where}: which column is the {role}? There are {quote_all(cells)}. "
                f"Give {role}_column, {form}."
            )
    taken = flatten(chosen.values())
    if len(set(taken)) < len(taken):
        raise ValueError(
            f"{where}: {', '.join(chosen)} cannot share a column; there are "
            f"{quote_all(cells)}. Give each its own column."
        )


def _key(name):
    return str(name).strip().casefold()


def _position(name):
    """Returns the position from 0 that `name` stands for, or None for a name."""
    return int(name) if str(name).isdecimal() else None
