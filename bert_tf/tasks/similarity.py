"""Embeddings of sentences: near where the sentences are alike (Reimers and Gurevych, 2019).

Shapes: N records, B examples of a batch, P texts of a record (1, or 2 of a pair), H
hidden size.
"""

import numpy as np
import tensorflow as tf
from keras import ops
from scipy import stats

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.long_texts import check_long_text, frame_long
from bert_tf.models.finetuning import POOLINGS, Embedder, unit
from bert_tf.tasks.regression import correlation, read_numbers
from bert_tf.tasks.texts import example_weights, has_labels, text_columns

LOSSES = ("cosine", "negatives")
SCALE = 20.0  # Of cosines before softmax, as sentence-transformers has it.
RECALLS = (1, 5, 10)


def read_pairs_or_texts(path, *, with_labels=True, columns=None, **options):
    """Reads as `read_table`; a model that learnt from pairs embeds single texts, too."""
    options |= {"with_labels": with_labels}
    try:
        return read_table(path, columns=columns, **options)
    except ValueError:
        if with_labels or not columns:
            raise
    return read_table(path, **options)


def read_lines(lines, *, columns=None, source="standard input"):
    """Reads as `read_texts`: pairs where every line has a TAB, else texts."""
    lines = list(lines)
    pairs = lines and all((b"\t" if type(x) is bytes else "\t") in x for x in lines)
    columns = {role: role for role in ("text", "text_pair")} if pairs else None
    return read_texts(lines, columns=columns, source=source)


class Similarity:
    """Two texts and how alike they are, or two texts that belong together.

    Args:
        tokenizer: `BertTokenizer`.
        max_seq_length: pieces of a text, special ones included.
        long_text: what happens to the rest: "truncate", "head_tail" or "windows", see
            `frame_long`.
        pooling: "mean" of all tokens, or "cls", the first one's state.
        normalize: whether embeddings have length 1.
        similarity_loss: "cosine", the squared difference of the cosine and the label;
            or "negatives", softmax over the pairs of a batch: each text's own second is
            right, those of others are wrong (Henderson et al., 2017).
        scale: what labels are divided by.
    """

    name = "similarity"
    architecture = "BertModel"
    problem_type = None
    pipeline = "sentence-similarity"
    options = ("long_text", "pooling", "similarity_loss")
    read = staticmethod(read_pairs_or_texts)
    read_lines = staticmethod(read_lines)

    def __init__(
        self,
        tokenizer,
        *,
        max_seq_length,
        long_text="",
        pooling="mean",
        normalize=True,
        similarity_loss="cosine",
        scale=1.0,
    ):
        if pooling not in POOLINGS:
            raise ValueError(
                f"pooling must be one of {', '.join(POOLINGS)}; received {pooling!r}."
            )
        if similarity_loss not in LOSSES:
            raise ValueError(
                f"similarity_loss must be one of {', '.join(LOSSES)}; received "
                f"{similarity_loss!r}."
            )
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)
        self.pooling = pooling
        self.normalize = normalize
        self.similarity_loss = similarity_loss
        self.scale = scale

    # Softmax over a batch hangs on what else is in it.
    @property
    def couples_examples(self):
        return self.similarity_loss == "negatives"

    @property
    def metric(self):
        return self.metric_of({"similarity_loss": self.similarity_loss})

    @classmethod
    def metric_of(cls, options):
        return "mrr" if options.get("similarity_loss") == "negatives" else "spearman"

    @classmethod
    def read_options(cls, options):
        return {"with_labels": options.get("similarity_loss") != "negatives"}

    @classmethod
    def learn(
        cls, tokenizer, table, *, max_seq_length, pooling, similarity_loss, long_text=""
    ):
        """Labels above 1 are divided by the highest: 0 to 5 becomes 0 to 1.

        Raises:
            ValueError: single texts; all labels are the same; an option is wrong.
        """
        if "text_pair" not in table.records[0]:
            raise ValueError(
                f"{table.path}: similarity is learnt from pairs of texts, and these are "
                "single; name the second's column by text_pair_column."
            )
        options = {"pooling": pooling or "mean", "long_text": long_text}
        if similarity_loss != "negatives":
            numbers = read_numbers(table)
            if len(set(numbers)) < 2:
                raise ValueError(
                    f"{table.path}: every pair has the label {numbers[0]:g}; there is "
                    "nothing to learn. For pairs that all belong together, pass "
                    "--similarity_loss=negatives."
                )
            options["scale"] = max(1.0, *map(abs, numbers))
        return cls(
            tokenizer,
            max_seq_length=max_seq_length,
            similarity_loss=similarity_loss or "cosine",
            **options,
        )

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        names = ("long_text", "pooling", "normalize", "similarity_loss", "scale")
        kept = {name: settings[name] for name in names if name in settings}
        return cls(tokenizer, max_seq_length=max_seq_length, **kept)

    def describe(self):
        return {}

    def settings(self, scores):
        return {
            "long_text": self.long_text,
            "pooling": self.pooling,
            "normalize": self.normalize,
            "similarity_loss": self.similarity_loss,
            "scale": self.scale,
        }

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], perhaps `label`, float32 [N]."""
        columns = text_columns(table)
        if has_labels(table):
            columns["label"] = np.array(read_numbers(table), np.float32) / self.scale
        return columns

    def features(self, columns):
        """Frames B·P texts, the two of a pair one after the other."""
        texts = [columns[name] for name in ("text", "text_pair") if name in columns]
        example = frame_long(
            [self.tokenizer.tokenize(tf.reshape(tf.stack(texts, axis=1), [-1]))],
            long_text=self.long_text,
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        example["num_texts"] = tf.constant(len(texts))
        # Pairs without a label are all right.
        count = tf.shape(columns["text"])[:1]
        example["label"] = columns.get("label", tf.ones(count))
        return example

    def build(self, backbone):
        return Embedder(backbone, pooling=self.pooling, normalize=self.normalize)

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, embeddings):
        first, second = (unit(embeddings[:, side]) for side in range(2))
        if self.similarity_loss == "cosine":
            cosines = ops.sum(first * second, axis=-1)
            return {self.name: ops.square(cosines - rows["label"])}
        logits = SCALE * ops.matmul(first, ops.transpose(second))  # [B, B]
        own = ops.diagonal(logits)
        return {self.name: ops.logsumexp(logits, axis=-1) - own}

    def predict(self, embeddings, columns=None):
        """Returns `embedding`, [H] numbers, for each text; of pairs `similarity`.

        The last is the cosine of the two.

        Args:
            embeddings: float32 [N, P, H].
        """
        if embeddings.shape[1] == 1:
            return [{"embedding": row} for row in embeddings[:, 0].tolist()]
        return [{"similarity": cosine} for cosine in _cosines(embeddings).tolist()]

    def arrays(self, answers):
        """Returns {name: float32 array} of the answers of `predict`, for a .npz file."""
        return {
            name: np.array([answer[name] for answer in answers], np.float32)
            for name in answers[0]
        }

    def score(self, columns, embeddings):
        """Compares cosines with labels; or looks each text's own second up.

        Returns:
            with labels `spearman`, of ranks, `pearson`, and `loss`, the mean squared
            difference; without `mrr`, the mean of 1 / the rank of the own second among
            all of them, and `recall_at_1`, `_5` and `_10`, how often it is among the
            first so many.
        """
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


def unit_length(embeddings):
    """Embeddings of length 1, NumPy arrays of any shape with H last."""
    length = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def _cosines(embeddings):
    return np.prod(unit_length(embeddings), axis=1).sum(axis=-1)


def _ranks(firsts, seconds, at_once=1024):
    """The rank, from 1, of each first's own second among all seconds."""
    ranks = []
    for begin in range(0, len(firsts), at_once):
        cosines = firsts[begin : begin + at_once] @ seconds.T
        places = np.arange(len(cosines))
        own = cosines[places, begin + places]
        ranks.append((cosines > own[:, None]).sum(axis=1) + 1)
    return np.concatenate(ranks)
