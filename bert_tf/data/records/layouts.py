"""Detects well-known files without a header, or with a header of their own.

A layout is detected if its pattern matches every line and it has all columns that the
user names. Its columns are named as in GLUE (Wang et al., 2019) where possible, so that a
model trained on one file finds its columns in another.
"""

import dataclasses
import re

from bert_tf.data.records.files import split_lines

NO_LABEL = "-"  # Value of `gold_label` if the annotators did not agree.


@dataclasses.dataclass(frozen=True)
class Layout:
    """A file format whose lines all match one pattern.

    Attributes:
        name: name of the data set.
        pattern: matches a whole line; its named groups are the columns.
        roles: {role: column}.
        joined: columns that are joined by a space into another column, "text".
    """

    name: str
    pattern: re.Pattern
    roles: dict
    joined: tuple = ()

    @property
    def names(self):
        """The names of the columns, in their order in a line."""
        order = sorted(self.pattern.groupindex, key=self.pattern.groupindex.get)
        return [*order, *(["text"] if self.joined else [])]

    def row(self, line):
        """Returns the cells of a line in the order of `names`, or None if none match."""
        match = self.pattern.fullmatch(line)
        if match is None:
            return None
        cells = match.groupdict()
        if self.joined:  # The only such layout is CSV, whose quotes are doubled.
            cells = {name: cell.replace('""', '"') for name, cell in cells.items()}
            cells["text"] = " ".join(cells[name] for name in self.joined)
        return [cells[name] for name in self.names]


STSB_ROLES = {"text": "sentence1", "text_pair": "sentence2", "label": "score"}
LAYOUTS = (
    Layout(
        "CoLA",
        re.compile(
            r"(?P<source>\w[\w-]{0,7})\t(?P<label>[01])\t(?P<mark>[*?]{0,2})\t"
            r"(?P<sentence>[^\t]*)"
        ),
        {"text": "sentence", "label": "label"},
    ),
    Layout(  # TAB-separated, although it is named .csv. Some rows have two more cells.
        "STS-B",
        re.compile(
            r"(?P<genre>main-[a-z]+)\t(?P<filename>[^\t]*)\t(?P<year>[^\t]*)\t"
            r"(?P<old_index>[^\t]*)\t(?P<score>[0-4](?:\.\d+)?|5(?:\.0+)?)\t"
            r"(?P<sentence1>[^\t]*)\t(?P<sentence2>[^\t]*)(?:\t[^\t]*)*"
        ),
        STSB_ROLES,
    ),
    Layout(
        "TREC",
        re.compile(
            r"(?P<fine>(?P<coarse>ABBR|DESC|ENTY|HUM|LOC|NUM):[a-z]+) (?P<question>.*)"
        ),
        {"text": "question", "label": "coarse"},
    ),
    Layout(
        "SMS Spam Collection",
        re.compile(r"(?P<label>ham|spam)\t(?P<text>[^\t]*)"),
        {"text": "text", "label": "label"},
    ),
    Layout(
        "NLI",
        re.compile(
            r"(?P<label>entailment|neutral|contradiction|not_entailment)\t"
            r"(?P<premise>[^\t]*)\t(?P<hypothesis>[^\t]*)"
        ),
        {"text": "premise", "text_pair": "hypothesis", "label": "label"},
    ),
    Layout(
        "AG News",
        re.compile(
            r'"(?P<class>[1-4])","(?P<title>(?:[^"]|"")*)",'
            r'"(?P<description>(?:[^"]|"")*)"'
        ),
        {"text": "text", "label": "class"},
        joined=("title", "description"),
    ),
)

# Headers of TAB-separated files in lower case, and the data sets that have them.
_HEADERS = {
    ("sentence", "label"): "SST-2",
    ("quality", "#1 id", "#2 id", "#1 string", "#2 string"): "MRPC",
    ("index", "sentence1", "sentence2", "label"): "RTE and WNLI",
    ("index", "question", "sentence", "label"): "QNLI",
    ("id", "qid1", "qid2", "question1", "question2", "is_duplicate"): "QQP",
    ("index", "genre", "filename", "year", "old_index", "source1", "source2")
    + ("sentence1", "sentence2", "score"): "STS-B",
    ("gold_label", "sentence1", "sentence2"): "SNLI",
    ("label", "text_a"): "ChnSentiCorp",
    ("text_a", "text_b", "label"): "Chinese XNLI",
}
# The other columns of these data sets (parses, single votes) differ from file to file.
_ID_COLUMNS = {"captionid": "SNLI", "promptid": "MNLI"}


def detect_layout(text, request):
    """Returns (layout, rows of cells, their lines) of a file without header, or None."""
    lines = [(n, line) for n, line in enumerate(split_lines(text), 1) if line.strip()]
    for layout in LAYOUTS:
        if layout.row(lines[0][1]) and _suits(layout, request):
            rows = [layout.row(line) for _, line in lines]
            if all(rows):
                return layout, rows, [number for number, _ in lines]
    return None


def is_trec(text):
    """Returns whether a text is a file of TREC, which is published in Latin-1."""
    trec = next(layout for layout in LAYOUTS if layout.name == "TREC")
    return all(trec.pattern.fullmatch(line) for line in split_lines(text) if line)


def name_header(header):
    """Returns the data set that has this header, or None."""
    keys = tuple(name.strip().casefold() for name in header)
    if {"gold_label", "sentence1", "sentence2"}.issubset(keys):
        for key, name in _ID_COLUMNS.items():
            if key in keys:
                return name
    return _HEADERS.get(keys)


def add_layout(request, roles, names):
    """Returns a request that also remembers the columns of a layout.

    Columns that the request names, or remembers and the layout has, take precedence.

    Args:
        request: `columns.Request`.
        roles: {role: column} of the layout.
        names: all columns of the layout.
    """
    known = {role: name for role, name in request.remembered.items() if name in names}
    columns = {role: name for role, name in roles.items() if role in request.roles}
    if request.pairs is False:
        columns.pop("text_pair", None)
    return dataclasses.replace(request, remembered=columns | known)


def drop_short(rows, lines, width):
    """Returns the rows of full width, their lines, and the number of dropped rows.

    A few rows of QQP are cut short. It is usual to leave them out.
    """
    whole = [(row, n) for row, n in zip(rows, lines) if len(row) == width]
    return [row for row, _ in whole], [n for _, n in whole], len(rows) - len(whole)


def _suits(layout, request):
    """Returns whether a layout has all requested columns, and pairs if these are needed."""
    if not all(name in layout.names for name in request.named.values()):
        return False
    return "text" in request.named or request.pairs in (
        None,
        "text_pair" in layout.roles,
    )
