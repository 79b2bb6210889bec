"""Well-known files whose columns no header names, or a header names in its own way.

A layout is recognised where every line bears its signature, and never where a caller
asks for columns that it lacks. Its columns have names, those of GLUE (Wang et al., 2019)
where it has any: a model trained on one file then finds its columns in the other.
"""

import dataclasses
import re

from bert_tf.data.records.files import split_lines

NO_LABEL = "-"  # In a column `gold_label`: the annotators did not agree.


@dataclasses.dataclass(frozen=True)
class Layout:
    """Lines of one pattern; its named groups are the columns.

    Attributes:
        name: whose layout it is.
        pattern: of a whole line.
        roles: {role: column}.
        joined: columns that together, a space between, are one more, called "text".
    """

    name: str
    pattern: re.Pattern
    roles: dict
    joined: tuple = ()

    @property
    def names(self):
        order = sorted(self.pattern.groupindex, key=self.pattern.groupindex.get)
        return [*order, *(["text"] if self.joined else [])]

    def row(self, line):
        """The cells of a line as `names` has them; None for a line of another kind."""
        match = self.pattern.fullmatch(line)
        if match is None:
            return None
        cells = match.groupdict()
        if self.joined:  # CSV, then.
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
    Layout(  # The file called .csv; some rows name two sources more.
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

# Headers of TAB-separated files, in lower case: whose they are.
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
# These come with parses and single votes, which not all of their files have.
_PARSED = {"captionid": "SNLI", "promptid": "MNLI"}


def recognise(text, wanted):
    """Returns (layout, rows of cells, their lines) of a file without header, or None."""
    lines = [(n, line) for n, line in enumerate(split_lines(text), 1) if line.strip()]
    for layout in LAYOUTS:
        if layout.row(lines[0][1]) and _suits(layout, wanted):
            rows = [layout.row(line) for _, line in lines]
            if all(rows):
                return layout, rows, [number for number, _ in lines]
    return None


def is_trec(text):
    """Whether a text is of the one file that is known to come in Latin-1."""
    trec = next(layout for layout in LAYOUTS if layout.name == "TREC")
    return all(trec.pattern.fullmatch(line) for line in split_lines(text) if line)


def name_header(header):
    """Whose header it is, None for anybody's."""
    keys = tuple(name.strip().casefold() for name in header)
    if {"gold_label", "sentence1", "sentence2"}.issubset(keys):
        for key, name in _PARSED.items():
            if key in keys:
                return name
    return _HEADERS.get(keys)


def adopt(wanted, roles, names):
    """Tells a Wanted the columns of a layout; what was asked or remembered goes first.

    Args:
        wanted: `columns.Wanted`.
        roles: {role: column} of the layout.
        names: all of its columns.
    """
    known = {role: name for role, name in wanted.remembered.items() if name in names}
    told = {role: name for role, name in roles.items() if role in wanted.roles}
    if wanted.pairs is False:
        told.pop("text_pair", None)
    return dataclasses.replace(wanted, remembered=told | known)


def drop_short(rows, lines, width):
    """QQP has a few rows that break off; GLUE's users have always left them out."""
    whole = [(row, n) for row, n in zip(rows, lines) if len(row) == width]
    return [row for row, _ in whole], [n for _, n in whole], len(rows) - len(whole)


def _suits(layout, wanted):
    """Whether all columns asked for are the layout's, and pairs where it has pairs."""
    if not all(name in layout.names for name in wanted.asked.values()):
        return False
    return "text" in wanted.asked or wanted.pairs in (
        None,
        "text_pair" in layout.roles,
    )
