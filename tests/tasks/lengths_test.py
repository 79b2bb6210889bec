"""Lengths before truncation, and the line that says how many examples are cut."""

import numpy as np
import pytest
import tiny_folder
import tiny_tasks

from bert_tf.tasks import TASKS
from bert_tf.tasks.lengths import describe_cuts, example_lengths
from bert_tf.tokenization import BertTokenizer


def make(name, **options):
    kind = TASKS[name]
    tokenizer = BertTokenizer(tiny_folder.VOCAB, lower_case=True)
    labels = {"labels": ["a", "b"]} if kind.has_labels else {}
    return kind(tokenizer, kind.Options(**options), **labels)


def texts(*values):
    return np.array(values, dtype=object)


def test_texts_and_pairs():
    task = make("classification", max_seq_length=8)
    columns = {"text": texts("a film", "it was a very , very good film .")}
    lengths, records = example_lengths(task, columns)
    assert (lengths.tolist(), records) == ([4, 11], 2)
    pairs = columns | {"text_pair": texts("good", "bad")}
    assert example_lengths(task, pairs)[0].tolist() == [6, 13]
    assert task.options.max_seq_length == 8


def test_targets_are_cut_by_another_limit():
    task = make("translation", max_seq_length=8, max_target_length=4)
    task.decoder = tiny_tasks.DECODER
    columns = {
        "text": texts("a film", "it was a very , very good film ."),
        # With [SEP] 4 and 5 tokens.
        "target": texts("a good film", "a good film ."),
    }
    assert example_lengths(task, columns, feature="target_ids")[0].tolist() == [5, 6]
    assert describe_cuts(task, columns, 24) == (
        "max_seq_length=8 cuts 1 of 2 examples (50.0%); --max_seq_length=11 keeps them "
        "whole. max_target_length=4 cuts 1 of 2 targets (50.0%); --max_target_length=5 "
        "keeps them whole."
    )
    assert describe_cuts(task, {"text": columns["text"]}, 10) == (
        "max_seq_length=8 cuts 1 of 2 examples (50.0%); the model reads up to 10 tokens."
    )


def test_choices_words_and_questions():
    choices = np.array([["good", "very very bad"]], dtype=object)
    columns = {"text": texts("a film"), "choices": choices}
    assert example_lengths(make("multiple_choice"), columns)[0].tolist() == [6, 8]

    words = np.empty(1, dtype=object)
    words[0] = [(0, 1), (2, 6)]
    columns = {"text": texts("a film"), "words": words}
    assert example_lengths(make("token_classification"), columns)[0].tolist() == [4]

    columns = {"question": texts("is it"), "context": texts("it was a good film")}
    assert example_lengths(make("question_answering"), columns)[0].tolist() == [10]


def test_the_line():
    columns = {"text": texts(*["a film"] * 7, "it was a very , very good film .")}
    task = make("classification", max_seq_length=8)
    assert describe_cuts(task, columns, positions=24) == (
        "max_seq_length=8 cuts 1 of 8 examples (12.5%); --max_seq_length=11 keeps them "
        "whole."
    )
    assert describe_cuts(task, columns, positions=10).endswith(
        "; --long_text=windows reads all of them."
    )


@pytest.mark.parametrize(
    "options", [{"max_seq_length": 11}, {"max_seq_length": 8, "long_text": "windows"}]
)
def test_nothing_is_said_if_nothing_is_cut(options):
    columns = {"text": texts("it was a very , very good film .")}
    assert describe_cuts(make("classification", **options), columns, 24) == ""
    assert describe_cuts(make("question_answering"), {}, 24) == ""


def test_of_much_text_the_beginning_counts():
    columns = {"text": texts(*["a film"] * 600)}
    task = make("classification")
    assert example_lengths(task, columns, characters=6 * 300)[1] == 300
    assert len(example_lengths(task, columns, characters=6 * 300)[0]) == 300
