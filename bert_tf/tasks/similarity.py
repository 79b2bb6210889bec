"""Embeddings of sentences: close where the sentences are alike (Reimers and Gurevych, 2019).

Shapes: N records, B examples of a batch, P texts of a record (1, or 2 of a pair), H
hidden size.
"""

import dataclasses
import logging

import numpy as np

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.ground import lazy, one_of
from bert_tf.models import POOLINGS
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import TextOptions, option, remembered
from bert_tf.tasks.regression import correlation, read_numbers
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns
from bert_tf.tokenization.arrays import operations

ops = lazy("keras.ops")
stats = lazy("scipy.stats")
embedding = lazy("bert_tf.models.embedding")

_log = logging.getLogger(__name__)

LOSSES = ("cosine", "negatives")
SCALE = 20.0  # Of cosines before the softmax, as in sentence-transformers.
RECALLS = (1, 5, 10)


def read_pairs_or_texts(path, *, with_labels=True, columns=None, **options):
    """Reads as `read_table`; a model trained on pairs embeds single texts, too."""
    options |= {"with_labels": with_labels}
    try:
        return read_table(path, columns=columns, **options)
    except ValueError:
        if with_labels or not columns:
            raise
    return read_table(path, **options)


def read_lines(lines, *, columns=None, id_column=None, source="standard input"):
    """Reads as `read_texts`: pairs if every line has a TAB, else texts."""
    lines = list(lines)
    pairs = lines and all((b"\t" if type(x) is bytes else "\t") in x for x in lines)
    columns = {role: role for role in ("text", "text_pair")} if pairs else None
    return read_texts(lines, columns=columns, id_column=id_column, source=source)


class Similarity(Task):
    """Two texts and how similar they are, or two texts that belong together.

    Args:
        tokenizer, options: as of `Task`.
        normalize: whether embeddings have length 1.
        scale: labels are divided by it.
    """

    name = "similarity"
    architecture = "BertModel"
    pipeline = "sentence-similarity"
    soft = "square"
    has_arrays = True
    read = staticmethod(read_pairs_or_texts)
    read_lines = staticmethod(read_lines)

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        pooling: str = option(
            "",
            "Vector of a text: mean of its tokens, cls (the first), or max (the largest "
            "of each value). Empty: as the model folder says, else mean.",
        )
        similarity_loss: str = option(
            "cosine",
            "cosine: squared error of cosine; negatives: pairs without labels.",
        )

        def __post_init__(self):
            super().__post_init__()
            one_of("pooling", self.pooling, ("", *POOLINGS))
            one_of("similarity_loss", self.similarity_loss, LOSSES)

    def __init__(self, tokenizer, options=None, *, normalize=True, scale=1.0):
        super().__init__(tokenizer, options)
        self.normalize = normalize
        self.scale = scale

    @property
    def pooling(self):
        return self.options.pooling or "mean"

    @property
    def couples_examples(self):
        return self.options.similarity_loss == "negatives"

    @property
    def metric(self):
        return self.metric_of(dataclasses.asdict(self.options))

    @classmethod
    def metric_of(cls, options):
        return "mrr" if options.get("similarity_loss") == "negatives" else "spearman"

    @classmethod
    def read_options(cls, options):
        with_labels = options.get("similarity_loss") != "negatives"
        return {"with_labels": with_labels, "number_labels": with_labels}

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
        """Takes over the pooling, unless one is given, and whether vectors have length 1."""
        settings = folder.settings
        given, pooling = self.options.pooling, remembered(settings, "pooling", str, "")
        if given and pooling and given != pooling:
            _log.warning("pooling is %s; the model had %s.", given, pooling)
        self.options = dataclasses.replace(self.options, pooling=given or pooling)
        self.normalize = remembered(settings, "normalize", bool, True)

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = super().restore(tokenizer, config, settings)
        task.normalize = remembered(settings, "normalize", bool, True)
        task.scale = remembered(settings, "scale", float, 1.0)
        return task

    def settings(self, scores):
        learnt = {"normalize": self.normalize, "scale": self.scale}
        return super().settings(scores) | {"pooling": self.pooling, **learnt}

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `label`, float32 [N], if labelled."""
        columns = text_columns(table)
        if is_labelled(table):
            columns["label"] = np.array(read_numbers(table), np.float32) / self.scale
        return columns

    def features(self, columns):
        """Frames B·P texts; `texts`, int32 [B, P], are those of each record."""
        sides = [columns[name] for name in ("text", "text_pair") if name in columns]
        xp = operations(sides[0])
        texts = xp.reshape(xp.stack(sides, axis=1), [-1])
        example = super().features({"text": texts})
        numbers = xp.range(xp.size(texts), dtype=xp.int32)
        example["texts"] = xp.reshape(numbers, [-1, len(sides)])
        # Pairs without labels all count as alike.
        count = xp.shape(columns["text"])[:1]
        example["label"] = columns.get("label", xp.ones(count, xp.float32))
        return example

    def build(self, backbone):
        return embedding.Embedder(
            backbone, pooling=self.pooling, normalize=self.normalize
        )

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, outputs):
        first, second = _unit_sides(outputs)
        if self.options.similarity_loss == "cosine":
            cosines = ops.sum(first * second, axis=-1)
            return {self.name: ops.square(cosines - rows["label"])}
        logits = SCALE * ops.matmul(first, ops.transpose(second))  # [B, B]
        if "weight" in rows:  # Padding is no negative of others.
            logits = ops.where(rows["weight"] > 0, logits, -1e9)
        own = ops.diagonal(logits)
        return {self.name: ops.logsumexp(logits, axis=-1) - own}

    def soft_outputs(self, rows, outputs):
        """Cosines, since a teacher's embeddings may be wider than its student's."""
        first, second = _unit_sides(outputs)
        return {self.name: [ops.sum(first * second, axis=-1, keepdims=True)]}

    def label_blindly(self, record):
        return record | {"label": "0"}

    def predict(self, outputs, columns):
        """Returns `embedding`, [H] numbers, of each text; of pairs `similarity`, the cosine.

        Args:
            outputs: dict with `embeddings`, float32 [N, P, H].
        """
        embeddings = outputs["embeddings"]
        if embeddings.shape[1] == 1:
            return [{"embedding": row} for row in embeddings[:, 0].tolist()]
        return [{"similarity": cosine} for cosine in _cosines(embeddings).tolist()]

    def arrays(self, predictions):
        """Returns `embedding`, float32 [N, H], or `similarity`, float32 [N]."""
        return {
            name: np.array([row[name] for row in predictions], np.float32)
            for name in predictions[0]
        }

    def score(self, columns, outputs):
        """Compares cosines with labels; or searches each first text's own second text.

        Returns:
            with labels `spearman`, of ranks, `pearson`, and `loss`, the mean squared
            difference; without labels `mrr`, the mean of 1 / the rank of the own second
            text among all of them, and `recall_at_1`, `_5` and `_10`, how often it is
            among the first 1, 5 or 10.
        """
        embeddings = outputs["embeddings"]
        if "label" in columns:
            truth = columns["label"].astype(np.float64)
            cosines = _cosines(embeddings).astype(np.float64)
            return {
                "spearman": correlation(stats.spearmanr, truth, cosines),
                "pearson": correlation(stats.pearsonr, truth, cosines),
                "loss": float(np.mean(np.square(cosines - truth))),
            }
        ranks = _ranks(*np.moveaxis(unit_length(embeddings), 1, 0))
        recalls = {f"recall_at_{k}": float(np.mean(ranks <= k)) for k in RECALLS}
        return {"mrr": float(np.mean(1 / ranks)), **recalls}


def _unit_sides(outputs):
    """Returns the embeddings of the first and of the second texts, of length 1, [B, H]."""
    embeddings = outputs["embeddings"]
    return [embedding.unit_length(embeddings[:, side]) for side in range(2)]


def unit_length(embeddings):
    """Scales embeddings, NumPy arrays [..., H], to length 1."""
    length = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def _cosines(embeddings):
    return np.prod(unit_length(embeddings), axis=1).sum(axis=-1)


def _ranks(firsts, seconds, batch_size=1024):
    """Returns the rank, from 1, of each first text's own second text among all of them."""
    ranks = []
    for begin in range(0, len(firsts), batch_size):
        cosines = firsts[begin : begin + batch_size] @ seconds.T
        places = np.arange(len(cosines))
        own = cosines[places, begin + places]
        ranks.append((cosines > own[:, None]).sum(axis=1) + 1)
    return np.concatenate(ranks)
