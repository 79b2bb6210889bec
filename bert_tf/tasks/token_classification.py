"""A tag for each word of a text: named entities (Devlin et al., 2019, 5.3).

Shapes: N records, W windows of them all, L pieces of a window, K words of a window, B
windows of a batch, C tags.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from bert_tf.data.records.tagged import read_tagged, read_tagged_lines
from bert_tf.data.records.tagged_objects import OUTSIDE
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.data.rows.packing import frame
from bert_tf.data.rows.windows import cut_words
from bert_tf.models.finetuning import TokenClassifier
from bert_tf.tasks.classification import log_softmax
from bert_tf.tasks.labels import describe_labels, refuse_unknown, restore_labels
from bert_tf.tasks.metrics.entities import entities, entity_counts, entity_scores
from bert_tf.tasks.texts import objects, ragged

NO_WORD = -1  # Where a window has fewer words than others of its batch.
_AT_ONCE = 1024  # Texts that are cut into pieces at a time.
_FRAME = 2  # [CLS] and [SEP].


class TokenClassification:
    """The tag of a word is asked at its first piece.

    Args:
        tokenizer: `BertTokenizer`.
        labels: tags in the order of their ids.
        max_seq_length: pieces of a window, special ones included.
        long_text: "windows" that overlap by a quarter, each word answered where it has
            most context; or "truncate", and words beyond are not seen, and O.
    """

    name = "token_classification"
    architecture = "BertForTokenClassification"
    problem_type = None
    pipeline = "token-classification"
    metric = "f1"
    options = ("long_text",)
    inputs = ("pieces", "places", "label")
    read = staticmethod(read_tagged)
    read_lines = staticmethod(read_tagged_lines)

    def __init__(self, tokenizer, labels, *, max_seq_length, long_text=""):
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text, ("windows", "truncate"))

    @classmethod
    def learn(cls, tokenizer, table, *, max_seq_length, long_text=""):
        """Takes the tags that occur: O, then by the alphabet."""
        found = {tag for record in table.records for tag in record["tags"]}
        if not found - {OUTSIDE}:
            raise ValueError(
                f"{table.path}: every word is tagged {OUTSIDE}, so there is nothing to "
                "learn. Is the last column the one with the tags?"
            )
        labels = [OUTSIDE, *sorted(found - {OUTSIDE})]
        return cls(
            tokenizer, labels, max_seq_length=max_seq_length, long_text=long_text
        )

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        """Takes the tags that config.json names (`id2label`)."""
        return cls(
            tokenizer,
            restore_labels(config),
            max_seq_length=max_seq_length,
            long_text=settings.get("long_text", ""),
        )

    def describe(self):
        return describe_labels(self.labels)

    def settings(self, scores):
        return {"long_text": self.long_text}

    def columns(self, table):
        """Returns `text`, `words` and perhaps `tags`, arrays of objects [N].

        Raises:
            ValueError: a tag that the model does not know; names file and line.
        """
        names = ("text", "words", "tags")
        columns = {
            name: objects([record[name] for record in table.records])
            for name in names
            if name in table.records[0]
        }
        known = set(self.labels)
        for number, tags in enumerate(columns.get("tags", ())):
            for tag in tags:
                if tag not in known:
                    refuse_unknown(table.where(number), tag, self.labels)
        return columns

    def examples(self, columns):
        """Cuts texts into windows.

        Returns:
            what `cut_words` does; with tags also `label`, int32 ragged [W, (K)], of its
            words.
        """
        parts = []
        for begin in range(0, len(columns["text"]), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            part = self.cut(split_at(columns["text"][some], columns["words"][some]))
            parts.append(part | {"record": part["record"] + begin})
        examples = {
            name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]
        }
        record = examples["record"] = examples["record"].numpy().astype(np.int32)
        if "tags" in columns:
            ids = {label: number for number, label in enumerate(self.labels)}
            tags = columns["tags"]
            examples["label"] = ragged(
                [
                    [ids[tags[n][word]] for word in words]
                    for n, words in zip(record, examples["words"].to_list())
                ]
            )
        return examples

    def cut(self, words):
        """Cuts words, strings ragged [B, (words)], into windows; see `cut_words`."""
        pieces = self.tokenizer.tokenize(words.values)
        most = self.max_seq_length - _FRAME
        return cut_words(pieces, words.row_splits, most, self.long_text)

    def features(self, columns):
        """Frames windows; `places`, int32 [B, K] from [CLS] on, and `label` go along."""
        example = frame(
            columns["pieces"],
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        places = columns["places"].with_values(columns["places"].values + 1)
        example["places"] = places.to_tensor(NO_WORD)
        if "label" in columns:
            example["label"] = columns["label"].to_tensor(0)
        return example

    def build(self, backbone):
        return TokenClassifier(backbone, len(self.labels))

    def weights(self, rows):
        words = ops.cast(rows["places"] != NO_WORD, "float32")
        return {self.name: ops.reshape(words, (-1,))}

    def losses(self, rows, logits):
        losses = keras.losses.sparse_categorical_crossentropy(
            rows["label"], logits, from_logits=True
        )
        return {self.name: ops.reshape(losses, (-1,))}

    def collect(self, columns, examples, outputs):
        """Returns for each text float32 [words, C], log-probabilities of its tags.

        A word without pieces is O for sure.

        Args:
            outputs: for each window float32 [K or more, C].
        """
        silent = np.where(np.array(self.labels) == OUTSIDE, 0.0, -np.inf)
        answers = [np.tile(silent, (len(words), 1)) for words in columns["words"]]
        words = examples["words"].to_list()
        for record, own, logits in zip(examples["record"], words, outputs):
            answers[record][own] = log_softmax(logits[: len(own)])
        return objects(answers)

    def predict(self, answers, columns):
        """Returns {"entities": [{start, end, type, text, score}, …]} for each text.

        Places are in characters of the text, and a score is the mean probability of its
        words' tags.
        """
        found = []
        for text, words, logs in zip(columns["text"], columns["words"], answers):
            tags, shares = self._tags(logs), np.exp(logs.max(axis=-1, initial=-np.inf))
            found.append(
                {
                    "entities": [
                        {
                            "start": words[first][0],
                            "end": words[after - 1][1],
                            "type": kind,
                            "text": text[words[first][0] : words[after - 1][1]],
                            "score": float(np.mean(shares[first:after])),
                        }
                        for kind, first, after in entities(tags)
                    ]
                }
            )
        return found

    def counts(self, columns, answers):
        """Returns int [N, 3], of each text right, answered and true entities: of F1."""
        tags = map(self._tags, answers)
        return np.array(list(map(entity_counts, columns["tags"], tags)))

    def score(self, columns, answers):
        """Compares tags; see `entities.entity_scores`.

        Returns:
            its `precision`, `recall`, `f1` and `per_type`; `accuracy`, of words; and
            `loss`, mean over the words that have pieces, in nats.
        """
        tags = [self._tags(logs) for logs in answers]
        ids = {label: number for number, label in enumerate(self.labels)}
        truths = np.concatenate(
            [[ids[tag] for tag in tags] for tags in columns["tags"]]
        )
        logs = np.concatenate(list(answers))
        asked = np.isfinite(logs).all(axis=-1)
        surprises = -logs[np.arange(len(truths)), truths.astype(int)]
        return {
            **entity_scores(columns["tags"], tags),
            "accuracy": float(np.mean(logs.argmax(axis=-1) == truths)),
            "loss": float(np.mean(surprises[asked])),
        }

    def _tags(self, logs):
        return [self.labels[number] for number in logs.argmax(axis=-1)]


def split_at(texts, spans):
    """The words of texts that stand at (start, end), strings ragged [B, (words)]."""
    words = [text[a:b] for text, places in zip(texts, spans) for a, b in places]
    counts = np.array([len(places) for places in spans], np.int64)
    return tf.RaggedTensor.from_row_lengths(tf.constant(words, tf.string), counts)
