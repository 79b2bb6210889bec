"""BLEU and chrF: values of sacrebleu, and some worked by hand."""

import builtins
import logging
import math

import pytest

from bert_tf.tasks.metrics.translation import (
    bleu_counts,
    bleu_of_counts,
    check_tokenizer,
    corpus_scores,
    sentence_chrf,
)

TRUTHS = [
    "Ein Mann geht mit seinem Hund.",
    "Zwei Frauen sitzen auf einer Bank.",
    "Kinder spielen.",
]
TEXTS = [
    "Ein Mann geht mit dem Hund.",
    "Zwei Frauen sitzen auf einer Bank.",
    "Hunde spielen hier.",
]


@pytest.fixture(autouse=True)
def sacrebleu():
    return pytest.importorskip("sacrebleu", reason="pip install -e '.[generation]'")


def test_perfect_translations():
    scores = corpus_scores(TRUTHS, TRUTHS)
    assert scores["bleu"] == pytest.approx(100)
    assert scores["chrf"] == pytest.approx(100)


def test_bleu_by_hand():
    """Of "a b c d e x" and "a b c d e f": 5, 4, 3 and 2 common n-grams of 6, 5, 4, 3."""
    scores = corpus_scores(["a b c d e x"], ["a b c d e f"])
    product = 5 / 6 * 4 / 5 * 3 / 4 * 2 / 3
    assert scores["bleu"] == pytest.approx(100 * product**0.25)
    shorter = corpus_scores(["a b c d e"], ["a b c d e f"])
    assert shorter["bleu"] == pytest.approx(100 * math.exp(1 - 6 / 5))


def test_signatures_tell_how():
    scores = corpus_scores(TEXTS, TRUTHS)
    assert scores["bleu_signature"].startswith(
        "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:"
    )
    assert scores["chrf_signature"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0")
    assert corpus_scores(["Ein"], ["ein"])["bleu"] == 0  # Case counts.


def test_chinese_characters_are_words_for_zh(caplog):
    truths, texts = ["我喜欢你的书。"], ["我喜欢他的书。"]
    scores = corpus_scores(texts, truths, "zh")
    product = 6 / 7 * 4 / 6 * 2 / 5 * 1 / 8  # Smoothed: half of 1 of 4 4-grams.
    assert scores["bleu"] == pytest.approx(100 * product**0.25)
    assert caplog.text == ""
    assert corpus_scores(texts, truths)["bleu"] == 0
    assert "pass bleu_tokenize=zh" in caplog.text


def test_no_hint_for_other_languages(caplog):
    caplog.set_level(logging.INFO)
    corpus_scores(TEXTS, [*TRUTHS[:2], "我"])
    assert caplog.text == ""


def test_a_wrong_tokenizer():
    with pytest.raises(ValueError, match=r"bleu_tokenize must be one of .*13a.*zh"):
        check_tokenizer("de")
    with pytest.raises(ValueError, match="received 'en'"):
        corpus_scores(TEXTS, TRUTHS, "en")
    assert check_tokenizer("zh") == "zh"


def test_chrf_of_sentences(sacrebleu):
    scores = sentence_chrf(TEXTS, TRUTHS)
    assert scores[1] == pytest.approx(100)
    assert scores[2] == sacrebleu.sentence_chrf(TEXTS[2], [TRUTHS[2]]).score
    # 1- and 2-grams of "ab" in "abc": precision 1, mean recall of 2/3 and 1/2; beta 2.
    recall = (2 / 3 + 1 / 2) / 2
    assert sentence_chrf(["ab"], ["abc"]) == pytest.approx(
        [100 * 5 * recall / (4 + recall)]
    )


@pytest.mark.parametrize("chosen", [[0, 1, 2], [0], [2], [2, 2, 1], [1]])
def test_bleu_of_summed_counts_is_the_corpus_bleu(chosen):
    counts = bleu_counts(TEXTS, TRUTHS)
    assert counts.shape == (3, 10)
    assert counts[0].tolist() == [7, 7, 6, 4, 2, 1, 7, 6, 5, 4]
    texts, truths = ([side[n] for n in chosen] for side in (TEXTS, TRUTHS))
    expected = corpus_scores(texts, truths)["bleu"]
    assert bleu_of_counts(counts[chosen].sum(axis=0)) == pytest.approx(expected)


def test_bleu_of_nothing():
    counts = bleu_counts(["", "x"], ["a b", "a b"])
    assert bleu_of_counts(counts).tolist() == [0, 0]


def test_without_sacrebleu(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args):
        if name == "sacrebleu":
            raise ImportError(name)
        return load(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match=r"pip install 'bert_tf\[generation\]'"):
        corpus_scores(TEXTS, TRUTHS)
