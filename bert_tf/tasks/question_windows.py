"""Contexts of questions in windows, and where in them the answers are.

Shapes: N questions, B of a batch, W windows of their contexts, L tokens.
"""

import numpy as np

from bert_tf.data.rows.windows import cut, take
from bert_tf.tasks.spans import tokens_of
from bert_tf.tasks.texts import in_parts, objects, row_arrays
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import truncate

MAX_QUERY_LENGTH = 64  # Tokens of a question, as published.
SPECIAL_TOKENS = 3  # [CLS] and two [SEP].
_QUESTIONS_AT_ONCE = 256  # Tokenized at a time.


def cut_questions(task, columns):
    """Cuts the contexts of questions into windows.

    Args:
        task: `QuestionAnswering`.
        columns: `question`, `context` and perhaps `answers`, objects [N].

    Returns:
        as `cut_contexts`, and `spans`, objects [W]: where the tokens of `second` are in
        the context, int32 [tokens, 2]. With answers also `label`, int32 [W, 2]: the
        first and last token of the first answer, as positions in the example; 0, [CLS],
        if the window does not hold all of it.
    """

    def cut_part(part):
        # Many questions share a context.
        unique = {c: n for n, c in enumerate(dict.fromkeys(columns["context"][part]))}
        tokens = task.tokenizer.tokenize_with_offsets(list(unique))
        gather = operations(tokens[0]).gather
        numbers = [unique[context] for context in columns["context"][part]]
        return cut_contexts(
            task,
            task.tokenizer.tokenize(list(columns["question"][part])),
            [gather(values, numbers) for values in tokens],
        )

    examples = in_parts(cut_part, len(columns["question"]), _QUESTIONS_AT_ONCE)
    sides = [row_arrays(examples.pop(name)) for name in ("starts", "ends")]
    examples["spans"] = objects([np.stack(pair, axis=1) for pair in zip(*sides)])
    for name in ("begin", "own"):
        examples[name] = np.asarray(examples[name], np.int32)
    if "answers" in columns:
        examples["label"] = _find_labels(task, columns, examples)
    return examples


def cut_contexts(task, questions, contexts):
    """Cuts contexts into windows beside their questions; runs in the graph, too.

    Args:
        task: `QuestionAnswering`.
        questions: token ids, int32 ragged [B, (L)].
        contexts: token ids, and their starts and ends in characters, each int32 ragged
            [B, (L)].

    Returns:
        dict with `first` and `second`, the tokens of question and window, and `starts`
        and `ends` of the latter, int32 ragged [W, (L)]; `record`, int64 [W], the number
        of the question; `begin`, int64 [W], the window's first token in the context; and
        `own`, int64 [W, 2]: an answer that begins at the context's tokens [own[0],
        own[1]) comes from this window.
    """
    options, xp = task.options, operations(questions)
    longest = min(MAX_QUERY_LENGTH, (options.max_seq_length - SPECIAL_TOKENS) // 2)
    questions = truncate(questions, longest)
    room = options.max_seq_length - SPECIAL_TOKENS - questions.row_lengths()
    overlap = xp.minimum(xp.constant(options.doc_stride, xp.int64), room // 2)
    lengths = contexts[0].row_lengths()
    numbers, window = cut(lengths, room, overlap, options.long_text)
    record = numbers.value_rowids()
    second, starts, ends = (
        take(values, record, window["begin"], window["end"]) for values in contexts
    )
    return {
        "first": xp.gather(questions, record),
        "second": second,
        "starts": starts,
        "ends": ends,
        "record": record,
        "begin": window["begin"],
        "own": xp.stack([window["first"], window["last"]], axis=1),
    }


def _find_labels(task, columns, examples):
    shifts = np.asarray(examples["first"].row_lengths()) + 2
    record, begin = examples["record"], examples["begin"]
    is_last = np.append(record[1:] != record[:-1], True)
    is_last &= task.options.long_text != "truncate"
    labels = np.zeros([len(shifts), 2], np.int32)
    for number, shift in enumerate(shifts):
        tokens = tokens_of(
            columns["answers"][record[number]],
            examples["spans"][number],
            is_first=begin[number] == 0,
            is_last=is_last[number],
        )
        if tokens:
            labels[number] = [shift + tokens[0], shift + tokens[1]]
    return labels
