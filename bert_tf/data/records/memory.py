"""Rows of cells in memory, which every reader takes in place of a file.

`bert_tf.data.records.containers` makes them of lists, data frames and other objects.
"""

import dataclasses

from bert_tf.data.records.columns import GROUP, LABELS
from bert_tf.data.records.faults import Fault
from bert_tf.data.records.objects import refuse_half_characters
from bert_tf.data.records.sheets import as_text
from bert_tf.ground import quote, quote_all

# Names of the columns of tuples, by their width; the first are those without labels.
_TUPLES = (
    {1: ("text",), 2: ("text", "text_pair")},
    {2: ("text", "label"), 3: ("text", "text_pair", "label")},
)


class Place(int):
    """The position of a row, from 0, that is shown as the row's label in its table."""

    def __new__(cls, position, label):
        place = super().__new__(cls, position)
        place.label = label
        return place

    def __str__(self):
        return repr(self.label) if isinstance(self.label, str) else str(self.label)

    __repr__ = __str__


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of cells in memory; every reader of files takes them in place of a path.

    Attributes:
        source: name of the argument that they were given as, for messages.
        form: what they were, such as "pandas DataFrame".
        names: names of the columns; None for tuples, whose order decides.
        cells: list of tuples, as wide as `names`. A missing cell is None; arrays are
            lists.
        places: position of each row from 0; shown as the label of a pandas index.
        index: the pandas index, or None.
    """

    source: str
    form: str
    names: list | None
    cells: list
    places: list
    index: object = None

    def __str__(self):
        return self.source

    def fit(self, request):
        """Returns the names of the columns, and the `Request` that suits them.

        Raises:
            ValueError: pairs for a model that reads single texts.
        """
        names = self.names
        if names is None:
            width = len(self.cells[0])
            names = _TUPLES[request.with_labels].get(width)
            if names is None or request.named:
                return [str(number) for number in range(width)], request
            if "text_pair" in names and request.pairs is False:
                raise ValueError(
                    f"{self}: the model reads single texts; received tuples of "
                    f"{width}. Give the texts alone."
                )
        # A single column of unknown name can only be the text, unless it is the label.
        alone = len(names) == 1 and not request.with_labels
        if alone and not request.named and names[0].strip().casefold() not in LABELS:
            request = dataclasses.replace(request, named={"text": "0"})
        return list(names), request

    def objects(self):
        """Returns the rows as dicts, without the cells that are missing.

        Raises:
            ValueError: the columns have no names, or two have the same; no rows.
        """
        if self.names is None or len(set(self.names)) < len(self.names):
            shown = "tuples" if self.names is None else quote_all(self.names)
            raise ValueError(
                f"{self}: this task needs columns with different names; received "
                f"{shown}. Give dicts, or a table whose columns have names."
            )
        if not self.cells:
            raise ValueError(f"{self}: no rows. Give at least one.")
        return [
            {name: cell for name, cell in zip(self.names, row) if cell is not None}
            for row in self.cells
        ]


def read_cells(request, where, record):
    """Returns the record of a row of cells, whose labels become strings.

    Raises:
        Fault: a text is missing or is no string; a label is missing or no label.
    """
    read = dict(record)
    for role, cell in record.items():
        if role == "id":
            continue
        if role == "label":
            read[role] = _read_label(request, where, cell)
            continue
        if cell is None:
            raise _missing(where, role)
        if role == GROUP:
            cell = read[role] = as_text(cell)
        if not isinstance(cell, str):
            raise Fault(
                where,
                f"the {role} must be a string; received {type(cell).__name__}",
                f"Make it a string, or give {role}_column.",
            )
        refuse_half_characters(where, cell)
    return read


def _read_label(request, where, cell):
    """Returns a label as a string; of several a list, or a tuple of the columns' cells."""
    if isinstance(cell, tuple):  # A column for each label.
        return tuple(_read_label(request, where, part) for part in cell)
    if cell is None:
        if request.many_labels:  # A text may have none.
            return ""
        raise _missing(where, "label")
    if isinstance(cell, list) and request.many_labels:
        return [_read_label(request, where, part) for part in cell]
    unnamed = type(cell).__repr__ is object.__repr__
    if unnamed or isinstance(cell, list | dict | bytes):
        advice = "Give a string, a number or a truth value."
        if isinstance(cell, list):
            advice = "For lists of labels, use the task multi_label."
        raise Fault(where, f"the label cannot be {show(cell)}", advice)
    text = as_text(cell)
    refuse_half_characters(where, text)
    return text


def _missing(where, role):
    advice = "Fill it in, or drop the row, as dropna does in pandas."
    return Fault(where, f"the {role} is missing (None or NaN)", advice)


def show(value):
    """Returns a value and its type for a message."""
    return f"{quote(' '.join(repr(value).split()))[1:-1]} ({type(value).__name__})"
