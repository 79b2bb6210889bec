"""One of several choices after a text (Devlin et al., 2019, 4.4).

Shapes: N questions, B of a batch, C choices of one.
"""

import keras
import numpy as np
import tensorflow as tf

from bert_tf.data.records.choices import read_choice_lines, read_choices
from bert_tf.data.rows.long_texts import check_long_text, frame_long
from bert_tf.models.finetuning import ChoiceScorer
from bert_tf.tasks.classification import log_softmax
from bert_tf.tasks.texts import example_weights


class MultipleChoice:
    """Each choice makes a pair with the text; a number for each, the highest wins.

    Args:
        tokenizer: `BertTokenizer`.
        max_seq_length: pieces of text and choice, special ones included.
        long_text: what happens to the rest: "truncate", "head_tail" or "windows", see
            `frame_long`.
    """

    name = "multiple_choice"
    architecture = "BertForMultipleChoice"
    problem_type = None
    pipeline = "multiple-choice"
    metric = "accuracy"
    options = ("long_text",)
    read = staticmethod(read_choices)
    read_lines = staticmethod(read_choice_lines)

    def __init__(self, tokenizer, *, max_seq_length, long_text=""):
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)

    @classmethod
    def learn(cls, tokenizer, table, *, max_seq_length, long_text=""):
        return cls(tokenizer, max_seq_length=max_seq_length, long_text=long_text)

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        long_text = settings.get("long_text", "")
        return cls(tokenizer, max_seq_length=max_seq_length, long_text=long_text)

    def describe(self):
        return {}

    def settings(self, scores):
        return {"long_text": self.long_text}

    def columns(self, table):
        """Returns `text` [N], `choices` [N, C] and perhaps `label`, int32 [N]."""
        records = table.records
        columns = {
            "text": np.array([record["text"] for record in records], dtype=object),
            "choices": np.array(
                [record["choices"] for record in records], dtype=object
            ),
        }
        if "label" in records[0]:
            labels = [record["label"] for record in records]
            columns["label"] = np.array(labels, np.int32)
        return columns

    def features(self, columns):
        """Frames B·C pairs, the choices of a question one after the other."""
        choices = columns["choices"]
        width = tf.shape(choices)[1]
        texts = [tf.repeat(columns["text"], width), tf.reshape(choices, [-1])]
        example = frame_long(
            [self.tokenizer.tokenize(strings) for strings in texts],
            long_text=self.long_text,
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        example["num_choices"] = width
        if "label" in columns:
            example["label"] = columns["label"]
        return example

    def build(self, backbone):
        return ChoiceScorer(backbone)

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, logits):
        return {
            self.name: keras.losses.sparse_categorical_crossentropy(
                rows["label"], logits, from_logits=True
            )
        }

    def predict(self, logits, columns):
        """Returns `choice`, its text, and `scores`, the probability of each, in order."""
        return [
            {"choice": choices[int(np.argmax(row))], "scores": np.exp(row).tolist()}
            for choices, row in zip(columns["choices"], log_softmax(logits))
        ]

    def hits(self, columns, logits):
        """Returns float [N], 1 where the answer is right; their mean is `metric`."""
        return (columns["label"] == np.argmax(logits, axis=-1)).astype(float)

    def score(self, columns, logits):
        """Returns `accuracy` and `loss` (mean, in nats) of logits, float [N, C]."""
        truth = columns["label"]
        surprises = -log_softmax(logits)[np.arange(len(truth)), truth]
        return {
            "accuracy": float(self.hits(columns, logits).mean()),
            "loss": float(np.mean(surprises)),
        }
