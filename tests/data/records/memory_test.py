"""Records in memory: what is read from each kind of object, and what is refused."""

import collections
import datetime
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from bert_tf.data.records.columns import LABELS
from bert_tf.data.records.columns import TEXTS as KNOWN_TEXTS
from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.readers import read_table
from bert_tf.tasks import find_task

TEXTS = ["it was good", '{"text": "bad"}', "a\tb", "text", ""]
RECORDS = [{"text": text, "n": n} for n, text in enumerate(TEXTS)]


def texts_of(data, **options):
    """Returns the texts that a model reads for a prediction."""
    table = read_table(take_rows(data, "data"), with_labels=False, **options)
    return [record["text"] for record in table.records]


def labelled(data, **options):
    """Returns the (text, label) pairs that a model learns from."""
    records = read_table(take_rows(data, "data"), **options).records
    return [(record["text"], record["label"]) for record in records]


def pandas_frame(*columns):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(RECORDS, columns=["text", "n", *columns])


def polars_frame():
    return pytest.importorskip("polars").DataFrame(RECORDS)


def arrow_table():
    return pytest.importorskip("pyarrow").table({"text": TEXTS, "n": range(5)})


class Stream:
    """Any object with Arrow's stream interface."""

    def __arrow_c_stream__(self, requested_schema=None):
        return arrow_table().__arrow_c_stream__(requested_schema)


FORMS = {
    "list": lambda: TEXTS,
    "tuple": lambda: tuple(TEXTS),
    "iterator": lambda: iter(TEXTS),
    "generator": lambda: (text for text in TEXTS),
    "values of a dict": lambda: dict(enumerate(TEXTS)).values(),
    "deque": lambda: collections.deque(TEXTS),
    "dicts": lambda: RECORDS,
    "generator of dicts": lambda: iter(RECORDS),
    "tuples": lambda: [(text,) for text in TEXTS],
    "dict of columns": lambda: {"n": range(5), "text": TEXTS},
    "dict of arrays": lambda: {"text": np.array(TEXTS), "n": np.arange(5)},
    "array of strings": lambda: np.array(TEXTS),
    "array of objects": lambda: np.array(TEXTS, dtype=object),
    "array with a column": lambda: np.array(TEXTS)[:, None],
    "array of NumPy's strings": lambda: np.array(TEXTS, np.dtypes.StringDType()),
    "records of NumPy": lambda: np.rec.fromarrays([TEXTS, range(5)], names="text,n"),
    "DataFrame": pandas_frame,
    "DataFrame of another column": lambda: pandas_frame()[["text"]].rename(
        columns={"text": "Nachricht"}
    ),
    "Series": lambda: pandas_frame()["text"],
    "Series of categories": lambda: pandas_frame()["text"].astype("category"),
    "Index": lambda: pandas_frame().set_index("text").index,
    "polars DataFrame": polars_frame,
    "polars Series": lambda: polars_frame()["text"],
    "Arrow table": arrow_table,
    "Arrow column": lambda: arrow_table()["text"],
    "Arrow stream": Stream,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_texts(form):
    assert texts_of(FORMS[form]()) == TEXTS


def test_a_file_is_lines(tmp_path):
    (tmp_path / "a.txt").write_text("good\nbad\n")
    with open(tmp_path / "a.txt") as file:
        assert texts_of(file) == ["good\n", "bad\n"]


COLUMNS = {"text": ["a", "b"], "review": ["c", "d"], "label": [True, 2.0]}


class TestColumns:
    def test_by_name_or_position(self):
        assert texts_of(COLUMNS, text_column="review") == ["c", "d"]
        assert texts_of(COLUMNS, text_column="1") == ["c", "d"]

    def test_as_in_training(self):
        assert texts_of(COLUMNS, columns={"text": "review"}) == ["c", "d"]
        assert texts_of(["x", "y"], columns={"text": "review"}) == ["x", "y"]
        assert texts_of([("x",), ("y",)], columns={"text": 3}) == ["x", "y"]

    def test_labels_become_strings(self):
        assert labelled(COLUMNS) == [("a", "true"), ("b", "2")]
        rows = [("a", 1), ("b", 0.5), ("c", datetime.date(2026, 1, 2))]
        expected = [("a", "1"), ("b", "0.5"), ("c", "2026-01-02")]
        assert labelled(rows) == expected
        days = np.array(["2026-01-02"], "datetime64[ns]")
        (pair,) = labelled({"text": ["a"], "label": days})
        assert pair == ("a", "2026-01-02T00:00:00.000000000")

    def test_tuples_with_labels(self):
        assert labelled([("a", "x"), ("b", "y")]) == [("a", "x"), ("b", "y")]
        table = read_table(take_rows([("a", "b", "x")], "data"))
        assert table.records == [{"text": "a", "text_pair": "b", "label": "x"}]
        table = read_table(
            take_rows([("x", 0, "a", "y")], "data"), text_column="2", label_column="3"
        )
        assert table.records == [{"text": "a", "label": "y"}]

    def test_several_labels(self):
        def read(labels, **options):
            data = {"text": ["a", "b", "c"], **labels}
            pairs = labelled(data, many_labels=True, **options)
            return [label for _, label in pairs]

        expected = [["red", "blue"], [], ["red"]]
        assert read({"label": [("red", "blue"), [], ["red"]]}) == expected
        assert read({"label": [["red", "blue"], None, {"red"}]}) == expected
        assert read({"label": ["red|blue", None, "red"]}) == expected
        flags = {"red": [1, 0, 1.0], "blue": [True, False, 0]}
        assert read(flags, label_column="red,blue") == expected

    def test_ids_keep_their_type(self):
        rows = take_rows(COLUMNS | {"n": np.array([7, 8])}, "data")
        table = read_table(rows, with_labels=False, id_column="n")
        assert table.records == [{"id": 7, "text": "a"}, {"id": 8, "text": "b"}]
        assert type(table.records[0]["id"]) is int


class Feature:
    """As ClassLabel of the package datasets."""

    names = ("neg", "pos")

    def int2str(self, number):
        return self.names[number]


class DataSet(list):
    """As a data set of the package datasets."""

    column_names = ("text", "label")

    @property
    def features(self):
        return {"text": None, "label": Feature()}


def test_class_numbers_of_a_data_set_become_names():
    data = DataSet([{"text": "a", "label": 1}, {"text": "b", "label": 0}])
    assert labelled(data) == [("a", "pos"), ("b", "neg")]
    data.append({"text": "c", "label": -1})
    with pytest.raises(ValueError, match="data, row 2: the label is missing"):
        labelled(data)


class Unknown:
    """A table of a package that nobody knows."""

    columns = ("text",)

    def __iter__(self):
        return iter(self.columns)


LIST = "data must be a list or iterator of texts, .*; received "
WRONG = [
    ("good", LIST + r"'good' \(str\)\. Put a text into a list"),
    (b"good", LIST + r"b'good' \(bytes\)\.$"),
    (3, LIST + r"3 \(int\)"),
    (None, LIST + "None"),
    ({"a", "b"}, LIST + r".*\(set\)"),
    ({"a": 1}.keys(), LIST + r".*\(dict_keys\)"),
    (Unknown(), LIST + ".*Convert it to a pandas DataFrame first"),
    (np.zeros([2, 3]), LIST + r"an array of float64 with shape \[2, 3\]"),
    (np.array("good"), LIST + r"an array of <U4 with shape \[\]"),
    (np.array([b"good"]), LIST + r"an array of \|S4"),
    ({"text": "good"}, "'text' is 'good' .*put a single record into a list"),
    ({"text": 3}, LIST + ".*Put a single record into a list"),
    ({"text": ["a"], "n": {"b": 1}}, "'n' is .*not a column"),
    (["a", 3], r"data, row 1: a record must be a text, .*; received 3 \(int\)"),
    ([b"a"], "data, row 0: a record must be .*bytes"),
    ([("a",), "b"], "data, row 1: .*; received 'b'"),
    ([{"text": "a"}, ("b",)], r"data, row 1: .*\(list\)"),
]


@pytest.mark.parametrize(("data", "says"), WRONG, ids=[says for _, says in WRONG])
def test_other_objects_are_refused(data, says):
    with pytest.raises(TypeError, match=says) as caught:
        texts_of(data)
    assert "\n" not in str(caught.value)


NAN = float("nan")
BAD = [
    (["a", None, NAN], "data: 2 bad rows found: rows 1, 2: the text is missing"),
    ({"text": ["a", None]}, r"data, row 1: the text is missing \(None or NaN\)"),
    ([{"text": "a"}, {"txt": "b"}], "data, row 1: the text is missing"),
    ({"text": ["a", 3, 4.5]}, "row 1: the text must be a string; received int; row 2"),
    ({"text": ["\ud800"]}, "data, row 0: the text has half a character"),
    ({"x": ["a"], "y": ["b"]}, "which column is the text. There are 'x', 'y'"),
    ({"label": ["a"]}, "which column is the text. There are 'label'"),
    ({"text": ["a"], "n": [1, 2]}, r"different lengths \('text' 1, 'n' 2\)"),
    ([("a", "b"), ("c",)], "data, row 1: 1 cell, where the first tuple has 2"),
    ([("a", 1, 2, "b")], "which column is the text. There are '0', '1', '2', '3'"),
    ([()], "data, row 0: 0 cells"),
]


@pytest.mark.parametrize(("data", "says"), BAD, ids=[says for _, says in BAD])
def test_bad_rows_and_columns_are_refused(data, says):
    with pytest.raises(ValueError, match=says) as caught:
        texts_of(data)
    assert "\n" not in str(caught.value)
    # As many predictions as rows: none may be left out.
    assert "bad_rows" not in str(caught.value)


def test_pairs_for_a_model_of_single_texts_are_refused():
    with pytest.raises(ValueError, match="single texts; received tuples of 2"):
        texts_of([("a", "b")], columns={"text": "text"})
    with pytest.raises(ValueError, match="which column is the text_pair"):
        texts_of(["a"], columns={"text": "text", "text_pair": "other"})


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (None, "data, row 1: the label is missing"),
        (["x"], "For lists of labels, use the task multi_label"),
        ({"x": 1}, r"the label cannot be \{'x': 1\} \(dict\)"),
        (b"x", r"the label cannot be b'x' \(bytes\)"),
        (object(), "the label cannot be <object"),
        ("", r"data, row 1: the label \('label'\) is empty"),
    ],
)
def test_wrong_labels(label, says):
    data = [("a", "x"), ("b", label)]
    with pytest.raises(ValueError, match=says):
        labelled(data)
    assert labelled(data, bad_rows="skip") == [("a", "x")]


def test_no_rows_to_learn_from():
    for data in ([], {"text": [], "label": []}):
        with pytest.raises(ValueError, match="data: no rows"):
            labelled(data)


class TestPandas:
    def test_rows_are_named_by_their_index(self):
        frame = pandas_frame().set_index(np.array(["x", "y", "y", 4, "z"], object))
        frame.loc["y", "text"] = None
        with pytest.raises(ValueError, match=r"rows 'y', 'y': the text is missing"):
            texts_of(frame)
        frame = pandas_frame().iloc[::-1]
        frame.loc[3, "text"] = None
        with pytest.raises(ValueError, match="data, row 3: the text is missing"):
            texts_of(frame)

    def test_rows_of_the_same_name_are_left_out_one_by_one(self):
        frame = pandas_frame().assign(label="x").set_index([[7] * 5])
        frame.iloc[4, 0] = "end"
        frame.iloc[2, 0] = None
        kept = labelled(frame, bad_rows="skip")
        assert kept == [(text, "x") for text in [*TEXTS[:2], "text", "end"]]

    def test_columns_whose_names_are_not_clear(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas_frame()
        with pytest.raises(ValueError, match="2 columns are called 'text'"):
            texts_of(pandas.concat([frame, frame], axis=1))
        with pytest.raises(ValueError, match="have 2 levels; received .*'text'"):
            texts_of(pandas.concat({"a": frame}, axis=1))
        with pytest.raises(ValueError, match="5 rows without columns"):
            texts_of(frame[[]])

    def test_not_a_table_of_texts(self):
        frame = pandas_frame()
        with pytest.raises(TypeError, match="row 0: a record must be"):
            texts_of(frame["n"])
        with pytest.raises(TypeError, match="Convert it by to_frame"):
            texts_of(frame.set_index(["text", "n"]).index)


# Records of the other tasks, as JSON lines and in memory.
TAGGED = {"tokens": ["Rome", "fell"], "tags": ["B-LOC", "O"]}
SPANS = {"text": "Rome fell", "entities": [{"start": 0, "end": 4, "type": "LOC"}]}
QUESTION = {
    "question": "Who fell?",
    "context": "Rome fell.",
    "answers": [{"text": "Rome", "answer_start": 0}],
}
CHOICE = {"question": "It was", "choices": ["good", "bad"], "label": 1}


OF_TASKS = pytest.mark.parametrize(
    ("task", "record", "change"),
    [
        ("token_classification", TAGGED, {"tags": ["O", "O"]}),
        ("token_classification", SPANS, {"entities": []}),
        ("question_answering", QUESTION, {"answers": []}),
        ("multiple_choice", CHOICE, {"label": "good"}),
        ("regression", {"text": "a", "label": "2.5"}, {"label": "-1"}),
        ("similarity", {"text": "a", "text_pair": "b", "label": "1"}, {"label": "0"}),
        ("multi_label", {"text": "a", "label": ["x", "y"]}, {"label": []}),
    ],
)


@OF_TASKS
def test_tasks_read_memory_as_they_read_a_file(task, record, change, tmp_path):
    objects = [record, record | change]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in objects))
    kind = find_task(task)
    options = kind.read_options({})
    expected = kind.read(path, **options).records
    columns = {name: [x[name] for x in objects] for name in record}
    for form in (objects, iter(objects), columns):
        table = kind.read(take_rows(form, "train_data"), **options)
        assert table.records == expected
        assert table.where(1) == "train_data, row 1"
    # Cells may be arrays, as those of Parquet files are in pandas.
    arrays = {
        name: [np.array(x, object) if isinstance(x, list) else x for x in column]
        for name, column in columns.items()
    }
    assert kind.read(take_rows(arrays, "data"), **options).records == expected


@OF_TASKS
def test_tasks_read_frames_as_they_read_lists(task, record, change):
    pandas = pytest.importorskip("pandas")
    objects, kind = [record, record | change], find_task(task)
    tables = [
        kind.read(take_rows(form, "data"), **kind.read_options({}))
        for form in (objects, pandas.DataFrame(objects, index=["x", "y"]))
    ]
    assert tables[0].records == tables[1].records
    assert tables[1].where(1) == "data, row 'y'"


@pytest.mark.parametrize(
    ("task", "data", "says"),
    [
        ("question_answering", ["Who fell?"], "data, row 0: no question"),
        ("question_answering", [("a", "b")], "needs columns with different names"),
        ("multiple_choice", [{"question": "a"}], "no question and choices"),
        ("token_classification", [TAGGED | {"tags": ["O"]}], "2 words .* and 1 tag"),
        ("token_classification", [], "data: no rows"),
        ("regression", [("a", "good"), ("b", "1")], "row 0: the label must be a numb"),
    ],
)
def test_records_of_other_tasks_are_refused(task, data, says):
    kind = find_task(task)
    with pytest.raises(ValueError, match=says):
        kind.learn(None, kind.read(take_rows(data, "data")), kind.Options())


def test_they_have_no_columns_to_choose():
    for task, record in (
        ("question_answering", QUESTION),
        ("multiple_choice", CHOICE),
        ("token_classification", TAGGED),
    ):
        says = (
            "^data: records of this form have no columns to choose; drop text_column.$"
        )
        with pytest.raises(ValueError, match=says):
            find_task(task).read(take_rows([record], "data"), text_column="text")


def test_predictions_of_words_and_ids():
    kind = find_task("token_classification")
    data = [TAGGED | {"n": 7}]
    table = kind.read(take_rows(data, "data"), with_labels=False, id_column="n")
    (record,) = table.records
    assert (record["id"], record["text"], "tags" in record) == (7, "Rome fell", False)
    table = kind.read(take_rows(["Rome fell"], "data"), with_labels=False)
    assert table.records == [{"text": "Rome fell", "words": [(0, 4), (5, 9)]}]


# Random data frames.

_NAMES = st.sampled_from(["text", "Text", "text_pair", "label", "review", "x", "0", 1])
_CELLS = st.one_of(
    st.text(max_size=8), st.none(), st.just(NAN), st.integers(-9, 9), st.booleans()
)


@st.composite
def frames(draw):
    """Random frames: types, missing values, names that occur twice or have levels."""
    pandas = pytest.importorskip("pandas")
    size = draw(st.integers(0, 4))
    columns = []
    for _ in range(draw(st.integers(0, 3))):
        cells = draw(
            st.one_of(
                st.lists(st.text(max_size=8), min_size=size, max_size=size),
                st.lists(_CELLS, min_size=size, max_size=size),
                st.lists(st.integers(-9, 9), min_size=size, max_size=size),
                st.lists(st.floats(), min_size=size, max_size=size),
                st.lists(st.datetimes(), min_size=size, max_size=size),
            )
        )
        column = pandas.Series(cells, dtype=object)
        kind = draw(st.sampled_from(["object", "infer", "string", "category"]))
        if kind == "infer":
            column = column.infer_objects()
        elif kind == "category":
            column = column.astype("category")
        elif all(x is None or x is NAN or isinstance(x, str) for x in cells):
            column = column.astype(kind)
        columns.append(column)
    index = draw(st.permutations(range(size)))
    frame = pandas.concat(columns, axis=1) if columns else pandas.DataFrame(index=index)
    frame.index = draw(st.sampled_from([index, [7] * size]))
    names = [draw(_NAMES) for _ in columns]
    if columns and draw(st.integers(0, 9)) == 0:
        names = pandas.MultiIndex.from_tuples([(name, "a") for name in names])
    frame.columns = names
    return frame


def expected_column(frame):
    """Returns the only column that can hold the text, or None if there is doubt."""
    exact = [n for n, name in enumerate(frame.columns) if name == "text"]
    if len(exact) == 1:
        return exact[0]
    names = [str(name).casefold() for name in frame.columns]
    if len(names) == 1:
        return None if names[0] in LABELS else 0
    texts = [n for n, name in enumerate(names) if name in KNOWN_TEXTS]
    own = [n for n in texts if names[n] == "text"] or texts
    return own[0] if len(own) == 1 else None


@hypothesis.settings(max_examples=500, deadline=None)
@hypothesis.given(data=st.data())
def test_a_random_frame_has_the_texts_of_its_column_or_is_refused(data):
    frame = data.draw(frames())
    try:
        table = read_table(take_rows(frame, "data"), with_labels=False)
    except (TypeError, ValueError) as error:
        assert "\n" not in str(error)
        assert str(error).startswith("data")
        return
    place = expected_column(frame)
    assert place is not None
    cells = list(frame.iloc[:, place])
    assert [record["text"] for record in table.records] == cells
    assert all(isinstance(cell, str) for cell in cells)
    assert [str(place) for place in table.lines] == [str(x) for x in frame.index]
    # The same texts in a list are read as the same records.
    if "text_pair" not in table.records[0]:
        assert texts_of(cells) == cells


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(cells=st.lists(st.text(max_size=9), min_size=1, max_size=4))
def test_a_random_column_of_texts_is_read(cells):
    pandas = pytest.importorskip("pandas")
    hypothesis.assume(all("\ud800" > c or c > "\udfff" for x in cells for c in x))
    frame = pandas.DataFrame({"id": range(len(cells)), "text": cells})
    for dtype in ("object", "string", "category"):
        assert texts_of(frame.astype({"text": dtype})) == cells
