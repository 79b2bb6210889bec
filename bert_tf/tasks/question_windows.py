"""Contexts of questions in windows, and where in them the answers are.

Shapes: N questions, B of some, W windows of their contexts, L pieces.
"""

import numpy as np
import tensorflow as tf

from bert_tf.data.rows.packing import truncate
from bert_tf.data.rows.windows import cut, take
from bert_tf.tasks.spans import pieces_of
from bert_tf.tasks.texts import arrays, objects

MAX_QUERY_LENGTH = 64  # Pieces of a question, as published.
FRAME = 3  # [CLS] and two [SEP].
_AT_ONCE = 256  # Questions that are cut into pieces at a time.


def cut_questions(task, columns):
    """Cuts the contexts of questions into windows.

    Args:
        task: `QuestionAnswering`.
        columns: `question`, `context` and perhaps `answers`, objects [N].

    Returns:
        what `cut_contexts` does, with `spans`, where the pieces of `second` stand in the
        context, int32 [pieces, 2], an object for each window; with answers `label`,
        int32 [W, 2], the places of the first one's first and last piece in the
        example, 0 for [CLS] where the window does not hold it.
    """
    parts = []
    for begin in range(0, len(columns["question"]), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        # Many questions share a context.
        places = {c: n for n, c in enumerate(dict.fromkeys(columns["context"][some]))}
        found = task.tokenizer.tokenize_with_offsets(list(places))
        number = [places[context] for context in columns["context"][some]]
        part = cut_contexts(
            task,
            task.tokenizer.tokenize(list(columns["question"][some])),
            [tf.gather(values, number) for values in found],
        )
        parts.append(part | {"record": part["record"] + begin})
    examples = {
        name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]
    }
    ends = arrays(examples.pop("ends"))
    starts = arrays(examples.pop("starts"))
    examples["spans"] = objects([np.stack(s, axis=1) for s in zip(starts, ends)])
    for name in ("record", "begin", "own"):
        examples[name] = examples[name].numpy().astype(np.int32)
    if "answers" in columns:
        examples["label"] = _labels(task, columns, examples)
    return examples


def cut_contexts(task, questions, contexts):
    """Cuts contexts into windows beside their questions; in the graph.

    Args:
        task: `QuestionAnswering`.
        questions: pieces, int32 ragged [B, (L)].
        contexts: pieces, their starts and their ends in characters, the same.

    Returns:
        dict with `first` and `second`, the pieces of question and window, `starts`
        and `ends` of the latter, int32 ragged [W, (L)]; `record`, int64 [W], the
        question; `begin`, int64 [W], the first piece of a window in its context;
        and `own`, int64 [W, 2], those pieces in the context that are its own to
        answer, from and to.
    """
    longest = min(MAX_QUERY_LENGTH, (task.max_seq_length - FRAME) // 2)
    questions = truncate(questions, longest)
    room = task.max_seq_length - FRAME - questions.row_lengths()
    overlap = tf.minimum(tf.constant(task.doc_stride, tf.int64), room // 2)
    lengths = contexts[0].row_lengths()
    numbers, window = cut(lengths, room, overlap, task.long_text)
    record = numbers.value_rowids()
    second, starts, ends = (
        take(values, record, window["begin"], window["end"]) for values in contexts
    )
    return {
        "first": tf.gather(questions, record),
        "second": second,
        "starts": starts,
        "ends": ends,
        "record": record,
        "begin": window["begin"],
        "own": tf.stack([window["first"], window["last"]], axis=1),
    }


def _labels(task, columns, examples):
    shifts = examples["first"].row_lengths().numpy() + 2
    record, begin = examples["record"], examples["begin"]
    last = np.append(record[1:] != record[:-1], True)
    last &= task.long_text != "truncate"
    labels = np.zeros([len(shifts), 2], np.int32)
    for number, shift in enumerate(shifts):
        held = pieces_of(
            columns["answers"][record[number]],
            examples["spans"][number],
            is_first=begin[number] == 0,
            is_last=last[number],
        )
        if held:
            labels[number] = [shift + held[0], shift + held[1]]
    return labels
