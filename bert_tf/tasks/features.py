"""Feature extraction: the states of a text's tokens, from the layers one asks for.

It answers and is not fine-tuned; the published script is extract_features.py.

Shapes: N records, W windows of them all, B examples of a batch, L pieces of an example,
K the most of a batch, T tokens of a text, H hidden size.
"""

import numpy as np
import tensorflow as tf

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.data.rows.packing import frame
from bert_tf.data.rows.windows import cut, take
from bert_tf.models.features import TokenStates
from bert_tf.tasks.texts import arrays, frame_texts, objects, text_columns

NO_TOKEN = -1  # Where an example is shorter than others of its batch.
_FRAME = 2  # [CLS] and [SEP].


class Features:
    """The states of all tokens, special ones included.

    Args:
        tokenizer: `BertTokenizer`.
        num_layers: of the encoder.
        max_seq_length: pieces of an example, special ones included.
        layers: numbers with commas between: 0 are the embeddings, 1 is the first
            layer's output, -1 the last one's.
        long_text: what happens to longer texts: "truncate", "head_tail", or "windows"
            that overlap by a quarter, each piece from where it has most context; single
            texts only.

    Raises:
        ValueError: there is no such layer.
    """

    name = "features"
    asked = ("layers", "long_text")
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)
    inputs = ("input_ids", "segment_ids")

    def __init__(
        self, tokenizer, num_layers, *, max_seq_length, layers="-1", long_text=""
    ):
        self.tokenizer = tokenizer
        self.layers = [_layer(text, num_layers) for text in layers.split(",")]
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        """Takes `layers` from the settings, where whoever asks has put them."""
        return cls(
            tokenizer,
            config.num_hidden_layers,
            max_seq_length=max_seq_length,
            layers=settings.get("layers", "-1"),
            long_text=settings.get("long_text", ""),
        )

    def columns(self, table):
        """Returns `text` [N] and perhaps `text_pair` [N].

        Raises:
            ValueError: pairs that are to go in windows.
        """
        columns = text_columns(table)
        if "text_pair" in columns and self.long_text == "windows":
            raise ValueError(
                f"{table.path}: the features of pairs don't go in windows, whose tokens "
                "of the shorter text would come several times; take "
                "long_text=truncate or head_tail."
            )
        return columns

    def examples(self, columns):
        """Frames texts, or their windows.

        Returns:
            dict with `input_ids` and `segment_ids`, int32 ragged [W, (L)]; `record`,
            whose each is, and the tokens that are its own to answer, [`first`, `last`),
            int32 [W].
        """
        if self.long_text == "windows":
            return self._windows(columns)
        options = (self.tokenizer, self.max_seq_length, self.long_text)
        framed = frame_texts(columns, *options)
        last = framed["input_ids"].row_lengths().numpy().astype(np.int32)
        record = np.arange(len(last), dtype=np.int32)
        return framed | {"record": record, "first": np.zeros_like(last), "last": last}

    def _windows(self, columns):
        most = self.max_seq_length - _FRAME
        texts = self.tokenizer.tokenize(tf.constant(columns["text"]))
        numbers, window = cut(texts.row_lengths(), most, most // 4)
        record = numbers.value_rowids()
        framed = frame(
            take(texts, record, window["begin"], window["end"]),
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        # [CLS] is the first window's, [SEP] the last one's.
        is_first = tf.cast(window["first"] == 0, tf.int64)
        is_last = window["last"] == tf.gather(texts.row_lengths(), record)
        is_last = tf.cast(is_last, tf.int64)
        own = {
            "record": record,
            "first": window["first"] - window["begin"] + 1 - is_first,
            "last": window["last"] - window["begin"] + 1 + is_last,
        }
        return framed | {name: x.numpy().astype(np.int32) for name, x in own.items()}

    def features(self, columns):
        """Adds `places`, int32 [B, K], all tokens of the examples."""
        lengths = tf.cast(columns["input_ids"].row_lengths(), tf.int32)
        return columns | {"places": tf.ragged.range(lengths).to_tensor(NO_TOKEN)}

    def build(self, backbone):
        return TokenStates(backbone, self.layers)

    def collect(self, columns, examples, outputs):
        """Returns for each text its pieces, int32 [T], and states, float32 [T, layers, H].

        Args:
            outputs: for each window float32 [K, layers, H].
        """
        found = [([], []) for _ in columns["text"]]
        for number, pieces in enumerate(arrays(examples["input_ids"])):
            own = slice(examples["first"][number], examples["last"][number])
            ids, states = found[examples["record"][number]]
            ids.append(pieces[own])
            states.append(outputs[number][own])
        return objects([tuple(map(np.concatenate, of)) for of in found])

    def predict(self, answers, columns=None):
        """Returns {"tokens": [T], "layers": {"-1": float32 [T, H], …}} for each text."""
        return [
            {
                "tokens": [self.tokenizer.vocab[piece] for piece in ids.tolist()],
                "layers": {
                    str(layer): states[:, number]
                    for number, layer in enumerate(self.layers)
                },
            }
            for ids, states in answers
        ]

    def arrays(self, answers):
        """Returns {name: array} of the answers of `predict`, for a .npz file.

        They are `tokens`, [all T], and for each layer `layer_-1` and so on, float32
        [all T, H], of all texts one after the other; those of text n are
        [row_splits[n], row_splits[n + 1]).
        """
        lengths = [len(answer["tokens"]) for answer in answers]
        tokens = [token for answer in answers for token in answer["tokens"]]
        return {
            "tokens": np.array(tokens, dtype=str),
            "row_splits": np.cumsum([0, *lengths], dtype=np.int64),
        } | {
            f"layer_{layer}": np.concatenate(
                [answer["layers"][str(layer)] for answer in answers]
            )
            for layer in self.layers
        }


def _layer(text, num_layers):
    try:
        number = int(text)
    except ValueError:
        number = num_layers + 1
    if not -num_layers - 1 <= number <= num_layers:
        raise ValueError(
            "layers must be numbers with commas between, from 0 (the embeddings) to "
            f"{num_layers}, or from the last, -1, to {-num_layers - 1}; received "
            f"{text.strip()!r}."
        )
    return number
