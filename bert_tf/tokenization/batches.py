"""Batches of texts as BERT reads them: token ids with [CLS] and [SEP], masks, segments.

Shapes: B texts, S tokens of the longest text, or `max_length`.
"""

import collections.abc

from bert_tf.ground import count, lazy, quote
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import frame
from bert_tf.tokenization.ragged import Ragged

tf = lazy("tensorflow")

_NO_LIMIT = 2**31 - 1
PADDINGS = ("longest", "max_length", False)


def make_batch(tokenizer, texts, pairs, max_length, padding, truncation):
    """Returns the batch that `BertTokenizer.__call__` describes."""
    padding = "longest" if padding is True else padding
    if padding not in PADDINGS:
        raise ValueError(
            f"padding must be 'longest', 'max_length' or False; received {padding!r}."
        )
    if truncation not in (True, False):
        raise ValueError(
            "truncation must be True, which cuts the longer text first, or False; "
            f"received {truncation!r}."
        )
    length = max_length or tokenizer.model_max_length
    positions = tokenizer.max_position_embeddings
    _check_length(length, padding, 2 if pairs is None else 3, positions)
    texts = tokenizer.strings(texts)
    if pairs is not None:
        pairs = tokenizer.strings(pairs, "pairs")
        _check_same_count(texts, pairs)
    framed = frame(
        tokenizer.tokenize(texts),
        None if pairs is None else tokenizer.tokenize(pairs),
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
        max_seq_length=length if truncation and length else _NO_LIMIT,
    )
    input_ids, segment_ids = framed["input_ids"], framed["segment_ids"]
    batch = {
        "input_ids": input_ids,
        "input_mask": input_ids.with_values(
            operations(input_ids).ones_like(input_ids.values)
        ),
        "segment_ids": segment_ids,
    }
    if not padding:
        return batch
    shape = [None, length] if padding == "max_length" else None
    if shape and not truncation:
        _check_fits(input_ids, length)
    pad_ids = {"input_ids": tokenizer.pad_id}
    return {
        name: ids.to_tensor(pad_ids.get(name, 0), shape=shape)
        for name, ids in batch.items()
    }


def strings(texts, name="texts"):
    """Returns the strings [B] of a text, or of a list, array or tensor of texts.

    Raises:
        TypeError: something is not a string.
        ValueError: an array or a tensor of more than one axis.
    """
    if not tf.is_tensor(texts):
        return tf.constant(list_strings(texts, name), tf.string)
    _check_rank(texts, texts.shape.rank, name)
    if texts.dtype != tf.string:
        raise TypeError(
            f"{name} must be strings; received a tensor of {texts.dtype.name}."
        )
    return tf.reshape(texts, [-1])


def list_strings(texts, name="texts"):
    """Returns a list of the strings of a text, or of a list or array of texts.

    Raises:
        TypeError, ValueError: as of `strings`.
    """
    if isinstance(texts, str | bytes):
        return [texts]
    rank = getattr(texts, "ndim", 1)
    _check_rank(texts, rank, name)
    if isinstance(texts, collections.abc.Mapping) or not isinstance(
        texts, collections.abc.Iterable
    ):
        raise TypeError(
            f"{name} must be a string or a list of strings; received "
            f"{quote(repr(texts))}."
        )
    values = [texts.item()] if rank == 0 else list(texts)
    for number, text in enumerate(values):
        if not isinstance(text, str | bytes):
            hint = " Pass second texts as pairs." if isinstance(text, tuple) else ""
            raise TypeError(
                f"{name}[{number}] must be a string; received {quote(repr(text))}.{hint}"
            )
    return values


def _check_rank(texts, rank, name):
    if rank not in (0, 1):
        raise ValueError(
            f"{name} must be a batch of strings of shape [B]; received "
            f"{tuple(texts.shape)}. Pass one column of texts, or flatten them."
        )


def _check_length(length, padding, special_tokens, positions):
    """Checks that an example has room for its special tokens, and a position for each."""
    if length is None and padding == "max_length":
        raise ValueError("padding='max_length' needs a length: pass max_length=128.")
    if length is not None and length < special_tokens:
        raise ValueError(
            f"max_length is {length}, but the special tokens alone take "
            f"{special_tokens}; raise it."
        )
    if length is not None and positions is not None and length > positions:
        raise ValueError(
            f"max_length is {length}, but the model has {positions} positions; lower it."
        )


def _check_same_count(texts, pairs):
    first, second = (
        len(x) if isinstance(x, list) else x.shape[0] for x in (texts, pairs)
    )
    if None not in (first, second) and first != second:
        raise ValueError(
            f"there are {count(first, 'text')} and {count(second, 'pair')}; pass as many "
            "second texts as first ones."
        )


def _check_fits(input_ids, width):
    """Checks that no example is longer than the padding; padding would cut it."""
    xp = operations(input_ids)
    longest = xp.reduce_max(xp.pad(input_ids.row_lengths(), [[0, 1]]))
    message = f"is longer than max_length={width}; pass truncation=True"
    is_known = isinstance(input_ids, Ragged) or tf.executing_eagerly()
    if is_known and longest > width:
        raise ValueError(f"a text of {longest} tokens {message}.")
    if not is_known:
        tf.debugging.assert_less_equal(longest, tf.cast(width, tf.int64), message)
