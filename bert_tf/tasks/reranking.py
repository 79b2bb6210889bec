"""Scores of passages for a query, read together as pairs (Nogueira and Cho, 2019).

The model is a classifier with one label, such as the cross-encoders of
sentence-transformers. Its loss is either the binary cross-entropy of each pair, or the
cross-entropy of a softmax over the passages of a query (Cao et al., 2007, "Learning to Rank:
From Pairwise Approach to Listwise Approach").

Shapes: N queries, B of a batch, W pairs of all queries, P the most passages of a query.
"""

import dataclasses

import numpy as np

from bert_tf.data.records.rankings import (
    check_lists,
    read_ranking_lines,
    read_rankings,
)
from bert_tf.ground import count, lazy, one_of, quote_all
from bert_tf.models.labels import describe_labels
from bert_tf.tasks.base import Task
from bert_tf.tasks.metrics.ranking import (
    judge_ranking,
    mean_list_loss,
    mean_pair_loss,
)
from bert_tf.tasks.options import TextOptions, option, remembered
from bert_tf.tasks.probabilities import sigmoid
from bert_tf.tasks.rows import choose_stream, make_ragged
from bert_tf.tasks.texts import example_weights, objects
from bert_tf.tokenization.arrays import operations

ops = lazy("keras.ops")
finetuning = lazy("bert_tf.models.finetuning")

LOSSES = ("pairwise", "listwise")
ACTIVATIONS = ("sigmoid", "identity")


class Reranking(Task):
    """A query and its passages, a score for each.

    An example is a pair of the query and a passage. Predictions read pairs of any
    queries side by side; the listwise loss needs all passages of a query in one batch, so
    its batches are of queries.

    Args:
        tokenizer, options: as of `Task`.
        scale: grades are divided by it to become targets of the pairwise loss.
    """

    name = "reranking"
    pipeline = "text-ranking"
    metric = "ndcg_at_10"
    soft = "square"
    card_record = '{"query": "…", "passages": ["…", "…"]}'
    read = staticmethod(read_rankings)
    read_lines = staticmethod(read_ranking_lines)

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        ranking_loss: str = option(
            "", "pairwise or listwise. Empty: as train_file holds pairs or lists."
        )
        activation: str = option(
            "",
            "Of scores: sigmoid or identity. Empty: as the model, else sigmoid.",
            use="both",
        )

        def __post_init__(self):
            super().__post_init__()
            one_of("ranking_loss", self.ranking_loss, ("", *LOSSES))
            one_of("activation", self.activation, ("", *ACTIVATIONS))

    def __init__(self, tokenizer, options=None, *, scale=1.0):
        super().__init__(tokenizer, options)
        self.scale = scale

    @property
    def listwise(self):
        return self.options.ranking_loss == "listwise"

    @property
    def activation(self):
        return self.options.activation or "sigmoid"

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Chooses the loss, and finds the scale of the grades.

        Raises:
            ValueError: no query has passages of different grades; the listwise loss, and a
                query without a positive passage.
        """
        if not options.ranking_loss:
            loss = "pairwise" if "text_pair" in table.columns else "listwise"
            options = dataclasses.replace(options, ranking_loss=loss)
        every = {grade for record in table.records for grade in record["labels"]}
        if options.ranking_loss == "pairwise" and len(every) < 2:
            raise ValueError(
                f"{table.path}: every passage has the label {min(every):g}; there is "
                "nothing to learn. Add passages that do not answer their query, with 0."
            )
        if options.ranking_loss == "listwise":
            check_lists(table)
        return cls(tokenizer, options, scale=max(1.0, *every))

    def inherit(self, folder, table):
        """Takes over the activation, unless one is given."""
        known = remembered(folder.settings, "activation", str, "")
        activation = self.options.activation or known
        self.options = dataclasses.replace(self.options, activation=activation)

    @classmethod
    def restore(cls, tokenizer, config, settings):
        labels = config.extra.get("id2label") or {}
        if len(labels) > 1:
            raise ValueError(
                f"the folder's head has {count(len(labels), 'label')} "
                f"({quote_all(labels.values())}), but reranking needs a single score; "
                "pass --task=classification, or fine-tune the model for reranking."
            )
        task = super().restore(tokenizer, config, settings)
        task.scale = remembered(settings, "scale", float, 1.0)
        return task

    def settings(self, scores):
        learnt = {"activation": self.activation, "scale": self.scale}
        return super().settings(scores) | learnt

    def describe(self):
        # transformers counts the labels to find the number of outputs.
        return describe_labels(["LABEL_0"])

    def columns(self, table):
        """Returns `text` and `passages`, objects [N], and, if labelled, `labels`.

        `labels` has the grades of a query's passages, float64 arrays.
        """
        records = table.records
        columns = {
            name: objects([record[name] for record in records])
            for name in ("text", "passages")
        }
        if records and "labels" in records[0]:
            grades = [np.array(record["labels"], float) for record in records]
            columns["labels"] = objects(grades)
        return columns

    def examples(self, columns):
        """Returns a pair for each passage: `text`, `text_pair`, objects [W].

        Beside them, `record`, int32 [W], is the number of the query; with labels, `label`,
        float32 [W], is the grade on a scale from 0 to 1.
        """
        lengths = [len(passages) for passages in columns["passages"]]
        record = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        passages = [text for own in columns["passages"] for text in own]
        examples = {
            "text": columns["text"][record],
            "text_pair": objects(passages),
            "record": record,
        }
        if "labels" in columns:
            grades = np.concatenate([*columns["labels"], np.zeros(0)])
            examples["label"] = (grades / self.scale).astype(np.float32)
        return examples

    def steps_per_epoch(self, examples, **plan):
        if self.listwise:
            examples = _group(examples)
        return super().steps_per_epoch(examples, **plan)

    def training_rows(self, examples, **plan):
        """Streams packed micro-batches, of pairs or, for the listwise loss, of queries."""
        if not self.listwise:
            return super().training_rows(examples, **plan)
        stream = choose_stream("training_rows", *self.options.longest)
        return stream(_group(examples), self.frame_lists, **plan)

    def frame_lists(self, columns):
        """Frames all pairs of B queries.

        Args:
            columns: {name: ragged [B, (passages)]} of `examples`.

        Returns:
            `features` of all pairs, and `lists`, int32 [B, P], which of them are of each
            query; -1 where a query has fewer than P.
        """
        flat = {name: ragged.values for name, ragged in columns.items()}
        xp = operations(flat["text"])
        numbers = xp.range(xp.size(flat["text"]), dtype=xp.int32)
        lists = columns["text"].with_values(numbers).to_tensor(-1)
        return self.features(flat) | {"lists": lists}

    def build(self, backbone):
        return finetuning.Classifier(backbone, 1)

    def weights(self, rows):
        """1 for each pair; of rows with `lists`, for each query."""
        if "lists" in rows:
            is_list = ops.any(ops.convert_to_tensor(rows["lists"]) >= 0, axis=1)
            return {self.name: ops.cast(is_list, "float32")}
        return self.soft_weights(rows)

    def soft_weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, outputs):
        """Cross-entropies of pairs [W]; of rows with `lists`, those of queries [B].

        The target of a list is its grades, divided by their sum. With one positive passage
        this is the cross-entropy of its softmax.
        """
        logits, grades = outputs["logits"][:, 0], rows["label"]
        if "lists" not in rows:
            return {self.name: ops.softplus(logits) - grades * logits}
        lists = ops.convert_to_tensor(rows["lists"])
        places, is_pair = ops.maximum(lists, 0), lists >= 0
        logits = ops.where(is_pair, ops.take(logits, places), -1e9)
        grades = ops.where(is_pair, ops.take(grades, places), 0.0)
        totals = ops.maximum(ops.sum(grades, axis=-1, keepdims=True), 1e-9)
        logs = ops.log_softmax(logits, axis=-1)
        return {self.name: -ops.sum(grades / totals * logs, axis=-1)}

    def label_blindly(self, record):
        if self.listwise:
            raise ValueError(
                "passages without labels have no place in the listwise loss; pass "
                "--ranking_loss=pairwise to add them by transfer_file."
            )
        return record | {"labels": [0.0] * len(record["passages"])}

    def collect(self, columns, examples, outputs):
        """Returns `logits`, objects [N]: float64 arrays, the outputs of each query's pairs."""
        logits = np.reshape(outputs["logits"], -1).astype(np.float64)
        ends = np.cumsum([len(passages) for passages in columns["passages"]])
        return {"logits": objects(np.split(logits, ends[:-1]))}

    def predict(self, outputs, columns):
        """Returns `ranking`: `index` and `score` of all passages, the best first.

        Of equal passages the first comes first.

        Args:
            outputs: as `collect` returns them.
        """
        rankings = []
        for logits in outputs["logits"]:
            scores = sigmoid(logits) if self.activation == "sigmoid" else logits
            # By logits, since scores near 1 may be equal although logits differ.
            order = np.argsort(-logits, kind="stable").tolist()
            rankings.append([{"index": n, "score": float(scores[n])} for n in order])
        return [{"ranking": ranking} for ranking in rankings]

    def as_rows(self, predictions):
        """Adds `index` and `score` of the best passage."""
        return [row | row["ranking"][0] for row in predictions]

    def hits(self, columns, outputs):
        """Returns float [N]: the nDCG of each query that has a positive passage."""
        return np.array([own[self.metric] for own in self._judge(columns, outputs)])

    def score(self, columns, outputs):
        """Returns the means over the queries that have a positive passage.

        Returns:
            dict with `ndcg_at_10`, `mrr_at_10` and `map`, see `judge_ranking`; and `loss`,
            in nats, the mean over pairs or, if listwise, over these queries.
        """
        judged = self._judge(columns, outputs)
        means = {name: float(np.mean([x[name] for x in judged])) for name in judged[0]}
        mean_loss = mean_list_loss if self.listwise else mean_pair_loss
        targets = columns["labels"] / self.scale
        return means | {"loss": mean_loss(outputs["logits"], targets)}

    def _judge(self, columns, outputs):
        return [
            judge_ranking(logits, grades)
            for logits, grades in zip(outputs["logits"], columns["labels"])
            if grades.any()
        ]


def _group(examples):
    """Returns the pairs of each query, {name: ragged [N, (passages)]}."""
    lengths = np.bincount(examples["record"])
    names = examples.keys() & {"text", "text_pair", "label"}
    return {name: make_ragged(examples[name], lengths) for name in sorted(names)}
