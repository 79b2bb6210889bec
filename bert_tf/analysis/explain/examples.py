"""Texts as padded examples of a task, with the words that a reader sees.

Shapes: L tokens of an example, B examples of a batch, S tokens of the longest.
"""

import dataclasses

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.framing import frame

tf = lazy("tensorflow")
serving = lazy("bert_tf.serving.adapters")

_SPECIAL = -1


@dataclasses.dataclass
class Example:
    """One framed example.

    Attributes:
        ids, segments: int32 [L].
        words: list of strings, the words of all its texts as they are written.
        fields: name of the text that each word is of, such as "text_pair".
        tokens: list of int arrays: the positions in `ids` of each word's tokens.
    """

    ids: np.ndarray
    segments: np.ndarray
    words: list
    fields: list
    tokens: list

    def hide(self, words, mask_id):
        """Returns its ids with the tokens of some words masked, int32 [L].

        Args:
            words: indices.
            mask_id: id of [MASK].
        """
        ids = self.ids.copy()
        for word in words:
            ids[self.tokens[word]] = mask_id
        return ids


def make_examples(task, records):
    """Returns a list of `Example`, one of each record.

    Args:
        task: `Task`.
        records: dicts with the fields of the task.

    Raises:
        ValueError: the task cuts texts into windows, and one of them needs several.
    """
    fields = [name for name in serving.ADAPTERS[task.name].fields if name in records[0]]
    texts = [[record[field] for record in records] for field in fields]
    read = [task.tokenizer.tokenize_with_offsets(column) for column in texts]
    options = task.options
    long_text = getattr(options, "long_text", "truncate")
    room = options.max_seq_length - 1 - len(fields)
    lengths = sum(np.asarray(ids.row_lengths()) for ids, _, _ in read)
    if long_text == "windows" and lengths.max(initial=0) > room:
        number = int(lengths.argmax())
        raise ValueError(
            f"record {number} has {lengths[number]} tokens, more than max_seq_length "
            f"{options.max_seq_length} holds; an explanation is of one example, not of "
            "windows. Raise max_seq_length, or shorten the text."
        )
    # Frames the numbers of tokens in the place of their ids, whatever is cut out.
    places = [ids.with_values(_count_up(ids)) for ids, _, _ in read]
    framed = frame(
        *places,
        cls_id=_SPECIAL,
        sep_id=_SPECIAL,
        max_seq_length=options.max_seq_length,
        head_tail=long_text == "head_tail",
    )
    columns = [
        [[np.asarray(part) for part in row] for row in zip(*map(_rows, parts))]
        for parts in read
    ]
    return [
        _make_example(
            task.tokenizer,
            fields,
            [column[number] for column in texts],
            [column[number] for column in columns],
            np.asarray(kept),
            np.asarray(segments),
        )
        for number, (kept, segments) in enumerate(
            zip(_rows(framed["input_ids"]), _rows(framed["segment_ids"]))
        )
    ]


def _make_example(tokenizer, fields, texts, read, kept, segments):
    """Returns an `Example`.

    Args:
        texts: the text of each field.
        read: ids, starts and ends, [tokens], of each field.
        kept: int [L], the number of each token in its text; -1 of special tokens.
        segments: int [L].
    """
    ids = np.full(len(kept), tokenizer.sep_id, np.int32)
    ids[0] = tokenizer.cls_id
    words, names, tokens = [], [], []
    for side, (field, text) in enumerate(zip(fields, texts)):
        own, starts, ends = read[side]
        last, begin = None, 0
        for position in np.flatnonzero((segments == side) & (kept != _SPECIAL)):
            number = kept[position]
            ids[position] = own[number]
            follows = last is not None and number == last + 1
            if follows and tokenizer.vocab[own[number]].startswith("##"):
                tokens[-1].append(position)
                words[-1] = text[begin : ends[number]]
            else:
                begin = starts[number]
                words.append(text[begin : ends[number]])
                names.append(field)
                tokens.append([position])
            last = number
    tokens = [np.array(positions) for positions in tokens]
    return Example(ids, segments.astype(np.int32), words, names, tokens)


def pad(tokenizer, ids, segments):
    """Returns a padded batch, {name: int32 [B, S]}.

    Args:
        ids, segments: lists of B arrays [L].
    """
    shape = (len(ids), max(map(len, ids)))
    batch = {
        "input_ids": np.full(shape, tokenizer.pad_id, np.int32),
        "input_mask": np.zeros(shape, np.int32),
        "segment_ids": np.zeros(shape, np.int32),
    }
    for row, (own, side) in enumerate(zip(ids, segments)):
        batch["input_ids"][row, : len(own)] = own
        batch["input_mask"][row, : len(own)] = 1
        batch["segment_ids"][row, : len(own)] = side
    return batch


def _rows(ragged):
    values, splits = np.asarray(ragged.values), np.asarray(ragged.row_splits)
    return np.split(values, splits[1:-1])


def _count_up(ids):
    """Returns the number of each token in its text, int32 [tokens of all texts]."""
    starts = tf.repeat(ids.row_starts(), ids.row_lengths())
    numbers = tf.range(tf.size(ids.values, tf.int64), dtype=tf.int64) - starts
    return tf.cast(numbers, tf.int32)
