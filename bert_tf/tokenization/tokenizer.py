"""Strings to ragged ids and back, in the graph."""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization import kernels
from bert_tf.tokenization.vocabulary import check_vocab

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertTokenizer:
    """WordPiece as `transformers.BertTokenizerFast` does it, in the graph.

    Works eagerly, in tf.function, tf.data and SavedModels, on any bytes: what is not
    UTF-8 is dropped, as U+FFFD is.

    Args:
        vocab: list of pieces; the place in it is the id. A piece listed twice has
            the later id. Raises ValueError without [PAD], [UNK], [CLS] and [SEP].
        lower_case: True for uncased models.
        strip_accents: removes accents; None follows `lower_case`.
        tokenize_chinese_chars: each Chinese character is a word.
        keep_special_tokens: "[MASK]" and its like in the text are the special pieces
            (what Hugging Face does by default), not a bracket, a word and a bracket.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b"])
        >>> tokenizer.tokenize(["Ab a", ""]).to_list()
        [[4, 5, 4], []]
    """

    def __init__(
        self,
        vocab,
        *,
        lower_case=True,
        strip_accents=None,
        tokenize_chinese_chars=True,
        keep_special_tokens=False,
    ):
        check_vocab(vocab)
        self.vocab = list(vocab)
        self.lower_case = bool(lower_case)
        self.strip_accents = (
            self.lower_case if strip_accents is None else bool(strip_accents)
        )
        self.tokenize_chinese_chars = bool(tokenize_chinese_chars)
        self.keep_special_tokens = bool(keep_special_tokens)
        self.token_to_id = {piece: number for number, piece in enumerate(self.vocab)}
        self.vocab_size = len(self.vocab)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self.token_to_id.get(piece) for piece in SPECIAL
        )
        self._kept = [p for p in SPECIAL if keep_special_tokens and p in self.vocab]
        chinese, kept = self.tokenize_chinese_chars, len(self._kept)
        letters = kernels.letters(self.vocab, chinese)
        pieces = kernels.pieces(self.vocab, chinese, letters, kept)
        model = kernels.normalizer_model(
            self.lower_case, self.strip_accents, chinese, letters, kept
        )
        with tf.init_scope():  # Constants that every graph may use.
            self._normalizer = tf_text.FastBertNormalizer(
                model_buffer=tf.constant(np.frombuffer(model, np.uint8))
            )
            self._wordpiece = tf_text.FastWordpieceTokenizer(
                pieces,
                # In bytes: so that the limit in characters, below, comes first.
                max_bytes_per_word=4 * kernels.MAX_CHARACTERS,
                token_out_type=tf.int32,
            )
            self._real_ids = tf.constant(
                [*range(self.vocab_size), *map(self.token_to_id.get, self._kept)],
                tf.int32,
            )
            self._is_suffix = tf.constant([p.startswith("##") for p in pieces])
            self._pieces = tf.constant(self.vocab)
            self._joined = tf.constant(
                [p[2:] if p.startswith("##") else " " + p for p in self.vocab]
            )

    def tokenize(self, texts):
        """Strings [B] → ids, int32 ragged [B, (pieces)]; no [CLS] or [SEP] is added."""
        normal = self._normalizer.normalize(self._mark(_strings(texts)))
        return self._real(self._split(normal)[0])

    def tokenize_with_kernels(self, texts):
        """The same by two kernels alone, which TFLite can be given, for a phone.

        Two things are missing: a word of over 100 characters is cut into pieces and not
        unknown, and "[MASK]" and its like in the text are never special pieces.
        """
        normal = self._normalizer.normalize(_strings(texts))
        return self._wordpiece.tokenize(normal)

    def tokenize_with_offsets(self, texts):
        """Strings [B] → (ids, starts, ends), each int32 ragged [B, (pieces)].

        A piece is `text[start:end]` of the original string, in code points. (Where
        bytes are not UTF-8, those from 0x80 to 0xBF are not counted.)
        """
        texts = _strings(texts)
        normal, source = self._normalizer.normalize_with_offsets(self._mark(texts))
        ids, starts, ends = self._split(normal)
        # Bytes of the normal text → bytes of the original → its characters.
        row = ids.value_rowids()
        shift = tf.cast(tf.gather(source.row_splits, row), tf.int32)
        first = tf.gather(source.values, shift + starts.values)
        last = tf.gather(source.values, shift + ends.values - 1)
        begun, base = _count_characters(texts)
        base = tf.gather(base, row)
        before = tf.gather(begun, base)
        starts = tf.gather(begun, base + tf.cast(first, tf.int32) + 1) - before - 1
        ends = tf.gather(begun, base + tf.cast(last, tf.int32) + 1) - before
        if self._kept:  # The stand-in is one character, the piece has several.
            extra = [0] * self.vocab_size + [len(piece) - 1 for piece in self._kept]
            ends += tf.gather(tf.constant(extra, tf.int32), ids.values)
        return self._real(ids), ids.with_values(starts), ids.with_values(ends)

    def detokenize(self, ids):
        """Ids [B, (pieces)], ragged or dense → strings [B], in the graph.

        Pieces are joined by spaces, `##` pieces without; as Hugging Face's `decode`
        with clean-up off. Raises InvalidArgumentError for an id outside the vocabulary.
        """
        ids = tf.ragged.map_flat_values(tf.identity, ids)
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(ids)
        first = tf.gather(self._pieces, ids[:, :1])  # Keeps its own `##`.
        rest = tf.gather(self._joined, ids[:, 1:])
        return tf.strings.reduce_join(tf.concat([first, rest], axis=1), axis=-1)

    def _real(self, ids):
        if not self._kept:
            return ids
        return ids.with_values(tf.gather(self._real_ids, ids.values))

    def _mark(self, texts):
        """Puts stand-ins, of as many bytes, for the special pieces in the texts."""
        if not self._kept:
            return texts
        names = "|".join(piece[1:-1] for piece in self._kept)
        stand_ins = f"[{''.join(map(kernels.kept, range(len(self._kept))))}]"

        def replace():
            marked = tf.strings.regex_replace(texts, stand_ins, kernels.DECOY)
            for number, piece in enumerate(self._kept):
                # Bytes 1, which vanish, keep the length; the offsets count bytes.
                filled = kernels.kept(number) + "\x01" * (len(piece) - 3)
                name = rf"\[{piece[1:-1]}\]"
                marked = tf.strings.regex_replace(marked, name, filled)
            return marked

        # \C is any byte: "." would not match those that are not UTF-8.
        found = rf"\C*(\[({names})\]|{stand_ins})\C*"
        found = tf.reduce_any(tf.strings.regex_full_match(texts, found))
        return tf.cond(found, replace, lambda: texts)

    def _split(self, normal):
        """Normal texts [B] → ids, starts, ends in bytes; ragged [B, (pieces)]."""
        ids, starts, ends = self._wordpiece.tokenize_with_offsets(normal)
        starts, ends = (tf.cast(x, tf.int32) for x in (starts, ends))
        opens = ~tf.gather(self._is_suffix, ids.values)  # A word begins here,
        closes = tf.concat([opens[1:], tf.ones_like(opens[:1])], 0)  # or ends.
        word_starts = tf.gather(starts.values, tf.where(opens))
        word_ends = tf.gather(ends.values, tf.where(closes))
        splits, values, starts, ends = tf.cond(
            tf.reduce_any(
                word_ends - word_starts > kernels.MAX_CHARACTERS
            ),  # Bytes, so far.
            lambda: self._limit(normal, ids, starts, ends),
            lambda: (ids.row_splits, ids.values, starts.values, ends.values),
        )
        rows = functools.partial(
            tf.RaggedTensor.from_row_splits, row_splits=splits, validate=False
        )
        return rows(values), rows(starts), rows(ends)

    def _limit(self, normal, ids, starts, ends):
        """Makes one unknown piece of every word over the limit of characters."""
        opens = ~tf.gather(self._is_suffix, ids.values)
        word = tf.cumsum(tf.cast(opens, tf.int32)) - 1
        word_start = tf.gather(tf.math.segment_min(starts.values, word), word)
        word_end = tf.gather(tf.math.segment_max(ends.values, word), word)
        begun, base = _count_characters(normal)
        base = tf.gather(base, ids.value_rowids())
        size = tf.gather(begun, base + word_end) - tf.gather(begun, base + word_start)
        long = size > kernels.MAX_CHARACTERS
        keep = opens | ~long
        kept = tf.ragged.boolean_mask(
            ids.with_values(tf.where(long, self.unk_id, ids.values)),
            ids.with_values(keep),
        )
        return (
            kept.row_splits,
            kept.values,
            tf.boolean_mask(starts.values, keep),
            tf.boolean_mask(tf.where(long, word_end, ends.values), keep),
        )


def tflite_ops():
    """What registers the operations of TensorFlow Text in a TFLite interpreter."""
    return tf_text.tflite_registrar.SELECT_TFTEXT_OPS


def _strings(texts):
    texts = tf.convert_to_tensor(texts, tf.string)
    if texts.shape.rank != 1:
        raise ValueError(
            f"texts must be a batch of strings of shape [B]; received {texts.shape}. "
            "Wrap a single text in a list, or flatten."
        )
    return texts


def _count_characters(texts):
    """Strings [B], laid in one line of N bytes → (int32 [N + 1], int32 [B]):

    how many characters begin before each byte, and the byte where each text begins.
    """
    line = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    begins = tf.cast(tf.bitwise.bitwise_and(line, 0xC0) != 0x80, tf.int32)
    begun = tf.concat([[0], tf.cumsum(begins)], 0)
    return begun, tf.cumsum(tf.strings.length(texts), exclusive=True)
