"""Labels that no training has seen, by a model of entailment (Yin et al., 2019).

A text is the premise, and each label makes a hypothesis, such as "This example is sport.".
The label whose hypothesis follows most clearly from the text is predicted.

Shapes: N records, W = N·L pairs of a text and a hypothesis, L labels to choose from, C labels
of the model of entailment.
"""

import dataclasses

import numpy as np

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.ground import quote, quote_all
from bert_tf.tasks.base import Task
from bert_tf.tasks.classification import Classification
from bert_tf.tasks.options import TextOptions, kept, option
from bert_tf.tasks.probabilities import sigmoid, softmax
from bert_tf.tasks.texts import objects, text_columns

_PLACE = "{}"  # Of the label, in the template.


def read_single_texts(path, *, columns=None, **options):
    """Reads a table; the columns of the pairs that the model was trained on do not matter."""
    return read_table(path, **options)


def read_single_lines(lines, *, columns=None, **options):
    """Reads lines, each a text; see `read_single_texts`."""
    return read_texts(lines, columns=None, **options)


class ZeroShot(Task):
    """One label out of those that are given with the texts.

    Args:
        tokenizer, options: as of `Task`.
        classifier: `Classification` of pairs, one of whose labels is entailment.

    Attributes:
        hypotheses: a sentence for each label.

    Raises:
        ValueError: there are no labels, or one occurs twice; the template has no place
            for them; the classifier's labels do not say what entailment is.
    """

    name = "zero_shot"
    pipeline = "zero-shot-classification"
    scored = False
    example_inputs = ("text", "text_pair")
    read = staticmethod(read_single_texts)
    read_lines = staticmethod(read_single_lines)

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        labels: str = option(
            "",
            "Labels to choose from, separated by commas: sport,politics.",
            use="prediction",
        )
        hypothesis_template: str = option(
            "This example is {}.",
            "Sentence that a label makes in the place of {}.",
            use="prediction",
        )
        multi_label_scores: bool = option(
            False,
            "Score each label by itself, entailment against contradiction.",
            use="prediction",
        )

    def __init__(self, tokenizer, options=None, *, classifier):
        labels = [label.strip() for label in options.labels.split(",")]
        super().__init__(tokenizer, options, labels=_check_labels(labels))
        self.hypotheses = _fill(options.hypothesis_template, self.labels)
        self.classifier = classifier
        self.entailment = _find_label("entail", classifier.labels)
        if self.entailment is None:
            raise ValueError(
                "zero_shot needs a model of entailment, one of whose labels is called "
                f"entailment; received {quote_all(classifier.labels)}. Choose another "
                "model; if it is one of entailment, write the names of its labels under "
                "id2label in its config.json."
            )
        self.contradiction = None
        if self.scores_alone:
            self.contradiction = self._find_contradiction()

    @property
    def scores_alone(self):
        """Whether the score of a label does not depend on the others."""
        return self.options.multi_label_scores or len(self.labels) == 1

    @classmethod
    def restore(cls, tokenizer, config, settings):
        # An export remembers the task that it was made for.
        trained = settings.get("task", Classification.name)
        kinds = config.extra.get("architectures") or [cls.architecture]
        if trained not in (Classification.name, cls.name):
            kinds = [trained]
        if cls.architecture not in kinds:
            raise ValueError(
                "zero_shot needs a classifier of pairs, one of whose labels is "
                f"entailment; the folder holds a model of {', '.join(kinds)}. Choose "
                "another one."
            )
        options = cls.Options(**kept(cls.Options, settings))
        classifier = Classification.restore(tokenizer, config, settings)
        return cls(tokenizer, options, classifier=classifier)

    def columns(self, table):
        """Returns `text` [N].

        Raises:
            ValueError: pairs of texts; an empty text. Names file and line.
        """
        columns = text_columns(table)
        if "text_pair" in columns:
            raise ValueError(
                f"{table.path}: zero_shot reads single texts, but the records are pairs. "
                "Give one text a record, or name its column with text_column."
            )
        for number, text in enumerate(columns["text"]):
            if not text.strip():
                raise ValueError(
                    f"{table.where(number)}: the text is empty, so nothing follows from "
                    "it. Drop the record, or give a text."
                )
        return columns

    def examples(self, columns):
        """Returns a pair for each text and hypothesis: `text`, `text_pair`, objects [W]."""
        count = len(self.hypotheses)
        return {
            "text": np.repeat(columns["text"], count),
            "text_pair": objects(self.hypotheses * len(columns["text"])),
        }

    def build(self, backbone):
        return self.classifier.build(backbone)

    def collect(self, columns, examples, outputs):
        """Returns `logits`, [N, L, C]."""
        logits = outputs["logits"]
        return {"logits": logits.reshape(-1, len(self.labels), logits.shape[-1])}

    def weigh(self, logits):
        """Returns the logits of labels, [N, L], of those of pairs, array or tensor [N, L, C].

        They go through a softmax or, if `scores_alone`, each through a sigmoid: that is the
        softmax over entailment and contradiction.
        """
        weighed = logits[..., self.entailment]
        if self.scores_alone:
            weighed = weighed - logits[..., self.contradiction]
        return weighed

    def predict(self, outputs, columns):
        """Returns `label` and `scores`, {label: probability}, of each record.

        Args:
            outputs: as `collect` returns them.
        """
        weighed = self.weigh(outputs["logits"].astype(np.float64))
        scores = sigmoid(weighed) if self.scores_alone else softmax(weighed)
        return [
            {
                "label": self.labels[int(np.argmax(row))],
                "scores": dict(zip(self.labels, row.tolist())),
            }
            for row in scores
        ]

    as_rows = Classification.as_rows

    def _find_contradiction(self):
        """Returns the id of the label to compare entailment with.

        Of two labels it is the other one, such as GLUE's not_entailment.
        """
        labels = self.classifier.labels
        if len(labels) == 2:
            return 1 - self.entailment
        contradiction = _find_label("contradict", labels)
        if contradiction is None:
            raise ValueError(
                "scores of single labels compare entailment with contradiction, but the "
                f"model's labels are {quote_all(labels)}. Give several labels without "
                "multi_label_scores, or choose another model."
            )
        return contradiction


def _find_label(beginning, labels):
    """Returns the id of the only label with this beginning, or None; case does not matter."""
    ids = [n for n, label in enumerate(labels) if label.lower().startswith(beginning)]
    return ids[0] if len(ids) == 1 else None


def _check_labels(labels):
    """Returns labels, of which none is empty and none occurs twice."""
    if not all(labels):
        raise ValueError(
            f"labels must name what zero_shot chooses from; received {quote_all(labels)}. "
            "Pass them with commas between, such as --labels=sport,politics."
        )
    for number, label in enumerate(labels):
        if label in labels[:number]:
            raise ValueError(f"labels names {quote(label)} twice; drop one.")
    return labels


def _fill(template, labels):
    """Returns the hypothesis of each label."""
    if _PLACE not in template:
        raise ValueError(
            f"hypothesis_template must have {_PLACE}, where the label stands; received "
            f'{quote(template)}. Try "This example is {_PLACE}."'
        )
    return [template.replace(_PLACE, label) for label in labels]
