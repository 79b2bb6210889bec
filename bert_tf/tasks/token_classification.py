"""A tag for each word of a text: named entities (Devlin et al., 2019, 5.3).

Shapes: N records, W windows of them all, L tokens of a window, K words of a window, B
windows of a batch, C tags.
"""

import numpy as np

from bert_tf.data.records.tagged import read_tagged, read_tagged_lines
from bert_tf.data.records.tagged_objects import OUTSIDE
from bert_tf.data.rows.windows import cut_words
from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.labels import label_ids
from bert_tf.tasks.metrics.entities import entities, entity_counts, entity_scores
from bert_tf.tasks.options import WindowOptions
from bert_tf.tasks.probabilities import log_softmax
from bert_tf.tasks.texts import in_parts, object_columns, objects
from bert_tf.tokenization.framing import frame

keras = lazy("keras")
ops = lazy("keras.ops")
finetuning = lazy("bert_tf.models.finetuning")

NO_WORD = -1  # Padding of `places`.
_TEXTS_AT_ONCE = 1024  # Tokenized at a time.
_SPECIAL_TOKENS = 2  # [CLS] and [SEP].


class TokenClassification(Task):
    """The tag of a word is predicted at its first token.

    With long_text="windows" the windows overlap by a quarter, and a word's tag comes from
    the window that holds most context around it. With "truncate" words beyond the first
    window are tagged O.
    """

    name = "token_classification"
    architecture = "BertForTokenClassification"
    pipeline = "token-classification"
    metric = "f1"
    has_labels = True
    soft = "softmax"
    example_inputs = ("pieces", "places", "label")
    cuts_records = True
    Options = WindowOptions
    read = staticmethod(read_tagged)
    read_lines = staticmethod(read_tagged_lines)

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Takes the tags that occur: O, then alphabetically."""
        tags = {tag for record in table.records for tag in record["tags"]} - {OUTSIDE}
        if not tags:
            raise ValueError(
                f"{table.path}: every word is tagged {OUTSIDE}, so there is nothing to "
                "learn. Is the last column the one with the tags?"
            )
        return cls(tokenizer, options, labels=[OUTSIDE, *sorted(tags)])

    def columns(self, table):
        """Returns `text`, `words` and, if labelled, `tags`, arrays of objects [N].

        Raises:
            ValueError: a tag that the model does not know; names file and line.
        """
        columns = object_columns(table, ("text", "words", "tags"))
        label_ids(table, columns.get("tags", ()), self.labels)
        return columns

    def examples(self, columns):
        """Cuts texts into windows.

        Returns:
            as `cut_words`; if labelled also `label`, int32 ragged [W, (K)], the tags of
            its words.
        """

        def cut_part(part):
            return self.cut(*split_at(columns["text"][part], columns["words"][part]))

        examples = in_parts(cut_part, len(columns["text"]), _TEXTS_AT_ONCE)
        if "tags" in columns:
            ids = {label: number for number, label in enumerate(self.labels)}
            windows = zip(examples["record"], examples["words"].to_list())
            labels = [
                ids[columns["tags"][number][word]]
                for number, words in windows
                for word in words
            ]
            examples["label"] = examples["words"].with_values(
                np.array(labels, np.int32)
            )
        return examples

    def cut(self, words, splits):
        """Cuts words, strings [T], into windows; see `cut_words`, which takes `splits`."""
        pieces = self.tokenizer.tokenize(words)
        most = self.options.max_seq_length - _SPECIAL_TOKENS
        return cut_words(pieces, splits, most, self.options.long_text)

    def features(self, columns):
        """Frames windows; `places`, int32 [B, K], count from [CLS]; `label` goes along."""
        example = frame(
            columns["pieces"],
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.options.max_seq_length,
        )
        places = columns["places"].with_values(columns["places"].values + 1)
        example["places"] = places.to_tensor(NO_WORD)
        if "label" in columns:
            example["label"] = columns["label"].to_tensor(0)
        return example

    def build(self, backbone):
        return finetuning.TokenClassifier(backbone, len(self.labels))

    def weights(self, rows):
        words = ops.cast(rows["places"] != NO_WORD, "float32")
        return {self.name: ops.reshape(words, (-1,))}

    def losses(self, rows, outputs):
        losses = keras.losses.sparse_categorical_crossentropy(
            rows["label"], outputs["logits"], from_logits=True
        )
        return {self.name: ops.reshape(losses, (-1,))}

    def soft_outputs(self, rows, outputs):
        return {self.name: [ops.reshape(outputs["logits"], (-1, len(self.labels)))]}

    def label_blindly(self, record):
        return record | {"tags": [self.labels[0]] * len(record["words"])}

    def collect(self, columns, examples, outputs):
        """Joins the windows of each text.

        Args:
            outputs: dict with `logits`, for each window float32 [K or more, C].

        Returns:
            dict with `log_probabilities`, objects [N]: float64 [words, C]. A word
            without tokens is O with probability 1.
        """
        outside = np.where(np.array(self.labels) == OUTSIDE, 0.0, -np.inf)
        records = [np.tile(outside, (len(words), 1)) for words in columns["words"]]
        words = examples["words"].to_list()
        for record, own, logits in zip(examples["record"], words, outputs["logits"]):
            logits = logits[: len(own)].astype(np.float64)
            records[record][own] = log_softmax(logits)
        return {"log_probabilities": objects(records)}

    def predict(self, outputs, columns):
        """Returns {"entities": [{start, end, type, text, score}, …]} for each text.

        Start and end are in characters of the text; the score is the mean probability
        of the tags of the entity's words.

        Args:
            outputs, columns: as `collect` and `columns` return them.
        """
        records = zip(columns["text"], columns["words"], outputs["log_probabilities"])
        return [
            {
                "entities": [
                    {
                        "start": words[first][0],
                        "end": words[after - 1][1],
                        "type": kind,
                        "text": text[words[first][0] : words[after - 1][1]],
                        "score": float(np.mean(np.exp(logs[first:after].max(axis=-1)))),
                    }
                    for kind, first, after in entities(self._tags(logs))
                ]
            }
            for text, words, logs in records
        ]

    def counts(self, columns, outputs):
        """Returns int [N, 3]: entities predicted rightly, predicted, and true."""
        tags = map(self._tags, outputs["log_probabilities"])
        return np.array(list(map(entity_counts, columns["tags"], tags)))

    def score(self, columns, outputs):
        """Compares tags; see `entity_scores`.

        Returns:
            its `precision`, `recall`, `f1` and `per_type`; `accuracy`, of words; and
            `loss`, in nats, the mean over words that have tokens.
        """
        tags = [self._tags(logs) for logs in outputs["log_probabilities"]]
        ids = {label: number for number, label in enumerate(self.labels)}
        truth = np.concatenate([[ids[tag] for tag in tags] for tags in columns["tags"]])
        logs = np.concatenate(list(outputs["log_probabilities"]))
        has_tokens = np.isfinite(logs).all(axis=-1)
        losses = -logs[np.arange(len(truth)), truth.astype(int)]
        return {
            **entity_scores(columns["tags"], tags),
            "accuracy": float(np.mean(logs.argmax(axis=-1) == truth)),
            "loss": float(np.mean(losses[has_tokens])),
        }

    def _tags(self, logs):
        return [self.labels[number] for number in logs.argmax(axis=-1)]


def split_at(texts, spans):
    """Returns the words of B texts at [start, end), a list; and their row splits, int64 [B + 1]."""
    words = [text[a:b] for text, places in zip(texts, spans) for a, b in places]
    splits = np.cumsum([0, *map(len, spans)], dtype=np.int64)
    return words, splits
