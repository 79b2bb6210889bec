"""Examples and features are the same bit for bit in TensorFlow's graph and in NumPy."""

import functools

import both_kinds
import numpy as np
import pytest
import tensorflow as tf
import tiny_folder
import tiny_tasks

from bert_tf.tokenization.arrays import gather
from bert_tf.tokenization.on_host import HostTokenizer
from bert_tf.tokenization.tokenizer import BertTokenizer

WINDOWS = [{"long_text": name} for name in ("windows", "truncate")]
TEXTS = [*WINDOWS, {"long_text": "head_tail"}]
# {task: options beside the length}
OPTIONS = {
    "classification": TEXTS,
    "regression": TEXTS,
    "multi_label": [{}],
    "token_classification": WINDOWS,
    "question_answering": [{"doc_stride": 2}, {"long_text": "truncate"}],
    "multiple_choice": TEXTS,
    "similarity": TEXTS,
    "reranking": TEXTS,
    "fill_mask": [{"top_k": 2}],
    "features": [*TEXTS, {"layers": "0,-1"}],
}
CASES = [(name, options, True) for name, many in OPTIONS.items() for options in many]
CASES += [(name, {}, False) for name in ("similarity", "token_classification")]
CASES += [(name, {}, False) for name in ("classification", "question_answering")]
CASES += [("reranking", {}, False)]


@functools.cache
def make_tokenizer(kind, keep_special_tokens):
    return kind(tiny_folder.VOCAB, keep_special_tokens=keep_special_tokens)


def make(name, kind, options):
    tokenizer = make_tokenizer(kind, name == "fill_mask")
    return tiny_tasks.make_task(name, tokenizer, max_seq_length=12, **options)


def tensors(columns):
    """Returns columns as a pipeline of TensorFlow passes them on."""
    return {
        name: tf.constant(x.tolist() if x.dtype == object else x)
        if isinstance(x, np.ndarray)
        else x
        for name, x in columns.items()
    }


@pytest.mark.parametrize("name, options, labelled", CASES, ids=str)
def test_features(name, options, labelled):
    ours, theirs = (
        make(name, kind, options) for kind in (HostTokenizer, BertTokenizer)
    )
    records = tiny_tasks.RECORDS[name]
    if not labelled:
        labels = ("label", "labels", "tags", "answers")
        records = [{n: x for n, x in r.items() if n not in labels} for r in records]
    table = tiny_tasks.make_table(name, records)
    columns = ours.columns(table)
    examples, expected = (task.examples(columns) for task in (ours, theirs))
    assert examples.keys() == expected.keys()
    for key, array in examples.items():
        if array.dtype == object:
            assert [np.asarray(x).tolist() for x in array] == [
                np.asarray(x).tolist() for x in expected[key]
            ]
        elif isinstance(array, np.ndarray):
            assert array.dtype == expected[key].dtype
            np.testing.assert_array_equal(array, expected[key])
        else:
            both_kinds.assert_same(expected[key], array)
    assert ours.count(examples) == theirs.count(expected)
    features = ours.features(ours.inputs(examples))
    compiled = tf.function(theirs.features, autograph=False)
    both_kinds.assert_same(compiled(tensors(theirs.inputs(expected))), features)
    none = {n: gather(x, np.arange(0)) for n, x in ours.inputs(examples).items()}
    empty = ours.features(none)
    assert empty["input_ids"].nrows() == 0
    both_kinds.assert_same(theirs.features(both_kinds.to_tensorflow(none)), empty)
