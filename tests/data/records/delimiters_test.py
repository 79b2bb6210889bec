"""Delimiters and quotes: found or refused, never wrong in silence."""

import csv
import io
import pathlib
import tempfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bert_tf.data.records.delimiters import (
    DELIMITERS,
    has_quoted_cells,
    read_delimiter,
)
from bert_tf.data.records.labels import has_line_end, strip_label
from bert_tf.data.records.readers import read_table

ORDER = {"text_column": 0, "label_column": 1}
PROSE = [
    ("I bought it, used it, and returned it, sadly", "bad"),
    ("Great, really", "good"),
    ("Fine", "good"),
    ('No, no, no; never "5, 6" | 7', "bad"),
]


def table_of(rows, delimiter, **options):
    texts = io.StringIO(newline="")
    csv.writer(texts, delimiter=delimiter, **options).writerows(rows)
    return texts.getvalue()


@pytest.mark.parametrize("delimiter", DELIMITERS.values())
@pytest.mark.parametrize("header", [("text", "label"), ("Satz", "Klasse"), None])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_prose_full_of_commas(write, delimiter, header, quoting, suffix):
    rows = [*([header] if header else []), *PROSE]
    path = write(f"a{suffix}", table_of(rows, delimiter, quoting=quoting))
    columns = {} if header == ("text", "label") else ORDER
    if header == ("Satz", "Klasse"):
        columns = {"text_column": "Satz", "label_column": "Klasse"}
    table = read_table(path, **columns)
    assert [tuple(record.values()) for record in table.records] == PROSE


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        ("a.csv", "eins;1,5\nzwei;2,5\n", ("eins", "1,5")),  # Decimal commas.
        ("a.csv", 'msg,kind\n"a;b\nc;d",x\n"e;f\ng;h",y\n', ("msg", "kind")),
        ("a.csv", "http://a/?b=1;c=2,x\nhttp://a/?b=3,y\n", None),
        ("a.csv", "a, b;1\nc, d;2\n", ("a, b", "1")),
        ("a.csv", "sep=;\na,b;1,0\nc,d;2,0\n", ("a,b", "1,0")),
        ("a.tsv", "a,b\t1\nc,d\t2\n", ("a,b", "1")),
    ],
)
def test_the_number_of_cells_decides(write, name, content, first):
    record = read_table(write(name, content), **ORDER).records[0]
    expected = first or ("http://a/?b=1;c=2", "x")
    assert (record["text"], record["label"]) == expected


def test_a_doubt_is_refused_and_the_user_may_decide(write, refusal):
    path = write("a.csv", "a,b;1\nc,d;2\n")
    assert refusal(read_table, path, **ORDER) == (
        "a.csv: which character separates the cells? comma and semicolon both fit the "
        "first line, 'a,b;1'. Give delimiter, such as comma."
    )
    for delimiter in (";", "semicolon"):
        table = read_table(path, delimiter=delimiter, **ORDER)
        assert table.records[0] == {"text": "a,b", "label": "1"}
    path = write("a.txt", "text^label\na, b^1\n")
    assert read_table(path, delimiter="^").records == [{"text": "a, b", "label": "1"}]


def test_a_file_of_one_column(write):
    path = write("a.csv", 'text\nI came, saw; won\n"a, b"\n')
    table = read_table(path, with_labels=False)
    assert [record["text"] for record in table.records] == [
        "I came, saw; won",
        '"a, b"',
    ]
    path = write("a.csv", 'text\nyes\n"a, b"\n')
    table = read_table(path, with_labels=False)
    assert [record["text"] for record in table.records] == ["yes", "a, b"]
    path = write("a.txt", "a; b\nc; d\n")
    table = read_table(path, with_labels=False)
    assert [record["text"] for record in table.records] == ["a; b", "c; d"]


@pytest.mark.parametrize("value", ["xx", "", '"', "\n", "\0"])
def test_a_delimiter_is_a_name_or_one_character(value, refusal):
    if value:
        assert "delimiter must be comma, semico" in refusal(read_delimiter, value)
    else:
        assert read_delimiter(value) is None
    assert read_delimiter("tab") == read_delimiter("\\t") == "\t"


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        ('a\t1\n"b, c"\t2\n', True),  # Excel's: a comma, and no other cell has one.
        ('a, b\t1\n"c, d"\t2\n', False),
        ('"b ""c"""\t2\n', True),
        ('"a\nb"\t1\nc\t2\n', True),
        ('"text"\t"label"\n"a"\t"1"\n', True),
        ('text\tlabel\n"a"\t1\n', False),
        ('"good\t1\n5" disk\t0\n', False),
        ('"\t1\n', False),
        ("a\t1\n", False),
    ],
)
def test_quotes_of_tsv_enclose_cells_only_if_a_cell_needs_them(content, quoted):
    assert has_quoted_cells("a.tsv", content) is quoted


def test_quotes_in_doubt_are_refused(refusal):
    message = refusal(has_quoted_cells, "a.tsv", '"good\t1\nbad"\t0\n')
    assert message.startswith("a.tsv: do quotes enclose cells, or are they plain char")


cells = st.one_of(
    st.text("ab ,;|\t\"'\n\r.5{", max_size=12),
    st.text('中文äöüß，。é\u00a0\u2028 ,;"', max_size=8),
).filter(str.strip)
labels = cells.map(strip_label).filter(lambda label: label and not has_line_end(label))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(cells, labels), min_size=1, max_size=6),
    st.sampled_from(list(DELIMITERS.values())),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp1252"]),
    st.sampled_from([("text", "label"), ("Satz", "Klasse"), None]),
    st.sampled_from([".csv", ".tsv", ".txt"]),
    st.booleans(),
)
def test_any_table_is_read_exactly_or_refused(
    rows, delimiter, quoting, end, encoding, header, suffix, named
):
    # Without a header and in doubt, the name of a TSV decides.
    assume(header or suffix != ".tsv" or delimiter == "\t" or named)
    options = {"quoting": quoting, "lineterminator": end}
    content = table_of([*([header] if header else []), *rows], delimiter, **options)
    columns = {"encoding": encoding} if not encoding.startswith("utf-8") else {}
    columns |= {"delimiter": delimiter} if named else {}
    if header != ("text", "label"):
        columns |= dict(zip(ORDER, header or (0, 1)))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"a{suffix}"
        path.write_bytes(content.encode(encoding, "replace"))
        expected = [
            tuple(cell.encode(encoding, "replace").decode(encoding) for cell in row)
            for row in rows
        ]
        try:
            table = read_table(path, **columns)
        except ValueError as error:
            assert len(str(error).splitlines()) == 1
            assert str(path) in str(error)
        else:
            assert [tuple(record.values()) for record in table.records] == expected
