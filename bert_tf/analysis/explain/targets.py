"""What is explained of a prediction: one number of the model's outputs.

Shapes: B examples, C labels, K tokens asked of an example, V vocabulary size.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from bert_tf.ground import lazy

tf = lazy("tensorflow")
serving = lazy("bert_tf.serving.adapters")


def infer(task, model, batch):
    """Returns the outputs of a model by name, for a padded batch."""
    return task.infer(model, serving.ADAPTERS[task.name].complete(task, batch))


@dataclasses.dataclass(frozen=True)
class Target:
    """How a task is explained.

    Attributes:
        outputs: function(task, model, batch) → outputs, tensors, of a padded batch.
        choose: function(task, outputs) → list of B choices, arrays of integers: what is
            explained, such as the id of the predicted label.
        value: function(outputs, choices) → float32 [B], the number that is explained. It
            has no bounds, so that its gradient does not vanish where a model is sure.
        probability: function(float [B]) → the value as the reader knows it.
        name: function(task, choice, example) → what was predicted, for people.
        inputs: function(task, example) → {name: list of integers}, what else the model
            takes of an example.
    """

    choose: Callable
    value: Callable
    name: Callable
    outputs: Callable = infer
    inputs: Callable = lambda task, example: {}
    probability: Callable = lambda values: 1 / (1 + np.exp(-values))


def log_odds(logits, chosen):
    """Returns the logarithm of p / (1 - p), p the softmax of the chosen, float32 [B].

    Unlike a logit, it does not change when all logits grow alike.

    Args:
        logits: float [B, C].
        chosen: int [B].
    """
    own = tf.gather(logits, chosen, batch_dims=1)
    others = tf.where(tf.one_hot(chosen, tf.shape(logits)[1]) > 0, -np.inf, logits)
    return own - tf.reduce_logsumexp(others, axis=1)


def _best(task, outputs):
    return np.argmax(outputs["logits"], axis=-1)[:, None]


def _label(task, choice, example):
    return task.labels[choice[0]]


def _choose_tags(task, outputs):
    """Chooses the token, and its tag, that is the surest to be of an entity."""
    logs = tf.nn.log_softmax(outputs["logits"]).numpy()
    logs[..., task.labels.index("O")] = -np.inf
    logs[:, 0] = -np.inf  # [CLS]; the last token, [SEP], has no entity either.
    flat = logs.reshape(len(logs), -1).argmax(axis=1)
    return np.stack(np.unravel_index(flat, logs.shape[1:]), axis=1)


def _tag(task, choice, example):
    place, tag = choice
    for word, tokens in zip(example.words, example.tokens):
        if place in tokens:
            return f"{task.labels[tag]}: {word}"
    return task.labels[tag]


def _tag_value(outputs, choices):
    logits = tf.gather(outputs["logits"], choices[:, 0], batch_dims=1)
    return log_odds(logits, choices[:, 1])


def _choose_span(task, outputs):
    """Chooses the best span of at most `max_answer_length` tokens, or [CLS] twice."""
    start, end = (outputs[f"{side}_logits"].numpy() for side in ("start", "end"))
    length = start.shape[1]
    first, last = np.indices((length, length))
    allowed = (last >= first) & (last - first < task.options.max_answer_length)
    scores = np.where(allowed, start[:, :, None] + end[:, None, :], -np.inf)
    flat = scores.reshape(len(scores), -1).argmax(axis=1)
    return np.stack(np.unravel_index(flat, (length, length)), axis=1)


def _span(task, choice, example):
    first, last = choice
    inside = [
        word
        for word, tokens in zip(example.words, example.tokens)
        if tokens[0] <= last and tokens[-1] >= first
    ]
    return " ".join(inside) or "no answer"


def _span_value(outputs, choices):
    logs = [tf.nn.log_softmax(outputs[f"{side}_logits"]) for side in ("start", "end")]
    return tf.add_n(
        [tf.gather(log, choices[:, n], batch_dims=1) for n, log in enumerate(logs)]
    )


def _masked_logits(task, model, batch):
    """Returns the logits of one [MASK] of each example, float32 [B, rows of the table]."""
    positions = batch["mask_places"]  # [B, 1]
    named = model.pretrainer(batch | {"masked_lm_positions": positions})
    return {"logits": named["masked_lm_logits"]}


def _best_token(task, outputs):
    known = outputs["logits"][:, : task.tokenizer.vocab_size]
    return np.argmax(known, axis=-1)[:, None]


def _find_mask(task, example):
    """The first [MASK] of the text, which is explained; others may be masked later."""
    return {"mask_places": [int(np.argmax(example.ids == task.tokenizer.mask_id))]}


LABEL = Target(
    _best, lambda outputs, chosen: log_odds(outputs["logits"], chosen[:, 0]), _label
)
ONE_OF_SEVERAL = Target(
    _best,
    lambda outputs, chosen: tf.gather(outputs["logits"], chosen[:, 0], batch_dims=1),
    _label,
)
NUMBER = Target(
    lambda task, outputs: np.zeros((len(outputs["logits"]), 1), np.int64),
    lambda outputs, chosen: outputs["logits"][:, 0],
    lambda task, choice, example: "score",
    probability=lambda values: values,
)
TAG = Target(_choose_tags, _tag_value, _tag)
SPAN = Target(_choose_span, _span_value, _span, probability=np.exp)
TOKEN = Target(
    _best_token,
    lambda outputs, chosen: log_odds(outputs["logits"], chosen[:, 0]),
    lambda task, choice, example: task.tokenizer.vocab[choice[0]],
    outputs=_masked_logits,
    inputs=_find_mask,
)
