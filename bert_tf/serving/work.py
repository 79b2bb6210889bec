"""How much a request makes a model compute, found without the model.

Shapes: N records.
"""

import dataclasses

import numpy as np

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.limits import Refused, check_limit
from bert_tf.serving.requests import LISTS
from bert_tf.tasks.fill_mask import MASK

# Below so many characters, which are at least as many as tokens, nothing is tokenized.
_FEW_CHARACTERS = 8_192
_SPECIAL_TOKENS = 3  # [CLS] and two [SEP].


@dataclasses.dataclass(frozen=True)
class Work:
    """What each record costs, int64 [N] each.

    Attributes:
        characters: of all its texts.
        tokens: upper bound of the tokens that the model reads and writes.
        masks: [MASK] tokens; 0 if the task does not fill them.
        choices: examples side by side, of choices or passages; 1 if the task has none.
    """

    characters: np.ndarray
    tokens: np.ndarray
    masks: np.ndarray
    choices: np.ndarray


def measure(task, limits, inputs):
    """Returns the `Work` of the inputs of a request.

    Args:
        task: `Task`.
        limits: `Limits`.
        inputs: {name: list [N] of strings, or of lists of strings}, N at least 1.

    Raises:
        Refused: the work exceeds a limit.
    """
    fields = list(inputs.values())
    choices = np.array([1] * len(fields[0]))
    for name in LISTS.keys() & inputs.keys():
        choices = np.array([len(texts) for texts in inputs[name]])
    characters, lengths = zip(*(_count(task, field) for field in fields))
    first, second = (*lengths, np.zeros([1, 1], np.int64))[:2]
    tokens = count_tokens(task.options, first, second)
    tokens = tokens + ADAPTERS[task.name].count_tokens(task.options)
    masks = np.zeros_like(choices)
    if task.keeps_special_tokens:
        masks = np.array([text.count(MASK) for text in inputs["text"]])
        masks = np.minimum(masks, task.options.max_seq_length)
    work = Work(
        sum(x.sum(axis=1) for x in characters),
        tokens.sum(axis=1),
        masks,
        choices,
    )
    check_limit(limits, "max_record_tokens", work.tokens.max(), "tokens of a record")
    check_limit(limits, "max_tokens", work.tokens.sum(), "tokens of a request")
    check_limit(limits, "max_masks", work.masks.sum(), f"{MASK} of a request")
    return work


def count_tokens(options, first, second):
    """Returns upper bounds of the tokens that a model reads of texts, or of pairs.

    All windows of a text count.

    Args:
        options: `Options` of the task.
        first, second: tokens of two texts, int64 of any shapes that broadcast.
    """
    length = options.max_seq_length
    longest, shortest = np.maximum(first, second), np.minimum(first, second)
    room = max(length - _SPECIAL_TOKENS, 1)
    most = room - np.minimum(shortest, room // 2)
    if getattr(options, "long_text", "truncate") != "windows":
        return np.minimum(first + second + _SPECIAL_TOKENS, length)
    # The windows of a question share `doc_stride` tokens, others a quarter.
    shared = np.minimum(getattr(options, "doc_stride", 0), most // 2)
    stride = most - np.maximum(shared, most // 4)
    windows = 1 + np.maximum(longest - most + stride - 1, 0) // stride
    whole = first + second + _SPECIAL_TOKENS
    return np.where(windows == 1, np.minimum(whole, length), windows * length)


def count_whole(task, texts, partner=None):
    """Returns the tokens of texts, int64 [N], before any is shortened, special ones too.

    Args:
        task: `Task`.
        texts: list of strings.
        partner: the other text of each pair; None if the texts are single ones.
    """
    pieces = task.tokenizer.tokenize([partner or "", *texts])
    first, *others = np.asarray(pieces.row_lengths())
    return np.array(others) + (2 if partner is None else first + 3)


def check_lengths(task, lengths, status, remedy):
    """Raises `Refused` if the model does not read all tokens of a text.

    Args:
        task: `Task`.
        lengths: of `count_whole`.
        status: HTTP status.
        remedy: what to do, a sentence.
    """
    most, longest = task.options.max_seq_length, int(np.argmax(lengths))
    if task.options.long_text != "windows" and lengths[longest] > most:
        raise Refused(
            status,
            f"text {longest} has {lengths[longest]:,} tokens, of which the model reads "
            f"{most:,}. {remedy}",
        )


def _count(task, field):
    """Returns characters and tokens of each text, int64 [N, 1], or [N, C] of choices.

    The rows of questions with different numbers of choices are not mixed: a request has
    the same number for all.
    """
    rows = [[text] if isinstance(text, str) else text for text in field]
    texts = [text for row in rows for text in row]
    characters = np.array(list(map(len, texts)))
    tokens = characters
    if characters.sum() > _FEW_CHARACTERS:
        pieces = task.tokenizer.tokenize(texts)
        tokens = np.asarray(pieces.row_lengths())
    return (x.reshape(len(rows), -1) for x in (characters, tokens))
