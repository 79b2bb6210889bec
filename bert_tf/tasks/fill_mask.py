"""Which pieces may stand where a text says [MASK]: what BERT was pretrained for.

It answers and is not fine-tuned; scripts/pretrain.py trains and scores it.

Shapes: N records, B examples of a batch, P the most masks of a text, K guesses.
"""

import numpy as np

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.ground import quote
from bert_tf.models.pretraining import MaskFiller
from bert_tf.tasks.texts import frame_texts, text_columns

MASK = "[MASK]"
_AT_ONCE = 1024  # Texts that are cut into pieces at a time, for their masks.


class FillMask:
    """The likeliest pieces for every [MASK] of a text, or of a pair of texts.

    Args:
        tokenizer: `BertTokenizer` that keeps special pieces.
        max_seq_length: pieces of an example, special ones included; the rest is cut.
        top_k: K, guesses for each [MASK].

    Raises:
        ValueError: the vocabulary has no [MASK], or fewer pieces than `top_k`.
    """

    name = "fill_mask"
    asked = ("top_k",)
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)
    # The classes of transformers that have the head.
    architectures = ("BertForPreTraining", "BertForMaskedLM")

    def __init__(self, tokenizer, *, max_seq_length, top_k=5):
        if tokenizer.mask_id is None:
            raise ValueError(
                f"the vocabulary has no {MASK}, so that no text can have one to fill. "
                "Take the vocab.txt that the model was pretrained with."
            )
        if not 1 <= top_k <= tokenizer.vocab_size:
            raise ValueError(
                f"top_k must be from 1 to {tokenizer.vocab_size}, the pieces of the "
                f"vocabulary; received {top_k}."
            )
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.top_k = top_k

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        """Takes `top_k` from the settings, where whoever asks has put it."""
        options = {name: settings[name] for name in ("top_k",) if name in settings}
        return cls(tokenizer, max_seq_length=max_seq_length, **options)

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], and `mask_places`.

        The last are the places of [MASK] in each framed example, int32 [N, P], filled
        up with -1.

        Raises:
            ValueError: a text has no [MASK], or loses one at `max_seq_length`; names
                file and line.
        """
        columns = text_columns(table)
        places = []
        for begin in range(0, len(table.records), _AT_ONCE):
            some = {name: x[begin : begin + _AT_ONCE] for name, x in columns.items()}
            framed = frame_texts(some, self.tokenizer, self.max_seq_length)
            pieces = framed["input_ids"].to_tensor(-1).numpy()
            places += [np.flatnonzero(row == self.tokenizer.mask_id) for row in pieces]
        for number, found in enumerate(places):
            self._refuse(
                table, number, [array[number] for array in columns.values()], found
            )
        most = max(map(len, places))
        padded = np.full([len(places), most], -1, np.int32)
        for row, found in zip(padded, places):
            row[: len(found)] = found
        return columns | {"mask_places": padded}

    def _refuse(self, table, number, texts, found):
        written = sum(text.count(MASK) for text in texts)
        if not written:
            raise ValueError(
                f"{table.where(number)}: there is no {MASK} to fill in "
                f"{quote(texts[0])}. Write it where a word is missing; for anything "
                "else, fine-tune the model first."
            )
        if len(found) < written:
            raise ValueError(
                f"{table.where(number)}: {written - len(found)} of {written} {MASK} "
                f"would be cut off at max_seq_length {self.max_seq_length}. Raise it, "
                "or shorten the text."
            )

    def features(self, columns):
        """Turns string tensors [B] into framed pieces; `mask_places` go along."""
        example = frame_texts(columns, self.tokenizer, self.max_seq_length)
        return example | {"mask_places": columns["mask_places"]}

    def build(self, backbone):
        return MaskFiller(backbone, self.tokenizer.vocab_size, self.top_k)

    def predict(self, outputs, columns=None):
        """Returns {"tokens": [[{"token": …, "probability": …}, …], …]} for each text.

        A list for each [MASK], in order; in it the likeliest piece first, as it stands
        in the vocabulary.

        Args:
            outputs: of `MaskFiller`, float32 [N, P, 2, K].
        """
        return [
            {
                "tokens": [
                    [
                        {
                            "token": self.tokenizer.vocab[int(piece)],
                            "probability": share,
                        }
                        for piece, share in zip(*guesses.tolist())
                    ]
                    for guesses in of_text
                    if guesses[1, 0] != 0  # A place that is none has no chances.
                ]
            }
            for of_text in outputs
        ]
