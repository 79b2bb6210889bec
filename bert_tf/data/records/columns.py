"""Which column is the text, which its pair, which the label.

A column asked for must be there. One remembered from training is looked for under its
name, then under the task's own (`text`, `text_pair`, `label`). What remains is guessed
from the names, and only where they leave no doubt. Where a text has several labels,
each may have its own column: the label's is then a tuple of columns.
"""

import dataclasses
import functools

from bert_tf.ground import count, did_you_mean, quote_all

ROLES = ("text", "text_pair", "label")

# Names that speak for themselves, compared without case.
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
class Wanted:
    """The columns a caller asks for now, and those remembered from training.

    Attributes:
        roles: those of `text`, `text_pair`, `label` that may be read.
        asked, remembered: dicts from role to a name, or a position from 0; or, for
            the label, to several.
    """

    roles: tuple
    asked: dict
    remembered: dict

    @property
    def pairs(self):
        """Whether texts come in pairs; None leaves it to the names."""
        given = {**self.remembered, **self.asked}
        return True if "text_pair" in given else False if "text" in given else None

    @property
    def names(self):
        """Names in plain words: where one stands in the first row, that is a header."""
        given = [*self.remembered.values(), *self.asked.values()]
        return {_key(name) for name in flat(given) if _position(name) is None}


def want(with_labels, remembered, *, many_labels=False, **asked):
    """What `read_table` was told, as a Wanted; None stands for nothing."""
    roles = ROLES if with_labels else ROLES[:2]
    if many_labels and "," in str(asked["label"]):
        asked["label"] = tuple(name.strip() for name in asked["label"].split(","))

    def told(columns):
        return {r: columns[r] for r in roles if columns.get(r) is not None}

    return Wanted(roles, told(asked), told(remembered or {}))


def are_names(cells, wanted, enough=2):
    """Whether a row is a header: one name told to us, or `enough` known ones."""
    keys = {_key(cell) for cell in cells}
    return bool(keys & wanted.names) or len(keys & KNOWN) >= enough


def has_header(rows, wanted):
    # One known word may be a value: a topic called "question" comes again.
    return are_names(rows[0], wanted) or any(
        key in KNOWN
        and all(len(row) <= position or _key(row[position]) != key for row in rows[1:])
        for position, key in enumerate(map(_key, rows[0]))
    )


def choose(where, cells, wanted, *, header=True, ordered=True):
    """Finds the columns of a file, or the fields of a JSON object.

    Args:
        where: what errors call the place.
        cells: the first row, or the names of the fields.
        wanted: a Wanted.
        header: whether the cells are names; if not, columns are called 0, 1, 2...
        ordered: whether a name may be asked for by its position; JSON has no order.

    Returns:
        {role: position among the cells, or a tuple of them}.

    Raises:
        ValueError: a column asked for is not there, or a role is in doubt.
    """
    names = list(cells) if header else list(range(len(cells)))
    needed = [r for r in wanted.roles if r != "text_pair" or wanted.pairs]
    chosen = {}
    for role, asked in wanted.asked.items():
        find = functools.partial(_find_asked, where, cells, names, ordered, role)
        chosen[role] = each(find, asked)
    if len(names) < len(needed) and not header:
        raise ValueError(
            f"{where}: {count(len(cells), 'column')} ({quote_all(cells)}) cannot hold "
            f"{' and '.join(needed)}. Separate them by TAB, or write JSON lines."
        )
    for role, remembered in wanted.remembered.items():
        for name in (remembered, role):
            position = each(functools.partial(_find, where, names), name)
            if role not in chosen and None not in flat([position]):
                chosen[role] = position
    taken = flat(chosen.values())
    free = {_key(name) for i, name in enumerate(names) if i not in taken}
    for role, name in _guess(free, chosen, wanted).items():
        chosen[role] = _find(where, names, name)
    # Texts to answer and nothing beside them: as many columns as there are texts.
    only_texts = not header and "label" not in needed and len(names) == len(needed)
    if only_texts and not wanted.asked and len(chosen) < len(needed):
        chosen = dict(zip(needed, names))
    _refuse_doubt(where, cells, chosen, needed, header)
    return {role: chosen[role] for role in ROLES if role in chosen}


def each(function, columns):
    """Applies a function to a column, or to each of several."""
    if isinstance(columns, tuple | list):
        return tuple(map(function, columns))
    return function(columns)


def flat(columns):
    """A list of columns, where there were tuples of columns, too."""
    return [
        column
        for some in columns
        for column in (some if isinstance(some, tuple | list) else [some])
    ]


def _find_asked(where, cells, names, ordered, role, asked):
    position = _find(where, names, asked)
    if position is None and ordered:
        position = _position(asked)
    if position not in range(len(names)):
        move = did_you_mean(str(asked), cells, f"Give one as {role}_column.")
        raise ValueError(
            f"{where}: no column {asked!r} for the {role}; there are "
            f"{quote_all(cells)}. {move}"
        )
    return position


def _find(where, names, wanted):
    """The position of a name, exactly or without regard to case; None if absent."""
    found = [i for i, name in enumerate(names) if name == wanted]
    found = found or [i for i, name in enumerate(names) if _key(name) == _key(wanted)]
    if len(found) > 1:
        raise ValueError(
            f"{where}: {len(found)} columns are called {wanted!r}. Rename all but one."
        )
    return found[0] if found else None


def _guess(names, chosen, wanted):
    """{role: known name} of the roles not yet chosen, where there is no doubt."""
    guessed = {}
    if "text" not in chosen:
        pairs = False if "text_pair" in chosen else wanted.pairs
        guessed = dict(zip(ROLES, _guess_texts(names, pairs)))
    label = _own_or_only("label", names & LABELS)
    if label and "label" in wanted.roles and "label" not in chosen:
        guessed["label"] = label
    return guessed


def _guess_texts(names, pairs):
    """The name of the text, or those of a pair; none where there is doubt."""
    found = [pair for pair in PAIRS if names.issuperset(pair)]
    if pairs is not False and PAIRS[0] in found:
        return PAIRS[0]
    if pairs:
        return found[0] if len(found) == 1 else ()
    if pairs is None and len(found) == 1 and names & TEXTS == set(found[0]):
        return found[0]
    # The task's own name speaks louder than a title does, but not than half a pair.
    own = None if names & PAIRED > {"text"} else "text"
    text = _own_or_only(own, names & TEXTS)
    return (text,) if text else ()


def _own_or_only(own, names):
    return own if own in names else min(names) if len(names) == 1 else None


def _refuse_doubt(where, cells, chosen, needed, header):
    how = "one of these names"
    if not header:
        how = f"its position from 0 to {len(cells) - 1} (no header was recognised)"
    for role in needed:
        if role not in chosen:
            raise ValueError(
                f"{where}: which column is the {role}? There are {quote_all(cells)}. "
                f"Give {role}_column, {how}."
            )
    taken = flat(chosen.values())
    if len(set(taken)) < len(taken):
        raise ValueError(
            f"{where}: {', '.join(chosen)} cannot share a column; there are "
            f"{quote_all(cells)}. Give each its own."
        )


def _key(name):
    return str(name).strip().casefold()


def _position(name):
    """0-based position that `name` stands for, None where it is a name."""
    return int(name) if str(name).isdecimal() else None
