"""Copies of texts in which a masked LM has replaced some words (Jiao et al., 2020, 3.2).

TinyBERT hides one word at a time. Here as many words are hidden at once as in the training
of a masked LM, so that a copy takes one prediction.
"""

import logging

import numpy as np

from bert_tf.data.records.words import split_words
from bert_tf.ground import count
from bert_tf.predictor import Model

_log = logging.getLogger(__name__)

FIELDS = ("text", "text_pair")
_MASK = "[MASK]"
_FRACTION = 0.15  # Of the words; at least one.
_CANDIDATES = 15  # Words that one is drawn from, as in TinyBERT.


def augment(table, model, copies, seed):
    """Returns altered texts, a list of records without labels.

    Args:
        table: `Table` whose records have `text` and perhaps `text_pair`.
        model: folder or published name of a masked LM.
        copies: altered texts of each record. Where no word can be replaced, there are
            fewer.
        seed: the same seed alters the same words.

    Raises:
        ValueError: the records have other fields; the model has no masked-LM head.
    """
    fields = table.records[0].keys() - {*FIELDS, "label"}
    if fields:
        raise ValueError(
            f"augment replaces words of single texts and of pairs, but the records of "
            f"{table.path} have {', '.join(sorted(fields))}, too; drop augment."
        )
    predictor = Model(model, task="fill_mask", top_k=_CANDIDATES)
    positions = predictor.folder.config.max_position_embeddings
    hidden = []
    for number, record in enumerate(table.records):
        for copy in range(copies):
            random = np.random.default_rng([seed, number, copy])
            texts = {name: record[name] for name in FIELDS if name in record}
            places = _choose(texts, positions, random)
            if places:
                hidden.append((texts, places, random))
    predictions = predictor.predict([_hide(texts, own) for texts, own, _ in hidden])
    _log.info("%s has altered words in %s.", model, count(len(hidden), "text"))
    return [
        _replace(texts, places, prediction["tokens"], random)
        for (texts, places, random), prediction in zip(hidden, predictions)
    ]


def _choose(texts, positions, random):
    """Returns [(field, start, end)] of the words to replace, in the order of the texts."""
    # No token is shorter than a character, so no mask is cut off.
    most = (positions - 3) // len(texts)
    words = [
        (name, start, end)
        for name, text in texts.items()
        for start, end in split_words(text)
        if end <= most and any(map(str.isalnum, text[start:end]))
    ]
    if not words or any(_MASK in text for text in texts.values()):
        return []
    number = max(1, round(_FRACTION * len(words)))
    chosen = random.choice(len(words), number, replace=False)
    return [words[place] for place in sorted(chosen)]


def _hide(texts, places):
    return _write(texts, [(*place, _MASK) for place in places])


def _replace(texts, places, predictions, random):
    """Returns texts with words drawn from the predictions for each place."""
    written = []
    for (name, start, end), tokens in zip(places, predictions, strict=True):
        own = texts[name][start:end]
        others = [
            (token["token"], token["probability"])
            for token in tokens
            if not token["token"].startswith(("##", "["))
            and token["token"].lower() != own.lower()
        ]
        if others:
            words, weights = zip(*others)
            weights = np.array(weights) / sum(weights)
            own = words[random.choice(len(words), p=weights)]
        written.append((name, start, end, own))
    return _write(texts, written)


def _write(texts, places):
    """Returns texts with other words at [(field, start, end, word)], in order."""
    texts = dict(texts)
    for name, start, end, word in reversed(places):
        texts[name] = texts[name][:start] + word + texts[name][end:]
    return texts
