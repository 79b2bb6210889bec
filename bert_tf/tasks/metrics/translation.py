"""BLEU and chrF of translations, by sacrebleu (Post, 2018)."""

import logging

import numpy as np

from bert_tf.ground import one_of, reason
from bert_tf.tokenization.characters import CHINESE

_log = logging.getLogger(__name__)

ORDERS = 4  # Longest n-gram of BLEU.


def check_tokenizer(name):
    """Checks the name of one of sacrebleu's tokenizers for BLEU, and returns it.

    Raises:
        ValueError: there is no such tokenizer, or sacrebleu is not installed.
    """
    return one_of("bleu_tokenize", name, sorted(_import().BLEU.TOKENIZERS))


def corpus_scores(hypotheses, references, tokenize="13a"):
    """Scores translations against references.

    Args:
        hypotheses, references: lists of N strings, without tokenization, cased.
        tokenize: sacrebleu's tokenizer for BLEU: "13a" for languages with spaces between
            words, "zh" for Chinese, "ja-mecab" for Japanese, and others.

    Returns:
        dict with `bleu` and `chrf`, from 0 to 100 as sacrebleu and papers give them
        (other metrics are fractions), and their signatures `bleu_signature` and
        `chrf_signature`: strings that tell how they were computed.

    Raises:
        ValueError: there is no such tokenizer, or sacrebleu is not installed.
    """
    bleu = _make_bleu(tokenize)
    chrf = _import().CHRF()
    if tokenize == "13a" and _is_mostly_chinese(references):
        _log.warning(
            "the references are Chinese, but bleu_tokenize=13a takes a sentence for a "
            "word; pass bleu_tokenize=zh."
        )
    scores = {}
    for name, metric in (("bleu", bleu), ("chrf", chrf)):
        result = metric.corpus_score(list(hypotheses), [list(references)])
        scores[name] = float(result.score)
        scores[f"{name}_signature"] = str(metric.get_signature())
    return scores


def sentence_chrf(hypotheses, references):
    """Returns the chrF of each translation, float64 [N], from 0 to 100."""
    metric = _import().CHRF()
    pairs = zip(hypotheses, references, strict=True)
    scores = [metric.sentence_score(text, [truth]).score for text, truth in pairs]
    return np.array(scores, np.float64)


def bleu_counts(hypotheses, references, tokenize="13a"):
    """Returns what BLEU is computed from, for each translation, int64 [N, 10].

    The columns are the words of the translation and of the reference, the common n-grams
    for n from 1 to 4, and the n-grams of the translation. `bleu_of_counts` of their sum
    is the corpus' BLEU.
    """
    metric = _make_bleu(tokenize, effective_order=True)
    scores = [
        metric.sentence_score(text, [truth])
        for text, truth in zip(hypotheses, references, strict=True)
    ]
    rows = [[s.sys_len, s.ref_len, *s.counts, *s.totals] for s in scores]
    return np.array(rows, np.int64).reshape(-1, 2 + 2 * ORDERS)


def bleu_of_counts(sums):
    """Returns the BLEU [...] of sums [..., 10] of `bleu_counts`, from 0 to 100.

    It is sacrebleu's, with its default smoothing: of the orders without a common n-gram,
    the first counts 1/2, the next 1/4 and so on.
    """
    sums = np.asarray(sums, np.float64)
    words, truth = sums[..., 0], sums[..., 1]
    common, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    is_zero = common == 0
    smoothed = np.where(is_zero, 0.5 ** np.cumsum(is_zero, axis=-1), common)
    logs = np.log(smoothed / np.maximum(total, 1)).mean(axis=-1)
    brevity = np.minimum(0.0, 1 - truth / np.maximum(words, 1))
    # Without a longest n-gram, or without any common word, BLEU is 0.
    counts = (total > 0).all(axis=-1) & (common > 0).any(axis=-1)
    return np.where(counts, 100 * np.exp(logs + brevity), 0.0)


def _make_bleu(tokenize, **options):
    check_tokenizer(tokenize)
    try:
        return _import().BLEU(tokenize=tokenize, **options)
    # Some tokenizers need further packages, or files from the network.
    except Exception as error:
        raise ValueError(
            f"sacrebleu's tokenizer {tokenize!r} cannot be used: {reason(error)}. "
            "Install what it needs, or pass another bleu_tokenize."
        ) from error


def _is_mostly_chinese(texts):
    letters = [c for text in texts for c in text if c.isalnum()]
    return 2 * sum(ord(c) in CHINESE for c in letters) > len(letters)


def _import():
    """Returns the module of sacrebleu's metrics."""
    try:
        from sacrebleu import metrics
    except ImportError:
        raise ValueError(
            "scores of translations need sacrebleu: run pip install "
            "'bert_tf[generation]'."
        ) from None
    return metrics
