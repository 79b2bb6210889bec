"""Which candidates there are, which keeps the limits, and what people see of them."""

import pytest

import bert_tf
from bert_tf.compression import candidates
from bert_tf.compression.measuring import Limits, as_table, choose_best
from bert_tf.report.frontier import find_frontier


def figures(size_mb, score, p50_ms=5.0):
    return {
        "score": score,
        "interval_95": [score - 0.02, score + 0.02],
        "drop": 100 * (0.9 - score),
        "size_mb": size_mb,
        "parameters": 1_234_567,
        "p50_ms": p50_ms,
        "p99_ms": 2 * p50_ms,
        "texts_per_second": 1234.5,
    }


MEASURED = {
    "float32": figures(90, 0.9, 9.0),
    "int8": figures(23, 0.89, 4.0),
    "half_int8": figures(12, 0.87, 2.0),
    "small_int8": figures(2, 0.8, 1.0),
}


@pytest.mark.parametrize(
    ("limits", "best"),
    [
        (Limits(0, 0, 0), "small_int8"),
        (Limits(0, 3.5, 0), "half_int8"),
        (Limits(0, 2, 0), "int8"),
        (Limits(50, 0.5, 0), None),
        (Limits(12, 3.5, 2), "half_int8"),
        (Limits(12, 3.5, 1.9), None),
    ],
)
def test_the_smallest_that_keeps_the_limits(limits, best):
    assert choose_best(MEASURED, limits) == best


def test_limits_are_told():
    assert str(Limits(12, 1.5, 0)) == "max_size_mb=12 MB, max_drop=1.5 points"
    assert str(Limits(0, 0, 0)) == "no limits"


def test_the_table_marks_the_best():
    lines = as_table(MEASURED, "accuracy", "half_int8").splitlines()
    assert len(lines) == 5
    assert [line[0] for line in lines] == [" ", " ", " ", "*", " "]
    assert lines[3].split() == [
        *("*", "half_int8", "0.8700", "[0.850,", "0.890]", "3.00", "12.0"),
        *("1,234,567", "2.0", "4.0", "1,234"),
    ]


def test_the_frontier_leaves_out_what_a_smaller_one_equals():
    measured = MEASURED | {"float16": figures(45, 0.89), "pruned": figures(13, 0.86)}
    assert find_frontier(measured) == ["small_int8", "half_int8", "int8", "float32"]


def test_models_are_made_of_others_before_them():
    chosen = candidates.choose("small_int8, int8")
    assert [c.name for c in chosen] == ["float32", "int8", "small_int8"]
    assert candidates.list_models(chosen) == ["trimmed", "small"]
    assert candidates.list_models(candidates.choose("int8")) == []


def test_what_would_not_be_smaller_is_left_out():
    config = bert_tf.BertConfig.from_size("tiny", num_hidden_layers=1)
    names = [c.name for c in candidates.fit(candidates.choose(""), config)]
    assert names == [
        *("float32", "float16", "int8", "trimmed_int8", "aware_int8", "pruned_int8"),
    ]
    config = bert_tf.BertConfig.from_size("mini")
    assert candidates.fit(candidates.choose(""), config) == list(candidates.CANDIDATES)


def test_half_of_the_layers():
    assert candidates.half_of(6) == "0,2,4"
    assert candidates.half_of(3) == "0,2"


def test_an_unknown_candidate_is_refused():
    with pytest.raises(ValueError, match="candidates must be among .*'tiny_int8'"):
        candidates.choose("int8,tiny_int8")
