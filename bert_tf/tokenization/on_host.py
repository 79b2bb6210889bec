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
        return Ragged.from_tensor(super().tokenize(texts))

    def tokenize_with_offsets(self, texts):
        return tuple(map(Ragged.from_tensor, super().tokenize_with_offsets(texts)))
