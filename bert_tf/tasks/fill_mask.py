"""Predictions for the [MASK] tokens of a text, by the heads of pretraining.

The task predicts only; `bert-tf pretrain` trains and scores these heads.

Shapes: N records, B examples of a batch, P the most masks of a text, K predictions.
"""

import dataclasses

import numpy as np

from bert_tf.ground import lazy, quote
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import option
from bert_tf.tasks.texts import frame_texts, row_arrays, text_columns

pretraining = lazy("bert_tf.models.pretraining")

MASK = "[MASK]"
_TEXTS_AT_ONCE = 1024  # Tokenized at a time, to find their masks.


class FillMask(Task):
    """The most probable tokens for every [MASK] of a text, or of a pair of texts.

    Args:
        tokenizer: `BertTokenizer` that keeps special tokens.
        options: as of `Task`.

    Raises:
        ValueError: the vocabulary has no [MASK], or fewer tokens than `top_k`.
    """

    name = "fill_mask"
    pipeline = "fill-mask"
    scored = False
    keeps_special_tokens = True
    # The classes of transformers that have the head.
    architectures = ("BertForPreTraining", "BertForMaskedLM")

    @dataclasses.dataclass(frozen=True)
    class Options(Task.Options):
        top_k: int = option(
            5, "Predictions for each [MASK], the best first.", use="prediction"
        )

    def __init__(self, tokenizer, options=None):
        super().__init__(tokenizer, options)
        if tokenizer.mask_id is None:
            raise ValueError(
                f"the vocabulary has no {MASK}, so no text can contain one. Use the "
                "vocab.txt that the model was pretrained with."
            )
        if not 1 <= self.options.top_k <= tokenizer.vocab_size:
            raise ValueError(
                f"top_k must be from 1 to {tokenizer.vocab_size}, the size of the "
                f"vocabulary; received {self.options.top_k}."
            )

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `mask_places`.

        `mask_places`, int32 [N, P], holds the positions of [MASK] in each framed
        example, padded with -1.

        Raises:
            ValueError: a text has no [MASK], or loses one at `max_seq_length`; names
                file and line.
        """
        columns = text_columns(table)
        places = []
        for begin in range(0, len(table.records), _TEXTS_AT_ONCE):
            part = {n: x[begin : begin + _TEXTS_AT_ONCE] for n, x in columns.items()}
            ids = row_arrays(self._frame(part)["input_ids"])
            places += [np.flatnonzero(row == self.tokenizer.mask_id) for row in ids]
        for number, positions in enumerate(places):
            texts = [array[number] for array in columns.values()]
            self._check_masks(table.where(number), texts, len(positions))
        padded = np.full([len(places), max(map(len, places))], -1, np.int32)
        for row, positions in zip(padded, places):
            row[: len(positions)] = positions
        return columns | {"mask_places": padded}

    def _check_masks(self, where, texts, seen):
        written = sum(text.count(MASK) for text in texts)
        if not written:
            raise ValueError(
                f"{where}: there is no {MASK} to fill in {quote(texts[0])}. Write "
                f"{MASK} where a word is missing; for other predictions, fine-tune the "
                "model first."
            )
        if seen < written:
            raise ValueError(
                f"{where}: {written - seen} of {written} {MASK} would be cut off at "
                f"max_seq_length {self.options.max_seq_length}. Raise it, or shorten "
                "the text."
            )

    def _frame(self, columns):
        return frame_texts(columns, self.tokenizer, self.options.max_seq_length)

    def features(self, columns):
        """Frames texts; `mask_places` go along."""
        return self._frame(columns) | {"mask_places": columns["mask_places"]}

    def build(self, backbone):
        return pretraining.MaskFiller(
            backbone, self.tokenizer.vocab_size, self.options.top_k
        )

    def predict(self, outputs, columns):
        """Returns {"tokens": [[{"token": …, "probability": …}, …], …]} for each text.

        `tokens` has a list for each [MASK], in order; the most probable token is first.

        Args:
            outputs: dict of [N, P, K], see `MaskFiller`.
            columns: as `columns` returns them.
        """
        return [
            {
                "tokens": [
                    [
                        {"token": self.tokenizer.vocab[token], "probability": number}
                        for token, number in zip(ids.tolist(), numbers.tolist())
                    ]
                    for ids, numbers in zip(*masks)
                    if numbers[0] != 0  # Padding has no probabilities.
                ]
            }
            for masks in zip(outputs["ids"], outputs["probabilities"])
        ]
