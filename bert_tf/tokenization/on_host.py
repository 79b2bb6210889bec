"""TensorFlow's tokenizer beside another engine: strings in, NumPy arrays out."""

import contextlib

import tensorflow as tf

from bert_tf.tokenization.ragged import Ragged
from bert_tf.tokenization.tokenizer import BertTokenizer


class HostTokenizer(BertTokenizer):
    """`BertTokenizer` whose ids and offsets are `Ragged`, computed on the CPU."""

    def _load(self):
        # TensorFlow would take the memory of the GPUs that the engine computes on.
        with contextlib.suppress(RuntimeError):  # It has started already.
            tf.config.set_visible_devices([], "GPU")
        super()._load()

    def tokenize(self, texts):
        return _to_numpy(super().tokenize(texts))

    def tokenize_with_offsets(self, texts):
        return tuple(map(_to_numpy, super().tokenize_with_offsets(texts)))


def _to_numpy(rows):
    return Ragged(rows.values.numpy(), rows.row_splits.numpy())
