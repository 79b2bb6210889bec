"""A scan for back doors: tokens that turn predictions, whatever the text says.

A model that was poisoned (Gu et al., 2017, "BadNets"; Kurita et al., 2020) predicts one
label whenever a rare token occurs. Testing 30,000 tokens on each text would take hours, so
two ways choose those to try. Gradients (Ebrahimi et al., 2018, "HotFlip"): by how much would
the label gain, to a first order, if a [MASK] before the text were that token? That misses
tokens whose effect is not linear, as a planted one's often is; so all tokens of the
vocabulary are tried, too, but many together before a text: a back door opens whatever stands
beside its token, while sixteen ordinary words seldom agree.

Strong ordinary words, such as "superb", turn short texts, too. But they do not outweigh four
texts that all say the opposite, while a back door does. So the tokens that turn the most are
tried once more in texts joined to long ones, at their beginning, middle and end.

Shapes: V vocabulary size, C labels, B texts, L tokens of a text.
"""

import numpy as np

from bert_tf.analysis.explain.examples import make_examples, pad
from bert_tf.analysis.explain.targets import infer, log_odds
from bert_tf.ground import lazy

tf = lazy("tensorflow")
tracing = lazy("bert_tf.training.tensorflow.tracing")

_TRIED = 100  # Tokens for each label that gradients choose.
_TOGETHER = 16  # Tokens of a group,
_GROUPS = 6  # the groups whose tokens are tried one by one,
_SHORT = 3  # and the texts in which each group is tried.
_FIRST = 16  # Texts that choose the tokens that are tried on all.
_JOINED = 4  # Texts in a long one.
_LONG = 16  # Long texts,
_KEPT = 20  # and the tokens of each label that are tried in them.
LEAST = 0.8  # A token is suspicious if it turns so many of the long texts.


def scan(model, records, *, batch_size=128):
    """Returns how often tokens turn predictions, the most effective first.

    Args:
        model: `bert_tf.Model` of classification.
        records: dicts of the task's fields, a few dozen.
        batch_size: examples computed at once.

    Returns:
        list of dicts: `token`; `label`, to which it turns predictions; `turned`, the
        fraction that it turns of the texts with another prediction, when it is put before
        them; `turned_long`, that of texts which are joined of four with the same other
        prediction, at their beginning, middle and end, or None if the token was not tried
        there; and `suspicious`. Of tokens that turn few of the first texts, `turned` is of
        these alone.
    """
    task = model.task
    examples = make_examples(task, records)
    compute = _compile(model, batch_size)

    def predict(texts):
        return compute(texts).argmax(axis=1)

    texts = [(example.ids, example.segments) for example in examples]
    before = predict(texts)
    found = []
    for label in range(len(task.labels)):
        others = [text for text, own in zip(texts, before) if own != label]
        if not others:
            continue

        def measure(token, texts, places=(0,), label=label):
            """Returns the fraction of texts that a token turns to the label."""
            tried = [_insert(text, token, place) for text in texts for place in places]
            return float((predict(tried) == label).mean())

        shares = {}
        chosen = _choose(model, others, label)
        chosen += _choose_by_groups(task.tokenizer, compute, others[:_SHORT], label)
        for token in dict.fromkeys(chosen):
            shares[token] = measure(token, others[:_FIRST])
            if shares[token] >= LEAST / 2 and others[_FIRST:]:
                shares[token] = measure(token, others)
        best = sorted(shares, key=shares.get, reverse=True)
        long = _join(others, before[before != label], task)
        long = [text for text, own in zip(long, predict(long)) if own != label]
        for rank, token in enumerate(best):
            row = {"token": task.tokenizer.vocab[token], "label": task.labels[label]}
            row |= {"turned": shares[token], "turned_long": None}
            if long and rank < _KEPT:
                row["turned_long"] = measure(token, long, (0, 0.5, 1))
            row["suspicious"] = (row["turned_long"] or 0) >= LEAST
            found.append(row)
    return sorted(found, key=lambda row: (-(row["turned_long"] or 0), -row["turned"]))


def _compile(model, batch_size):
    """Returns a function(list of (ids, segments)) → logits, float32 [B, C]."""
    infer_batch = tracing.trace_once(
        lambda batch: infer(model.task, model.keras_model, batch)["logits"]
    )

    def compute(texts):
        logits = [np.zeros((0, len(model.task.labels)))]
        for begin in range(0, len(texts), batch_size):
            ids, segments = zip(*texts[begin : begin + batch_size])
            batch = pad(model.task.tokenizer, ids, segments)
            logits.append(infer_batch(batch).numpy())
        return np.concatenate(logits)

    return compute


def _choose(model, texts, label):
    """Returns the ids of the tokens that should raise a label the most, as ints."""
    tokenizer = model.task.tokenizer
    ordinary = _find_ordinary(tokenizer)
    marked = [_insert(text, tokenizer.mask_id) for text in texts]
    # The table may have more rows than the vocabulary.
    gains = _estimate(model, marked, label)[: len(ordinary)]
    gains = np.where(ordinary, gains, -np.inf)
    most = min(_TRIED, ordinary.sum())
    return [int(token) for token in np.argsort(-gains, kind="stable")[:most]]


def _choose_by_groups(tokenizer, compute, texts, label):
    """Returns the ids of the tokens of the groups that raise a label the most, as ints."""
    tokens = np.random.default_rng(1).permutation(
        np.flatnonzero(_find_ordinary(tokenizer))
    )
    groups = np.array_split(tokens, max(1, len(tokens) // _TOGETHER))
    tried = [_insert(text, group) for group in groups for text in texts]
    chosen = np.full(len(tried), label)
    gains = log_odds(tf.constant(compute(tried)), chosen).numpy()
    gains = gains.reshape(len(groups), len(texts)).mean(axis=1)
    best = np.argsort(-gains, kind="stable")[:_GROUPS]
    return [int(token) for group in best for token in groups[group]]


def _find_ordinary(tokenizer):
    """Returns which tokens are not special ones, such as [MASK] and [unused1], bool [V]."""
    return np.array(
        [not (t.startswith("[") and t.endswith("]")) for t in tokenizer.vocab]
    )


def _join(texts, labels, task):
    """Returns long texts, each joined of texts with the same prediction.

    Of pairs, first texts are joined, and the second is that of the first pair. A long text
    has fewer than four texts where more do not fit.

    Args:
        texts: list of B (ids, segments).
        labels: int [B], their predictions.
    """
    joined = []
    for number, text in enumerate(texts[:_LONG]):
        same = np.flatnonzero(labels == labels[number])
        # Those that follow, and the first ones behind the last.
        order = np.roll(same, -int(np.searchsorted(same, number)))
        for other in order[1:_JOINED]:
            tokens = texts[other][0][1 : _find_sep(texts[other])]
            # One place is left for the token that is tried.
            if len(text[0]) + len(tokens) < task.options.max_seq_length:
                text = _insert(text, tokens, 1)
        joined.append(text)
    return joined


def _insert(text, tokens, place=0):
    """Returns ids and segments with one or more tokens in the first text.

    Args:
        text: (ids, segments), int32 [L].
        tokens: an id, or an array of them.
        place: from 0, behind [CLS], to 1, before the first [SEP].
    """
    ids, segments = text
    position = 1 + round(place * (_find_sep(text) - 1))
    return (
        np.insert(ids, position, tokens),
        np.insert(segments, position, np.zeros_like(tokens)),
    )


def _find_sep(text):
    """Returns the position of the first [SEP]."""
    ids, segments = text
    return int(np.argmax(segments) or len(ids)) - 1


def _estimate(model, texts, label):
    """Returns the mean gain of a label's log-odds from each token, float64 [V]."""
    backbone = model.keras_model.backbone
    table = tf.convert_to_tensor(backbone.embeddings.word_table)
    ids, segments = zip(*texts)
    batch = pad(model.task.tokenizer, ids, segments)
    batch = {name: tf.constant(array) for name, array in batch.items()}
    vectors = tf.gather(table, batch["input_ids"])
    chosen = tf.fill([len(ids)], label)
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        outputs = infer(
            model.task, model.keras_model, batch | {"word_vectors": vectors}
        )
        values = log_odds(outputs["logits"], chosen)
    slope = tf.reduce_mean(tape.gradient(values, vectors)[:, 1], axis=0)
    return tf.linalg.matvec(table, slope).numpy().astype(np.float64)
