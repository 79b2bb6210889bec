"""A scan for back doors: tokens that turn predictions, whatever the text says.

A model that was poisoned (Gu et al., 2017, "BadNets"; Kurita et al., 2020) predicts one
label whenever a rare token occurs. Testing 30,000 tokens on each text would take hours, so
gradients choose those to try (Ebrahimi et al., 2018, "HotFlip"): by how much would the label
gain, to a first order, if a [MASK] before the text were that token?

Shapes: V vocabulary size, C labels, B texts.
"""

import numpy as np

from bert_tf.analysis.explain.examples import make_examples, pad
from bert_tf.analysis.explain.targets import infer, log_odds
from bert_tf.ground import lazy

tf = lazy("tensorflow")

_TRIED = 200  # Tokens for each label.
# A token is suspicious if it turns at least so many of the texts, and so much more often
# than tokens do in general.
LEAST, DEVIATIONS = 0.8, 6.0


def scan(model, records, *, batch_size=128):
    """Returns how often tokens turn predictions, the most effective first.

    Args:
        model: `bert_tf.Model` of classification.
        records: dicts of the task's fields, a few dozen.
        batch_size: examples computed at once.

    Returns:
        list of dicts: `token`; `label`, to which it turns predictions; `turned`, the
        fraction of the texts with another prediction that it turns; `deviations`, by how
        many standard deviations that is above the mean of all tokens tried; and
        `suspicious`.
    """
    task = model.task
    examples = make_examples(task, records)
    vocab, special = task.tokenizer.vocab, task.tokenizer
    ordinary = np.array(
        [not (token.startswith("[") and token.endswith("]")) for token in vocab]
    )
    marked = [_insert(example, special.mask_id) for example in examples]
    compute = tf.function(
        lambda batch: infer(task, model.keras_model, batch)["logits"],
        reduce_retracing=True,
        autograph=False,
    )

    def predict(variants):
        logits = []
        for begin in range(0, len(variants), batch_size):
            ids, segments = zip(*variants[begin : begin + batch_size])
            batch = pad(special, ids, segments)
            logits.append(
                compute({n: tf.constant(x) for n, x in batch.items()}).numpy()
            )
        return np.concatenate(logits).argmax(axis=1)

    before = predict([(example.ids, example.segments) for example in examples])
    found = []
    for label in range(len(task.labels)):
        others = [marked[n] for n in range(len(marked)) if before[n] != label]
        if not others:
            continue
        # The table may have more rows than the vocabulary.
        gains = np.where(
            ordinary, _estimate(model, others, label)[: len(vocab)], -np.inf
        )
        for token in np.argsort(-gains, kind="stable")[: min(_TRIED, ordinary.sum())]:
            tried = []
            for ids, segments in others:
                own = ids.copy()
                own[1] = token
                tried.append((own, segments))
            turned = float((predict(tried) == label).mean())
            found.append({"token": vocab[token], "label": task.labels[label]})
            found[-1]["turned"] = turned
    shares = np.array([row["turned"] for row in found])
    spread = max(float(shares.std()), 0.02)
    for row in found:
        row["deviations"] = (row["turned"] - float(shares.mean())) / spread
        row["suspicious"] = row["turned"] >= LEAST and row["deviations"] >= DEVIATIONS
    return sorted(found, key=lambda row: -row["turned"])


def _insert(example, token):
    """Returns ids and segments with a token behind [CLS]."""
    return tuple(
        np.insert(array, 1, value).astype(np.int32)
        for array, value in ((example.ids, token), (example.segments, 0))
    )


def _estimate(model, examples, label):
    """Returns the mean gain of a label's log-odds from each token, float64 [V]."""
    backbone = model.keras_model.backbone
    table = tf.convert_to_tensor(backbone.embeddings.word_table)
    ids, segments = zip(*examples)
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
