"""An answer to a question on a context, in words of its own."""

from bert_tf.data.records.answers import read_answer_lines, read_answers
from bert_tf.tasks.metrics.generation import judge_generated, score_generated
from bert_tf.tasks.seq2seq import Seq2Seq
from bert_tf.tasks.texts import objects


class Generation(Seq2Seq):
    """A question and a context, the answer as a text; "" if there is none.

    Args:
        tokenizer, options: as of `Task`.
    """

    name = "generation"
    pipeline = "text2text-generation"
    metric = "f1"
    field = "answer"
    card_record = '{"question": "…", "context": "…"}'
    example_inputs = ("text", "text_pair", "target")
    read = staticmethod(read_answers)
    read_lines = staticmethod(read_answer_lines)

    def columns(self, table):
        """Adds `answers` [N], lists of strings, to questions with answers."""
        columns = super().columns(table)
        if "target" in columns:
            answers = [record["answers"] for record in table.records]
            columns["answers"] = objects(answers)
        return columns

    def hits(self, columns, outputs):
        """Returns float [N]: the F1 of each answer."""
        texts = self.best_texts(columns, outputs)
        return judge_generated(columns["answers"], texts)["f1"]

    def score(self, columns, outputs):
        """Returns the scores of `score_generated`, and those of `Seq2Seq`."""
        texts = self.best_texts(columns, outputs)
        scores = score_generated(columns["answers"], texts)
        return scores | super().score(columns, outputs)
