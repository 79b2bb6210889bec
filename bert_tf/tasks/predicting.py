"""Records in, predictions and scores out, whatever computes the model."""

import logging
import os

from bert_tf.data.records import tabular
from bert_tf.data.records.containers import take_rows

_log = logging.getLogger(__name__)

# The texts of a record, which stand before its prediction on demand.
FIELDS = ("text", "text_pair", "question", "context", "choices", "passages")


class Predictor:
    """What a model of a task does with records; subclasses say how it computes.

    Attributes:
        task: `Task`.
        folder: `ModelFolder`.
    """

    def evaluate(self, eval_data, **options):
        """Returns {"eval_…": value} on labelled records.

        Args:
            eval_data: path of a file; or records in memory, as `finetune` takes them.
            options: as in `read_table`.
        """
        table = self._read_labelled(eval_data, options)
        data, outputs = self.outputs_of(table)
        scores = self.task.score(data, outputs)
        if table.skipped:
            scores["skipped_rows"] = table.skipped
        return {f"eval_{name}": value for name, value in scores.items()}

    def outputs(self, eval_data, **options):
        """Returns labelled columns and the model's outputs, as `Task.score` takes them.

        Raises:
            ValueError: the task has no labels; or what is wrong with the data.
            TypeError: the data are no records.
        """
        return self.outputs_of(self._read_labelled(eval_data, options))

    def _read_labelled(self, eval_data, options):
        """Returns the `Table` of labelled records."""
        if not self.task.scored:
            raise ValueError(
                f"the model's task is {self.task.name}, which has no labels to score "
                "predictions with. Fine-tune the model first; masked tokens are scored "
                "by bert-tf pretrain with eval_data_dir."
            )
        options = options | self.task.read_options(self.folder.settings)
        if not isinstance(eval_data, str | os.PathLike):
            eval_data = take_rows(eval_data, "eval_data")
        table = self.task.read(eval_data, columns=self.columns, **options)
        _log.info("%s", table.description)
        return table

    def outputs_of(self, table):
        """Returns the columns of a `Table` and the model's outputs for its records."""
        raise NotImplementedError

    def predict(self, data, *, as_frame=False, echo=False, **columns):
        """Predicts for records in memory, in order, one prediction for each.

        Args:
            data: texts, dicts with the task's fields (`text` and, for pairs,
                `text_pair`; `question` and `context`, or `choices`), or tuples of two
                texts, in a list, iterator or NumPy array; a dict of columns; or a table of
                pandas, polars or Arrow. In tables the columns of the training data are
                read, or those with well-known names.
            as_frame: True for a pandas DataFrame, with the index of `data` if that has
                one, and the texts before the predictions.
            echo: whether predictions begin with the texts that they are for.
            columns: `text_column`, `text_pair_column` for other columns; `id_column` for
                a column whose values are repeated as `id`.

        Returns:
            list of dicts, or a DataFrame, with one item for each record.

        Raises:
            TypeError: `data` are no records.
            ValueError: a text is missing or is no string; a column is missing or in doubt.
        """
        rows = take_rows(data, "data")
        columns = {name: column for name, column in columns.items() if column}
        predictions = []
        if rows.cells:
            table = self.task.read(
                rows, with_labels=False, columns=self.columns, **columns
            )
            predictions = self.predict_table(
                table, echo=echo or as_frame, with_id="id_column" in columns
            )
        if not as_frame:
            return predictions
        return tabular.to_frame(self.task.as_rows(predictions), rows.index)

    def predict_lines(self, lines, source="standard input", *, echo=False, **columns):
        """Predicts for lines: each a text, "text TAB pair", or a JSON object of fields.

        Args:
            lines: strings; UTF-8 bytes, as from `sys.stdin.buffer`; or dicts of fields.
            source: name of the lines in errors.
            echo: as in `predict`.
            columns: `id_column`, as in `predict`.
        """
        table = self.task.read_lines(
            lines, columns=self.columns, source=source, **columns
        )
        return self.predict_table(table, echo=echo, with_id="id_column" in columns)

    def predict_file(self, input_file, *, echo=False, **options):
        """Predicts for the records of a file; options as in `read_table`."""
        table = self.task.read(
            input_file, with_labels=False, columns=self.columns, **options
        )
        _log.info("%s", table.description)
        return self.predict_table(table, echo=echo, with_id="id_column" in options)

    def predict_table(self, table, *, echo=False, with_id=False):
        """Predicts for the records of a `Table`, in order.

        Args:
            table: `Table`.
            echo, with_id: whether predictions begin with the texts of the record, and
                with its `id`.
        """
        if not table.records:
            return []
        columns, outputs = self.outputs_of(table)
        predictions = self.task.predict(outputs, columns)
        names = ["id"] * with_id + list(FIELDS) * echo
        return [
            {name: record[name] for name in names if name in record} | prediction
            for record, prediction in zip(table.records, predictions)
        ]

    @property
    def columns(self):
        """The columns of the training file, {"text": name, …}, or None."""
        return self.folder.settings.get("columns")
