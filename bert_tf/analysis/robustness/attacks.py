"""Attacks that change the most important words of a text until the prediction changes.

Jin et al., 2020, "Is BERT really robust?"; Li et al., 2020, "BERT-Attack". The words are
ranked by how much the probability of the prediction falls without them, which takes one
query each.
"""

import dataclasses
import random
import re

import numpy as np

from bert_tf.analysis.robustness.perturbations import CHARACTER_ATTACKS

MOST_CHANGED = 0.3  # Of the words of a text; with more it says something else.
_TRIES = 3  # Changes of a word of which the worst is kept.
_WORD = re.compile(r"\w+")
# Words that carry the grammar, which substitutes would break.
_KEPT = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "if",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "his",
        "her",
        "their",
        "our",
        "your",
        "my",
        "me",
        "him",
        "them",
        "us",
        "not",
        "no",
        "nor",
        "so",
        "than",
        "then",
        "there",
        "here",
    ]
)


@dataclasses.dataclass
class Outcome:
    """What an attack did to one record.

    Attributes:
        text: the text that was attacked, and `changed`, what became of it.
        before, after: the predictions.
        success: whether they differ.
        queries: predictions that it took.
        share: fraction of the words that were changed.
    """

    text: str
    changed: str
    before: str
    after: str
    success: bool
    queries: int
    share: float


class Victim:
    """A classifier, whose predictions are counted.

    Args:
        model: `bert_tf.Model` of classification.
        clean: function(text) → text, applied before the model reads it; None for none.
    """

    def __init__(self, model, clean=None):
        self._model, self._clean = model, clean

    def probabilities(self, record, field, texts):
        """Returns {label: probability} for a record with other texts in one field."""
        clean = self._clean or (lambda text: text)
        records = [record | {field: clean(text)} for text in texts]
        return [row["scores"] for row in self._model.predict(records)]


def attack(victim, record, field, change, *, seed=0):
    """Attacks one record, greedily; returns its `Outcome`.

    Args:
        victim: `Victim`.
        record: dict of the fields of the task.
        field: which of its texts is changed.
        change: function(text, begin, end, random) → list of texts in which the word
            text[begin:end] is changed.
        seed: of the draws.
    """
    text = record[field]
    draws = random.Random(f"{seed} {text}")
    (first,) = victim.probabilities(record, field, [text])
    label = max(first, key=first.get)
    words = [match.span() for match in _WORD.finditer(text)]
    without = [text[:begin] + text[end:] for begin, end in words]
    rows = victim.probabilities(record, field, without) if words else []
    queries = 1 + len(rows)
    order = np.argsort([row[label] for row in rows], kind="stable")
    most = max(1, int(MOST_CHANGED * len(words)))
    current, score, changed = text, first[label], 0
    shift = np.zeros(len(words), int)  # Earlier changes move the words behind them.
    for number in order:
        if changed == most:
            break
        begin, end = (int(place + shift[number]) for place in words[number])
        candidates = [x for x in change(current, begin, end, draws) if x != current]
        if not candidates:
            continue
        rows = victim.probabilities(record, field, candidates)
        queries += len(candidates)
        best = min(range(len(rows)), key=lambda n: rows[n][label])
        if rows[best][label] >= score:
            continue
        shift[[n for n, word in enumerate(words) if word[0] > words[number][0]]] += len(
            candidates[best]
        ) - len(current)
        current, score, changed = candidates[best], rows[best][label], changed + 1
        found = max(rows[best], key=rows[best].get)
        if found != label:
            share = changed / len(words)
            return Outcome(text, current, label, found, True, queries, share)
    return Outcome(
        text, current, label, label, False, queries, changed / max(len(words), 1)
    )


def change_characters(name):
    """Returns the `change` of `attack` for an attack of `CHARACTER_ATTACKS`."""
    functions = CHARACTER_ATTACKS[name]

    def change(text, begin, end, draws):
        word = text[begin:end]
        tries = {draws.choice(functions)(word, draws) for _ in range(_TRIES)}
        return [text[:begin] + own + text[end:] for own in sorted(tries)]

    return change


def substitute_words(masked_lm, top_k=20):
    """Returns the `change` of `attack` that writes what a masked LM suggests.

    Args:
        masked_lm: `MaskedLM`.
        top_k: substitutes to try for each word.
    """
    tokenizer = masked_lm.tokenizer

    def change(text, begin, end, draws):
        word = text[begin:end]
        if word.lower() in _KEPT or not word.isalpha():
            return []
        tokens = masked_lm.suggest(text, begin, end, top_k)
        words = [
            token
            for token in (tokenizer.vocab[number] for number in tokens)
            if token.isalpha() and token not in (word.lower(), *_KEPT)
        ]
        if word[:1].isupper():
            words = [token.capitalize() for token in words]
        return [text[:begin] + own + text[end:] for own in words]

    return change


def summarise(outcomes):
    """Returns `records`, `success`, `queries` and `changed`, the means over all outcomes."""
    return {
        "records": len(outcomes),
        "success": float(np.mean([outcome.success for outcome in outcomes])),
        "queries": float(np.mean([outcome.queries for outcome in outcomes])),
        "changed": float(np.mean([outcome.share for outcome in outcomes])),
    }
