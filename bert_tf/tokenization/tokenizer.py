"""Turns strings into ragged ids and back, in a TensorFlow graph."""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization import cleaning, kernels
from bert_tf.tokenization.base import Tokenizer
from bert_tf.tokenization.batches import make_batch, strings


class BertTokenizer(Tokenizer):
    """Tokenizes strings into the WordPiece ids of `transformers.BertTokenizerFast`.

    Works eagerly and in tf.function, tf.data and SavedModels, on any bytes. Bytes that are
    not UTF-8 are dropped.

    Args:
        vocab: list of pieces. The id of a piece is its place in the list, the later one
            if it is listed twice.
        lower_case: True for uncased models.
        strip_accents: removes accents; None means the value of `lower_case`.
        tokenize_chinese_chars: makes each Chinese character a word.
        keep_special_tokens: True reads "[MASK]" and other special pieces in the text as
            one piece each, as Hugging Face does by default; False reads them as a
            bracket, a word and a bracket.
        clean_input: True drops invisible characters and writes letters that look like
            Latin ones in Latin, see `bert_tf.tokenization.cleaning`. Then the ids are not
            those of transformers.
        model_max_length: most tokens of an example, if a call gives no `max_length`;
            None for no limit.
        max_position_embeddings: positions of the model, which no `max_length` may
            exceed; None if they are not known, and then they are not checked.

    Raises:
        ValueError: [PAD], [UNK], [CLS] or [SEP] is missing from `vocab`.

    Example:
        >>> from bert_tf import BertTokenizer
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b"])
        >>> tokenizer.tokenize(["Ab a", ""]).to_list()
        [[4, 5, 4], []]
        >>> tokenizer(["Ab a", "a"])["input_ids"].numpy().tolist()
        [[2, 4, 5, 4, 3], [2, 4, 3, 0, 0]]
        >>> BertTokenizer.from_pretrained("bert")("It is good.")["input_ids"].shape
        TensorShape([1, 6])
    """

    strings = staticmethod(strings)

    def _load(self):
        chinese, kept = self.tokenize_chinese_chars, len(self._kept)
        letters = kernels.letters(self.vocab, chinese)
        pieces = kernels.pieces(self.vocab, chinese, letters, kept)
        model = kernels.normalizer_model(
            self.lower_case, self.strip_accents, chinese, letters, kept
        )
        with tf.init_scope():  # So that every graph can use the constants.
            self._normalizer = tf_text.FastBertNormalizer(
                model_buffer=tf.constant(np.frombuffer(model, np.uint8))
            )
            self._wordpiece = tf_text.FastWordpieceTokenizer(
                pieces,
                # High enough that only the limit in characters (`_limit`) applies.
                max_bytes_per_word=4 * kernels.MAX_CHARACTERS,
                token_out_type=tf.int32,
            )
            self._vocab_ids = tf.constant(
                [*range(self.vocab_size), *map(self.token_to_id.get, self._kept)],
                tf.int32,
            )
            self._is_suffix = tf.constant([p.startswith("##") for p in pieces])
            self._pieces = tf.constant(self.vocab)
            self._joined = tf.constant(
                [p[2:] if p.startswith("##") else " " + p for p in self.vocab]
            )

    def __call__(
        self, texts, pairs=None, *, max_length=None, padding="longest", truncation=True
    ):
        """Returns texts, or pairs of texts, as BERT reads them: `[CLS] A [SEP] B [SEP]`.

        The ids are those of transformers' BertTokenizerFast for the same arguments.

        Args:
            texts: a string, or a list, array or tensor [B] of strings.
            pairs: the second texts of pairs, likewise.
            max_length: most tokens of an example; None for `model_max_length`. Of a
                pair, the longer text is cut first.
            padding: "longest" pads to the longest example, "max_length" to `max_length`;
                False returns ragged tensors.
            truncation: whether to cut longer texts. If not, they may have more tokens
                than the model has positions; that is not checked.

        Returns:
            dict with `input_ids`, `input_mask` (1 for tokens, 0 for padding) and
            `segment_ids` (1 for the second text), int32 [B, S].

        Raises:
            TypeError: something is not a string.
            ValueError: unequal numbers of texts and pairs; an argument out of range,
                such as a `max_length` beyond the positions of the model.
        """
        return make_batch(self, texts, pairs, max_length, padding, truncation)

    def tokenize(self, texts):
        """Returns ids of strings [B], int32 ragged [B, (pieces)], without [CLS] and [SEP]."""
        texts, _ = self._clean(strings(texts))
        normal = self._normalizer.normalize(self._mark(texts))
        return self._map_kept(self._split(normal)[0])

    def tokenize_with_kernels(self, texts):
        """Returns the same ids, computed by two kernels only, which TFLite can run.

        Two things are missing: a word of more than 100 characters is cut into pieces
        instead of being unknown, and special pieces in the text are always split.

        Raises:
            ValueError: the tokenizer cleans its input, which TFLite cannot.
        """
        if self.clean_input:
            raise ValueError(
                "TFLite cannot clean texts (clean_input); export without text_input, so "
                "that the file takes ids, and bert_tf.light cleans."
            )
        normal = self._normalizer.normalize(strings(texts))
        return self._wordpiece.tokenize(normal)

    def tokenize_with_offsets(self, texts):
        """Returns (ids, starts, ends) of strings [B], each int32 ragged [B, (pieces)].

        A piece is `text[start:end]` of the original string, in code points. (If bytes are
        not UTF-8, those from 0x80 to 0xBF are not counted.)
        """
        texts, cleaned = self._clean(strings(texts))
        normal, source = self._normalizer.normalize_with_offsets(self._mark(texts))
        ids, starts, ends = self._split(normal)
        # From bytes of the normalized text to bytes, then characters, of the original.
        row = ids.value_rowids()
        shift = tf.cast(tf.gather(source.row_splits, row), tf.int32)
        first = tf.gather(source.values, shift + starts.values)
        last = tf.gather(source.values, shift + ends.values - 1)
        begun, base = _count_characters(texts)
        base = tf.gather(base, row)
        before = tf.gather(begun, base)
        starts = tf.gather(begun, base + tf.cast(first, tf.int32) + 1) - before - 1
        ends = tf.gather(begun, base + tf.cast(last, tf.int32) + 1) - before
        if self._kept:  # A stand-in is one character, but its piece has several.
            extra = [0] * self.vocab_size + [len(piece) - 1 for piece in self._kept]
            ends += tf.gather(tf.constant(extra, tf.int32), ids.values)
        starts, ends = map(ids.with_values, (starts, ends))
        if cleaned is not None:
            starts, ends = cleaning.place_offsets(cleaned, ids, starts, ends)
        return self._map_kept(ids), starts, ends

    def detokenize(self, ids):
        """Returns the strings [B] of ids [B, (pieces)], ragged or dense.

        Joins pieces by spaces, and `##` pieces without, as Hugging Face's `decode` does
        with clean-up off. Raises InvalidArgumentError for an id outside the vocabulary.
        """
        ids = tf.ragged.map_flat_values(tf.identity, ids)
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(ids)
        first = tf.gather(self._pieces, ids[:, :1])  # The first piece keeps its `##`.
        rest = tf.gather(self._joined, ids[:, 1:])
        return tf.strings.reduce_join(tf.concat([first, rest], axis=1), axis=-1)

    def _clean(self, texts):
        """Returns the strings that are tokenized, and where their characters were."""
        return cleaning.clean_tensor(texts) if self.clean_input else (texts, None)

    def _map_kept(self, ids):
        """Replaces the ids of kept special pieces by those of the vocabulary."""
        if not self._kept:
            return ids
        return ids.with_values(tf.gather(self._vocab_ids, ids.values))

    def _mark(self, texts):
        """Replaces special pieces in the texts by stand-ins with as many bytes."""
        if not self._kept:
            return texts
        names = "|".join(piece[1:-1] for piece in self._kept)
        stand_ins = f"[{''.join(map(kernels.kept, range(len(self._kept))))}]"

        def replace():
            marked = tf.strings.regex_replace(texts, stand_ins, kernels.DECOY)
            for number, piece in enumerate(self._kept):
                # Offsets count bytes, so bytes 1, which are dropped, keep the length.
                stand_in = kernels.kept(number) + "\x01" * (len(piece) - 3)
                name = rf"\[{piece[1:-1]}\]"
                marked = tf.strings.regex_replace(marked, name, stand_in)
            return marked

        # \C matches any byte; "." does not match bytes that are not UTF-8.
        pattern = rf"\C*(\[({names})\]|{stand_ins})\C*"
        needed = tf.reduce_any(tf.strings.regex_full_match(texts, pattern))
        return tf.cond(needed, replace, lambda: texts)

    def _split(self, normal):
        """Returns ids, starts and ends in bytes, ragged [B, (pieces)], of normalized texts."""
        ids, starts, ends = self._wordpiece.tokenize_with_offsets(normal)
        starts, ends = (tf.cast(x, tf.int32) for x in (starts, ends))
        begins_word = ~tf.gather(self._is_suffix, ids.values)
        ends_word = tf.concat([begins_word[1:], tf.ones_like(begins_word[:1])], 0)
        word_starts = tf.gather(starts.values, tf.where(begins_word))
        word_ends = tf.gather(ends.values, tf.where(ends_word))
        # Counting characters takes time; a word has at least as many bytes.
        may_be_long = word_ends - word_starts > kernels.MAX_CHARACTERS
        splits, values, starts, ends = tf.cond(
            tf.reduce_any(may_be_long),
            lambda: self._limit(normal, ids, starts, ends),
            lambda: (ids.row_splits, ids.values, starts.values, ends.values),
        )
        rows = functools.partial(
            tf.RaggedTensor.from_row_splits, row_splits=splits, validate=False
        )
        return rows(values), rows(starts), rows(ends)

    def _limit(self, normal, ids, starts, ends):
        """Makes every word with too many characters one [UNK]."""
        begins_word = ~tf.gather(self._is_suffix, ids.values)
        word = tf.cumsum(tf.cast(begins_word, tf.int32)) - 1
        word_start = tf.gather(tf.math.segment_min(starts.values, word), word)
        word_end = tf.gather(tf.math.segment_max(ends.values, word), word)
        begun, base = _count_characters(normal)
        base = tf.gather(base, ids.value_rowids())
        size = tf.gather(begun, base + word_end) - tf.gather(begun, base + word_start)
        long = size > kernels.MAX_CHARACTERS
        keep = begins_word | ~long
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
    """Returns what registers TensorFlow Text's operations in a TFLite interpreter."""
    return tf_text.tflite_registrar.SELECT_TFTEXT_OPS


def _count_characters(texts):
    """Counts the characters of strings [B], which are joined to N bytes.

    Returns:
        The number of characters that begin before each byte, int32 [N + 1], and the byte
        where each text begins, int32 [B].
    """
    data = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    begins = tf.cast(tf.bitwise.bitwise_and(data, 0xC0) != 0x80, tf.int32)
    begun = tf.concat([[0], tf.cumsum(begins)], 0)
    return begun, tf.cumsum(tf.strings.length(texts), exclusive=True)
