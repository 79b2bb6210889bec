"""Embeddings of sentences: close where the sentences are alike (Reimers and Gurevych, 2019).

Shapes: N records, B examples of a batch, P texts of a record (1; 2 of a pair; 2 + K with K
negatives), D numbers of an embedding.
"""

import dataclasses
import logging

import numpy as np

from bert_tf.data.records.pairs_or_texts import read_lines, read_pairs_or_texts
from bert_tf.ground import lazy
from bert_tf.models import check_dense
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import remembered
from bert_tf.tasks.prompts import Prompts
from bert_tf.tasks.regression import read_numbers
from bert_tf.tasks.similarity_losses import LOSSES, mean_over_widths, unit_sides
from bert_tf.tasks.similarity_options import SimilarityOptions
from bert_tf.tasks.similarity_scores import cosines_of, score_labels, score_search
from bert_tf.tasks.similarity_teaching import as_rankings, ranking_logits
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns
from bert_tf.tokenization.arrays import operations

ops = lazy("keras.ops")
embedding = lazy("bert_tf.models.embedding")

_log = logging.getLogger(__name__)


class Similarity(Task):
    """Two texts and how similar they are, or two texts that belong together.

    Args:
        tokenizer, options: as of `Task`.
        normalize: whether embeddings have length 1.
        scale: labels are divided by it.
        dense: layers after the pooling, as of `Embedder`.
        prompts: `Prompts`.
    """

    Options = SimilarityOptions
    name = "similarity"
    architecture = "BertModel"
    pipeline = "sentence-similarity"
    soft = "square"
    ranked_by = "reranking"
    has_arrays = True
    read = staticmethod(read_pairs_or_texts)
    read_lines = staticmethod(read_lines)
    as_rankings = staticmethod(as_rankings)

    def __init__(
        self,
        tokenizer,
        options=None,
        *,
        normalize=True,
        scale=1.0,
        dense=(),
        prompts=None,
    ):
        super().__init__(tokenizer, options)
        self.normalize = normalize
        self.scale = scale
        self.dense = list(dense)
        self.prompts = prompts or Prompts()

    @property
    def pooling(self):
        return self.options.pooling or "mean"

    @property
    def prompt(self):
        """The text before single texts."""
        (prompt,) = self.prompts.choose(self.options.prompt_name, 1)
        return prompt

    @property
    def couples_examples(self):
        return "embeddings" if self.options.similarity_loss == "negatives" else ""

    @property
    def metric(self):
        return self.metric_of(dataclasses.asdict(self.options))

    @classmethod
    def metric_of(cls, options):
        return "mrr" if options.get("similarity_loss") == "negatives" else "spearman"

    @classmethod
    def read_options(cls, options):
        with_labels = options.get("similarity_loss") != "negatives"
        return {
            "with_labels": with_labels,
            "number_labels": with_labels,
            "triplets": not with_labels,
        }

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Finds the scale: labels above 1 are divided by the highest (0 to 5 becomes 0 to 1).

        Raises:
            ValueError: single texts; all labels are the same; an option is wrong.
        """
        if "text_pair" not in table.records[0]:
            raise ValueError(
                f"{table.path}: similarity is learnt from pairs of texts, but each "
                "record has a single text; name the second text's column with "
                "text_pair_column."
            )
        if options.similarity_loss == "negatives":
            return cls(tokenizer, options)
        numbers = read_numbers(table)
        if len(set(numbers)) < 2:
            raise ValueError(
                f"{table.path}: every pair has the label {numbers[0]:g}; there is "
                "nothing to learn. If all pairs belong together, pass "
                "--similarity_loss=negatives."
            )
        return cls(tokenizer, options, scale=max(1.0, *map(abs, numbers)))

    def inherit(self, folder, table):
        """Takes over the folder's embedder and prompts, with the pooling unless one is given.

        Raises:
            ValueError: there is no such prompt; a width is larger than the embeddings.
        """
        settings = folder.settings
        given, pooling = self.options.pooling, remembered(settings, "pooling", str, "")
        if given and pooling and given != pooling:
            _log.warning("pooling is %s; the model had %s.", given, pooling)
        prompt_name = remembered(settings, "prompt_name", str, "")
        self.options = dataclasses.replace(
            self.options,
            pooling=given or pooling,
            prompt_name=self.options.prompt_name or prompt_name,
        )
        self._take_over(settings)
        width = folder.config.hidden_size * len(self.pooling.split(","))
        for entry in self.dense:
            width = entry["out_features"]
        for number in self.options.widths:
            if number > width:
                raise ValueError(
                    f"matryoshka_dims must be at most {width}, the numbers of an "
                    f"embedding; received {number}."
                )
        if any(prompts := self.prompts.choose(self.options.prompt_name, 2)):
            _log.info("first texts begin with %r, second ones with %r.", *prompts)

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = super().restore(tokenizer, config, settings)
        task._take_over(settings)
        task.scale = remembered(settings, "scale", float, 1.0)
        widths, dim = task.options.widths, task.options.dim
        if widths and dim and dim not in widths:
            raise ValueError(
                f"dim must be one of {', '.join(map(str, widths))}, for which the model "
                f"was trained, or 0 for all numbers; received {dim}."
            )
        return task

    def _take_over(self, settings):
        """Takes over what a model folder says of its embedder and its prompts."""
        self.normalize = remembered(settings, "normalize", bool, True)
        dense = remembered(settings, "dense", list, [])
        self.dense = check_dense(dense, "bert_tf in config.json")
        self.prompts = Prompts.restore(settings)
        self.prompts.choose(self.options.prompt_name, 2)

    def put_before(self, prompt_name):
        """Puts a prompt of the folder before all texts from now on; "" for none."""
        self.prompts = dataclasses.replace(self.prompts, default=prompt_name)
        self.options = dataclasses.replace(self.options, prompt_name="")

    def settings(self, scores):
        learnt = {"normalize": self.normalize, "scale": self.scale}
        learnt |= self.prompts.settings() | (
            {"dense": self.dense} if self.dense else {}
        )
        name = self.options.prompt_name
        if name in self.prompts.texts:  # Other programs then put it before texts, too.
            learnt["default_prompt_name"] = name
        return super().settings(scores) | {"pooling": self.pooling, **learnt}

    def columns(self, table):
        """Returns the texts of a table, behind their prompts, and its labels.

        Returns:
            dict with `text` [N]; of pairs `text_pair` [N]; `negatives` [N, K] if there
            are any; and `label`, float32 [N], if labelled.
        """
        columns = text_columns(table)
        if table.records and "negatives" in table.records[0]:
            rows = [record["negatives"] for record in table.records]
            columns["negatives"] = np.array(rows, dtype=object)
        prompts = self.prompts.choose(self.options.prompt_name, len(columns))
        for name, prompt in zip(columns, prompts):
            columns[name] = prompt + columns[name]
        if is_labelled(table):
            columns["label"] = np.array(read_numbers(table), np.float32) / self.scale
        return columns

    def features(self, columns):
        """Frames B·P texts; `texts`, int32 [B, P], are those of each record."""
        sides = [columns[name] for name in ("text", "text_pair") if name in columns]
        xp = operations(sides[0])
        texts = xp.stack(sides, axis=1)
        if "negatives" in columns:
            texts = xp.concat([texts, columns["negatives"]], axis=1)
        width = texts.shape[1]
        texts = xp.reshape(texts, [-1])
        example = super().features({"text": texts})
        numbers = xp.range(xp.size(texts), dtype=xp.int32)
        example["texts"] = xp.reshape(numbers, [-1, width])
        # Pairs without labels all count as alike.
        count = xp.shape(columns["text"])[:1]
        example["label"] = columns.get("label", xp.ones(count, xp.float32))
        return example

    def build(self, backbone):
        return embedding.Embedder(
            backbone,
            pooling=self.pooling,
            normalize=self.normalize,
            dense=self.dense,
            dim=self.options.dim,
        )

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, outputs):
        compute = LOSSES[self.options.similarity_loss]
        losses = mean_over_widths(
            compute, rows, outputs["embeddings"], self.options.widths
        )
        return {self.name: losses}

    def soft_outputs(self, rows, outputs):
        """Cosines, since a teacher's embeddings may be wider than its student's."""
        first, second = unit_sides(outputs["embeddings"])[:2]
        return {self.name: [ops.sum(first * second, axis=-1, keepdims=True)]}

    def ranking_logits(self, outputs):
        return ranking_logits(outputs["embeddings"], self.options.widths)

    def label_blindly(self, record):
        return record | {"label": "0"}

    def predict(self, outputs, columns):
        """Returns `embedding`, [D] numbers, of each text; of pairs `similarity`, the cosine.

        Args:
            outputs: dict with `embeddings`, float32 [N, P, D].
        """
        embeddings = outputs["embeddings"]
        if embeddings.shape[1] == 1:
            return [{"embedding": row} for row in embeddings[:, 0].tolist()]
        cosines = cosines_of(embeddings[:, :2])
        return [{"similarity": cosine} for cosine in cosines.tolist()]

    def arrays(self, predictions):
        """Returns `embedding`, float32 [N, D], or `similarity`, float32 [N]."""
        return {
            name: np.array([row[name] for row in predictions], np.float32)
            for name in predictions[0]
        }

    def score(self, columns, outputs):
        """Compares cosines with labels; or searches each first text's own second text.

        Returns:
            with labels the scores of `score_labels`, else those of `score_search`. The
            metric of the first 64 numbers, if they were trained, is called `mrr_64`.
        """
        embeddings = outputs["embeddings"]

        def measure(embeddings):
            if "label" in columns:
                return score_labels(embeddings, columns["label"])
            return score_search(embeddings)

        scores = measure(embeddings)
        metric = "spearman" if "label" in columns else "mrr"
        for width in self.options.widths:
            if width < embeddings.shape[-1]:
                scores[f"{metric}_{width}"] = measure(embeddings[..., :width])[metric]
        return scores
