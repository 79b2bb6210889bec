"""The ids of `BertTokenizer` without TensorFlow, by Hugging Face's `tokenizers`."""

import itertools

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.base import Tokenizer
from bert_tf.tokenization.batches import list_strings, make_batch
from bert_tf.tokenization.cleaning import clean_strings, place_offsets
from bert_tf.tokenization.kernels import MAX_CHARACTERS
from bert_tf.tokenization.ragged import Ragged

tokenizers = lazy("tokenizers")


class FastTokenizer(Tokenizer):
    """Tokenizes strings into NumPy arrays: the ids and offsets of `BertTokenizer`.

    (One difference: two adjacent spacing combining marks are put in canonical order,
    which `BertTokenizer` does not do.)

    Args:
        as of `BertTokenizer`.

    Raises:
        ValueError: as of `BertTokenizer`; the package `tokenizers` is not installed.
    """

    strings = staticmethod(list_strings)

    def _load(self):
        try:
            models, normalizers = tokenizers.models, tokenizers.normalizers
        except ImportError:
            raise ValueError(
                "without TensorFlow Text, texts are tokenized by Hugging Face's "
                "tokenizers, which is not installed: run pip install tokenizers."
            ) from None
        self._tokenizer = tokenizers.Tokenizer(
            models.WordPiece(
                self.token_to_id,
                unk_token="[UNK]",
                max_input_chars_per_word=MAX_CHARACTERS,
            )
        )
        self._tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.tokenize_chinese_chars,
            strip_accents=self.strip_accents,
            lowercase=self.lower_case,
        )
        self._tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        self._tokenizer.add_special_tokens(self._kept)

    def __call__(
        self, texts, pairs=None, *, max_length=None, padding="longest", truncation=True
    ):
        """Returns a batch of NumPy arrays, or of `Ragged`; see `BertTokenizer`."""
        return make_batch(self, texts, pairs, max_length, padding, truncation)

    def tokenize(self, texts):
        """Returns ids of strings [B], `Ragged` int32 [B, (pieces)], without [CLS] and [SEP].

        Args:
            texts: a string, or a list or array [B] of strings.
        """
        texts, _ = self._clean(_decoded(texts))
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return _join([row.ids for row in encoded])

    def tokenize_with_offsets(self, texts):
        """Returns (ids, starts, ends) of strings [B], each `Ragged` int32 [B, (pieces)].

        A piece is `text[start:end]` of the original string, in code points.
        """
        texts, cleaned = self._clean(_decoded(texts))
        encoded = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        ids = _join([row.ids for row in encoded])
        offsets = [row.offsets for row in encoded]
        starts, ends = map(ids.with_values, _join(offsets, shape=[-1, 2]).values.T)
        if cleaned is not None:
            starts, ends = place_offsets(cleaned, ids, starts, ends)
        return ids, starts, ends

    def _clean(self, texts):
        """Returns the strings that are tokenized, and where their characters were."""
        return clean_strings(texts) if self.clean_input else (texts, None)


def _decoded(texts):
    """Returns a list of strings; the place of bytes that are not UTF-8 is dropped later."""
    return [
        text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        for text in list_strings(texts)
    ]


def _join(rows, shape=(-1,)):
    """Returns `Ragged` int32 of lists of numbers, or of tuples of numbers."""
    values = np.array(list(itertools.chain.from_iterable(rows)), np.int32)
    lengths = np.array([len(row) for row in rows], np.int64)
    return Ragged.from_row_lengths(values.reshape(shape), lengths)
