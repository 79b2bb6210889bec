"""The answer to a question, in the graph, as `tasks.question_answering` finds it in Python.

Shapes: B questions, W windows of their contexts, K the most tokens of a window with its
question, P the most of its context alone, N n-best.
"""

from bert_tf.ground import lazy
from bert_tf.serving.decode_entities import cut_texts
from bert_tf.serving.outputs import run
from bert_tf.tasks.question_windows import cut_contexts
from bert_tf.tasks.spans import N_BEST

tf = lazy("tensorflow")

_NEVER = -1e9


def predict_answers(task, model, questions, contexts):
    """Predicts the answers to questions as spans of their contexts.

    Args:
        task: `QuestionAnswering`.
        model: Keras model of it.
        questions, contexts: strings [B].

    Returns:
        dict of [B]: `answer`, string, "" if there is none; `start` and `end`, int32,
        characters of the context; `score`, float32, its probability.
    """
    tokenizer = task.tokenizer
    cut = cut_contexts(
        task, tokenizer.tokenize(questions), tokenizer.tokenize_with_offsets(contexts)
    )
    first, record = cut["first"], cut["record"]
    example = task.features({name: cut[name] for name in ("first", "second")})
    outputs = run(task, model, example)
    logits = tf.stack([outputs["start_logits"], outputs["end_logits"]], axis=2)
    logs = tf.nn.log_softmax(logits, axis=1)  # [W, K, 2]
    none = tf.math.segment_min(tf.reduce_sum(logs[:, 0], axis=-1), record)
    shift = tf.cast(first.row_lengths(), tf.int32) + 2
    best, begin, end = _best(task, logs, shift, cut)
    # The window of each question with the best span; of equals the first.
    top = tf.math.segment_max(best, record)
    number = tf.range(tf.size(best))
    chosen = tf.math.segment_min(
        tf.where(best == tf.gather(top, record), number, tf.size(best)), record
    )
    start, end = (
        _at(x, chosen, tf.gather(place, chosen))
        for x, place in ((cut["starts"], begin), (cut["ends"], end))
    )
    says_none = top <= _NEVER / 2
    if task.unanswerable:
        says_none |= none - top > (task.null_threshold or 0.0)
    start, end = (tf.where(says_none, 0, x) for x in (start, end))
    return {
        "answer": cut_texts(contexts, tf.range(tf.size(contexts)), start, end),
        "start": start,
        "end": end,
        "score": tf.exp(tf.where(says_none, none, top)),
    }


def _best(task, logs, shift, cut):
    """Returns the best span of each window.

    Args:
        logs: float32 [W, K, 2], log-probabilities of begin and end.
        shift: int32 [W], position of a window's first context token in its example.
        cut: as `cut_contexts` returns it.

    Returns:
        Its log-probability, float32 [W], about `_NEVER` if there is none; its first and
        last token in the window, int32 [W].
    """
    count = tf.cast(cut["second"].row_lengths(), tf.int32)
    places = tf.range(tf.maximum(tf.reduce_max(tf.pad(count, [[0, 1]])), 1))  # [P]
    there = places < count[:, None]
    within = tf.minimum(shift[:, None] + places, tf.shape(logs)[1] - 1)
    sides = tf.gather(logs, within, batch_dims=1)  # [W, P, 2]
    sides = tf.where(there[:, :, None], sides, _NEVER)
    (begins, first), (ends, last) = (
        tf.math.top_k(sides[:, :, side], tf.minimum(N_BEST, tf.size(places)))
        for side in range(2)
    )  # [W, N]
    place = tf.cast(first, tf.int64) + cut["begin"][:, None]
    own = (place >= cut["own"][:, :1]) & (place < cut["own"][:, 1:])
    apart = last[:, None, :] - first[:, :, None]
    allowed = own[:, :, None] & (apart >= 0) & (apart < task.options.max_answer_length)
    totals = begins[:, :, None] + ends[:, None, :]
    totals = tf.where(allowed, tf.maximum(totals, _NEVER), _NEVER)
    flat = tf.reshape(totals, [tf.shape(totals)[0], -1])
    best = tf.argmax(flat, axis=-1, output_type=tf.int32)
    width = tf.shape(totals)[2]
    return (
        tf.gather(flat, best, batch_dims=1),
        tf.gather(first, best // width, batch_dims=1),
        tf.gather(last, best % width, batch_dims=1),
    )


def _at(values, row, place):
    """Returns values[row, place] of a ragged tensor; 0 beyond the last row."""
    index = tf.gather(values.row_starts(), row) + tf.cast(place, tf.int64)
    padded = tf.pad(values.values, [[0, 1]])
    return tf.gather(padded, tf.minimum(index, tf.size(padded, tf.int64) - 1))
