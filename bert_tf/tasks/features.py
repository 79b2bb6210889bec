"""Feature extraction: the hidden states of a text's tokens, from chosen layers.

The task predicts only; Google's script of the same purpose is extract_features.py.

Shapes: N records, W windows of them all, B examples of a batch, L tokens of an example,
K the most of a batch, T tokens of a text, H hidden size.
"""

import dataclasses

import numpy as np

from bert_tf.data.rows.windows import cut, take
from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import TextOptions, kept, option
from bert_tf.tasks.texts import objects, row_arrays, text_columns
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import frame

models = lazy("bert_tf.models.features")

NO_TOKEN = -1  # Padding of `places`.
_SPECIAL_TOKENS = 2  # [CLS] and [SEP].


class Features(Task):
    """The states of all tokens, [CLS] and [SEP] included.

    Args:
        tokenizer, options: as of `Task`. With long_text="windows", each token's states
            come from the window that holds most context around it; single texts only.
        num_layers: number of the encoder's layers.

    Raises:
        ValueError: there is no such layer.
    """

    name = "features"
    pipeline = "feature-extraction"
    scored = False
    has_arrays = True
    example_inputs = ("input_ids", "segment_ids")
    cuts_records = True

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        layers: str = option(
            "-1",
            "Layers whose states are returned, such as -1,-2: 0 is the embeddings, 1 "
            "the first layer, -1 the last.",
            use="prediction",
        )

    def __init__(self, tokenizer, options=None, *, num_layers):
        super().__init__(tokenizer, options)
        names = self.options.layers.split(",")
        self.layers = [_parse_layer(name, num_layers) for name in names]

    @classmethod
    def restore(cls, tokenizer, config, settings):
        options = cls.Options(**kept(cls.Options, settings))
        return cls(tokenizer, options, num_layers=config.num_hidden_layers)

    def columns(self, table):
        """Returns `text` [N] and, of pairs, `text_pair` [N].

        Raises:
            ValueError: pairs with long_text="windows".
        """
        columns = text_columns(table)
        if "text_pair" in columns and self.options.long_text == "windows":
            raise ValueError(
                f"{table.path}: features of pairs cannot be computed in windows, since "
                "the tokens of the shorter text would occur several times; pass "
                "long_text=truncate or head_tail."
            )
        return columns

    def examples(self, columns):
        """Frames texts, or their windows.

        Returns:
            dict with `input_ids` and `segment_ids`, int32 ragged [W, (L)]; `record`,
            int32 [W], the text of each window; and `first` and `last`, int32 [W]: the
            tokens [first, last) of a window are kept.
        """
        if self.options.long_text == "windows":
            return self._cut_windows(columns)
        framed = super().features(columns)
        last = np.asarray(framed["input_ids"].row_lengths(), np.int32)
        record = np.arange(len(last), dtype=np.int32)
        return framed | {"record": record, "first": np.zeros_like(last), "last": last}

    def _cut_windows(self, columns):
        length = self.options.max_seq_length
        most = length - _SPECIAL_TOKENS
        texts = self.tokenizer.tokenize(columns["text"])
        xp = operations(texts)
        numbers, window = cut(texts.row_lengths(), most, most // 4)
        record = numbers.value_rowids()
        framed = frame(
            take(texts, record, window["begin"], window["end"]),
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=length,
        )
        # [CLS] is taken from the first window of a text, [SEP] from its last.
        is_first = xp.cast(window["first"] == 0, xp.int64)
        is_last = window["last"] == xp.gather(texts.row_lengths(), record)
        is_last = xp.cast(is_last, xp.int64)
        places = {
            "record": record,
            "first": window["first"] - window["begin"] + 1 - is_first,
            "last": window["last"] - window["begin"] + 1 + is_last,
        }
        return framed | {n: np.asarray(x, np.int32) for n, x in places.items()}

    def frame_texts(self, texts):
        """Frames strings [B], none of them cut into windows; runs in the graph."""
        return self.features(super().features({"text": texts}))

    def features(self, columns):
        """Adds `places`, int32 [B, K]: all tokens of the framed examples."""
        xp = operations(columns["input_ids"])
        lengths = xp.cast(columns["input_ids"].row_lengths(), xp.int32)
        return columns | {"places": xp.ragged.range(lengths).to_tensor(NO_TOKEN)}

    def build(self, backbone):
        return models.TokenStates(backbone, self.layers)

    def collect(self, columns, examples, outputs):
        """Joins the windows of each text.

        Args:
            outputs: dict with `hidden_states`, float32 [W, K, layers, H].

        Returns:
            dict of objects [N]: `ids`, int32 [T], and `hidden_states`, float32 [T,
            layers, H].
        """
        parts = [([], []) for _ in columns["text"]]
        for number, tokens in enumerate(row_arrays(examples["input_ids"])):
            own = slice(examples["first"][number], examples["last"][number])
            ids, states = parts[examples["record"][number]]
            ids.append(tokens[own])
            states.append(outputs["hidden_states"][number][own])
        ids, states = zip(*parts)
        return {
            "ids": objects(list(map(np.concatenate, ids))),
            "hidden_states": objects(list(map(np.concatenate, states))),
        }

    def predict(self, outputs, columns):
        """Returns {"tokens": [T], "layers": {"-1": float32 [T, H], …}} for each text."""
        return [
            {
                "tokens": [self.tokenizer.vocab[token] for token in ids.tolist()],
                "layers": {
                    str(layer): states[:, number]
                    for number, layer in enumerate(self.layers)
                },
            }
            for ids, states in zip(outputs["ids"], outputs["hidden_states"])
        ]

    def arrays(self, predictions):
        """Returns {name: array} of all texts, one after the other, for a .npz file.

        They are `tokens`, strings [all T]; `layer_-1` and so on, float32 [all T, H]; and
        `row_splits`, int64 [N + 1]: text n has the tokens from row_splits[n] to
        row_splits[n + 1] - 1.
        """
        lengths = [len(row["tokens"]) for row in predictions]
        tokens = [token for row in predictions for token in row["tokens"]]
        return {
            "tokens": np.array(tokens, dtype=str),
            "row_splits": np.cumsum([0, *lengths], dtype=np.int64),
        } | {
            f"layer_{layer}": np.concatenate(
                [row["layers"][str(layer)] for row in predictions]
            )
            for layer in self.layers
        }


def _parse_layer(text, num_layers):
    try:
        number = int(text)
    except ValueError:
        number = num_layers + 1
    if not -num_layers - 1 <= number <= num_layers:
        raise ValueError(
            "layers must be numbers separated by commas, from 0 (the embeddings) to "
            f"{num_layers}, or from -1 (the last layer) to {-num_layers - 1}; received "
            f"{text.strip()!r}."
        )
    return number
