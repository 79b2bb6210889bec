"""Tokenizers for engines without TensorFlow: equality with `BertTokenizer`."""

import json
import os
import pathlib
import subprocess
import sys

import both_kinds
import numpy as np
import pytest
import tiny_folder

from bert_tf.tokenization import read_vocab
from bert_tf.tokenization.fast import FastTokenizer
from bert_tf.tokenization.on_host import HostTokenizer
from bert_tf.tokenization.tokenizer import BertTokenizer

FIXTURE = json.loads(
    (pathlib.Path(__file__).parents[1] / "fixtures" / "tokenization.json").read_text()
)
VOCAB, TEXTS = FIXTURE["small_vocab"], FIXTURE["texts"]
OPTIONS = [case["options"] for case in FIXTURE["cases"] if case["vocab"] == "small"]
DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"
AT_ONCE = 2000  # Texts.

every_kind = pytest.mark.parametrize("kind", [FastTokenizer, HostTokenizer])


@pytest.fixture(autouse=True)
def installed():
    pytest.importorskip("tokenizers")


@every_kind
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_ids_and_offsets(kind, options):
    theirs, ours = BertTokenizer(VOCAB, **options), kind(VOCAB, **options)
    both_kinds.assert_same(theirs.tokenize(TEXTS), ours.tokenize(TEXTS))
    both_kinds.assert_same(
        theirs.tokenize_with_offsets(TEXTS), ours.tokenize_with_offsets(TEXTS)
    )


@every_kind
def test_settings(kind):
    names = (
        "vocab token_to_id vocab_size pad_id unk_id cls_id sep_id mask_id lower_case"
    )
    names += (
        " strip_accents tokenize_chinese_chars keep_special_tokens model_max_length"
    )
    given = {"lower_case": False, "keep_special_tokens": True, "model_max_length": 9}
    theirs, ours = BertTokenizer(VOCAB, **given), kind(VOCAB, **given)
    for name in names.split():
        assert getattr(ours, name) == getattr(theirs, name)
    with pytest.raises(ValueError, match=r"\[PAD\] .* missing"):
        kind(["a"])


@every_kind
def test_kinds_of_texts(kind):
    tokenizer = kind(tiny_folder.VOCAB)
    expected = [[8, 14], []]
    for texts in (
        ["a film", ""],
        np.array(["a film", ""]),
        np.array(["a film", ""], object),
        np.array([b"a film\xff", b""], object),
    ):
        assert tokenizer.tokenize(texts).to_list() == expected
    for ids in tokenizer.tokenize_with_offsets([]):
        assert ids.to_list() == [] and ids.dtype == np.int32
    assert tokenizer.tokenize("a film").to_list() == expected[:1]
    with pytest.raises(TypeError, match=r"^texts\[1\] must be a string"):
        tokenizer.tokenize(["a", None])
    with pytest.raises(ValueError, match=r"of shape \[B\]; received \(1, 1\)"):
        tokenizer.tokenize(np.array([["a"]]))


@every_kind
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": False},
        {"padding": "max_length", "max_length": 6},
        {"truncation": False},
    ],
    ids=str,
)
def test_batches(kind, options):
    texts = ["it was a very good film", ""], ["bad film .", "fine"]
    for count in (1, 2):
        both_kinds.assert_same(
            BertTokenizer(tiny_folder.VOCAB)(*texts[:count], **options),
            kind(tiny_folder.VOCAB)(*texts[:count], **options),
        )


@every_kind
def test_bad_batches(kind):
    tokenizer = kind(tiny_folder.VOCAB)
    with pytest.raises(ValueError, match="there are 1 text and 2 pairs"):
        tokenizer(["a"], ["a", "it"])
    with pytest.raises(
        ValueError, match="a text of 5 tokens is longer than max_length"
    ):
        tokenizer(["a film ."], max_length=4, padding="max_length", truncation=False)


@pytest.mark.slow
def test_the_engine_determines_the_class(tmp_path):
    tiny_folder.write(tmp_path / "bert")
    program = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
import bert_tf
tokenizer = bert_tf.BertTokenizer.from_pretrained("bert")
print(type(tokenizer).__name__, tokenizer("a film")["input_ids"].tolist())
"""
    pytest.importorskip("jax")

    def run(*blocked):
        return subprocess.run(
            [sys.executable, "-c", program, *blocked],
            cwd=tmp_path,
            env=os.environ | {"KERAS_BACKEND": "jax"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().stdout == "HostTokenizer [[2, 8, 14, 3]]\n"
    assert run("tensorflow").stdout == "FastTokenizer [[2, 8, 14, 3]]\n"
    error = run("tensorflow", "tokenizers").stderr
    assert error.endswith("not installed: run pip install tokenizers.\n")


def texts_of(path):
    """Returns the lines of a file; of JSON its strings."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".json":
        return text.split("\n")
    strings = []

    def walk(value):
        if isinstance(value, str):
            strings.append(value)
        elif isinstance(value, (list, dict)):
            for part in value.values() if isinstance(value, dict) else value:
                walk(part)

    walk(json.loads(text))
    return strings


SUFFIXES = {".tsv", ".csv", ".txt", ".json", ".jsonl", ".conll", ".label", ".train"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, options",
    [
        ("uncased", {"keep_special_tokens": True}),
        ("cased", {"lower_case": False}),
        ("chinese", {"tokenize_chinese_chars": True}),
    ],
)
def test_all_shared_text(name, options):
    path = DATA / "bert_vocabs" / f"bert-base-{name}-vocab.txt"
    if not path.is_file():
        pytest.skip("no shared data beside the repository")
    vocab, total = read_vocab(path), 0
    theirs, ours = BertTokenizer(vocab, **options), FastTokenizer(vocab, **options)
    for file in sorted(DATA.rglob("*")):
        if not file.is_file() or file.suffix not in SUFFIXES:
            continue
        texts = list(dict.fromkeys(texts_of(file)))
        total += len(texts)
        for begin in range(0, len(texts), AT_ONCE):
            part = texts[begin : begin + AT_ONCE]
            expected = theirs.tokenize_with_offsets(part)
            received = ours.tokenize_with_offsets(part)
            rows = zip(part, expected[0].to_list(), received[0].to_list())
            assert not [(file, text) for text, a, b in rows if a != b]
            both_kinds.assert_same(expected, received)
            both_kinds.assert_same(theirs.tokenize(part), ours.tokenize(part))
    assert total > 100_000
