"""An embedder that learns from the scores of rerankers, computed once before training.

A reranker reads a query and a passage together, the student each by itself, so they read
other rows; what the student can follow is how the teacher ranks the texts of a record. Two
losses compare that:

- `kl`: KL(teacher ‖ student) of softmaxes over the texts of a record (Lin et al., 2020,
  "Distilling Dense Representations for Ranking using Tightly-Coupled Teachers"), times T²
  at temperature T. DistillKLDivLoss of sentence-transformers computes the same.
- `margin`: the squared difference of margins (Margin-MSE), as MarginMSELoss there.

Both leave the level of a query's scores free. The published losses take dot products of
embeddings of any length. Ours have length 1, and a cosine could meet neither a margin of
logits, which may be 10 and more, nor a sharp softmax. So the logits of the student are 20
times its cosines, as in the loss of in-batch negatives: they may differ by up to 40.

Shapes: N records, B of a batch, A teachers, C texts of a record besides the first.
"""

import logging

import numpy as np

from bert_tf.compression import soft_losses
from bert_tf.ground import count
from bert_tf.tasks.rows import choose_stream
from bert_tf.tasks.wrapper import TaskWrapper

_log = logging.getLogger(__name__)

LOSSES = ("kl", "margin")


class RankingDistillation(TaskWrapper):
    """A student's task that learns from scores, too; what is not here is that of the task.

    Args:
        task: `Task` of the student, with `ranking_logits`.
        weighing: `Weighing`; its `alpha` and `temperature`.
        loss: of `LOSSES`.
        score: function(`Table` of rankings) → float32 [N, A, C].

    Example:
        The command, for triplets of a query, a positive and negatives::

            bert-tf distill --task=similarity --teacher=reranker --student=minilm \\
              --similarity_loss=negatives --train_file=triplets.jsonl --output_dir=student
    """

    def __init__(self, task, weighing, loss, score):
        super().__init__(task)
        self._weighing, self._loss, self._score = weighing, loss, score

    @property
    def couples_examples(self):
        """As of the task, unless its own loss has no part."""
        return self.task.couples_examples if self._weighing.alpha < 1 else ""

    def columns(self, table):
        """Returns the columns of the training records; `rankings` is what teachers read."""
        return self.task.columns(table) | {"rankings": self.task.as_rankings(table)}

    def examples(self, columns):
        """Returns the examples of the task; those to train on have `teacher_scores`."""
        columns = dict(columns)
        rankings = columns.pop("rankings", None)
        examples = self.task.examples(columns)
        if rankings is None:
            return examples
        scores = self._score(rankings)
        first = scores.mean(axis=1).argmax(axis=-1) == 0
        _log.info(
            "of %s, the teacher ranks the positive text first in %.1f %%.",
            count(len(scores), "record"),
            100 * np.mean(first),
        )
        return examples | {"teacher_scores": scores}

    def features(self, columns):
        columns = dict(columns)
        scores = columns.pop("teacher_scores")
        return self.task.features(columns) | {"teacher_scores": scores}

    def training_rows(self, examples, **plan):
        """Streams packed micro-batches; see `Task.training_rows`."""
        stream = choose_stream("training_rows", *self.task.options.longest)
        return stream(self.task.inputs(examples), self.features, **plan)

    def weights(self, rows):
        terms, alpha = {}, self._weighing.alpha
        if alpha < 1:
            terms |= self.task.weights(rows)
        soft = self.task.soft_weights(rows)
        return terms | {f"soft_{term}": weight for term, weight in soft.items()}

    def losses(self, rows, outputs):
        """Returns the loss of the task, times 1 - alpha, and that of the scores, times alpha.

        Args:
            rows: dict of a batch, with `teacher_scores`, float32 [B, A, C].
            outputs: what the student returns.
        """
        losses, alpha = {}, self._weighing.alpha
        if alpha < 1:
            own = self.task.losses(rows, outputs)
            losses |= {term: (1.0 - alpha) * loss for term, loss in own.items()}
        scores = rows["teacher_scores"]
        teachers = [scores[:, number] for number in range(scores.shape[1])]
        compared = [
            self._compare(logits, teachers)
            for logits in self.task.ranking_logits(outputs)
        ]
        mean = sum(compared[1:], compared[0]) / len(compared)
        return losses | {f"soft_{self.task.name}": alpha * mean}

    def _compare(self, logits, teachers):
        if self._loss == "margin":
            return soft_losses.compare_margins(logits, teachers)
        temperature = self._weighing.temperature
        return soft_losses.compare("softmax", logits, teachers, temperature)
