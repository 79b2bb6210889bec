"""A trained model folder that predicts: text in, labels, spans, numbers or vectors out."""

import logging
import os

from bert_tf.checkpoints import folder as folders
from bert_tf.data.records import tabular
from bert_tf.data.records.containers import take_rows
from bert_tf.ground import lazy, progress
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.options import names_of
from bert_tf.training import engine

keras = lazy("keras")
backbone = lazy("bert_tf.models.backbone")
parts = lazy("bert_tf.models.parts")
tokenization = lazy("bert_tf.tokenization")

_log = logging.getLogger(__name__)

# What of a record stands before its prediction on demand.
ECHOED = ("text", "text_pair", "question", "context", "choices")


class Model:
    """A trained model folder, ready to predict.

    Args:
        path: model folder, made here or by transformers.
        task: name of a task, of `tasks.TASKS`; "" for the one that the folder was
            trained for.
        batch_size: examples computed at once.
        bf16: whether to compute in bfloat16, for processors that support it.
        options: options of the task that apply to predictions: `max_seq_length`,
            `long_text`, and such as `top_k` or `layers`. An empty string or 0 means the
            value that the folder remembers, or else the default; 0 means itself for
            options of written texts, such as `length_penalty`.

    Attributes:
        task: `Task`.
        folder: `ModelFolder`.
        keras_model: the Keras model of the task with the folder's weights.

    Raises:
        ValueError, FileNotFoundError: there is no such folder; it has no trained head;
            an option of another task.

    Example:
        >>> import bert_tf
        >>> model = bert_tf.Model("model")
        >>> model.predict(["it was good"])
        [{'label': 'pos', 'scores': {'neg': 0.0..., 'pos': 0.9...}}]
    """

    def __init__(self, path, *, task="", batch_size=128, bf16=False, **options):
        engine.select()
        self._path = folders.resolve(path)
        self.folder = folders.read(self._path)
        config, settings = self.folder.config, self.folder.settings
        kind = find_task(task or task_of(config, settings))
        check_decoding(kind)
        given = {name: x for name, x in options.items() if x or name in kind.zeros}
        # An option of another task is refused below, after the weights.
        allowed = names_of(kind.Options, "prediction", "both")
        settings = {"max_seq_length": config.max_position_embeddings} | settings
        settings |= {name: given[name] for name in given if name in allowed}
        check_length(settings["max_seq_length"], config)
        tokenizer = tokenization.make_tokenizer(
            self.folder, keep_special_tokens=kind.keeps_special_tokens
        )
        self.task = kind.restore(tokenizer, config, settings)
        self.task.decoder = self.folder.decoder
        self.keras_model = self.build("mixed_bfloat16" if bf16 else "float32")
        # A missing head is the more useful error, and loading the weights raises it.
        for name, value in given.items():
            if name not in allowed:
                raise ValueError(
                    f"{name} is not an option of {kind.name} predictions; received "
                    f"{value!r}. Drop it; the options are {', '.join(allowed)}."
                )
        self.batch_size = batch_size
        evaluation = engine.part("evaluation")
        self._predictor = evaluation.make_predictor(self.keras_model, self.task.infer)
        # Compiled once for all files, since that takes most of a short prediction's time.
        self._features = evaluation.compile_features(self.task.features)

    @classmethod
    def from_pretrained(cls, path, **options):
        """Returns `Model(path, **options)`, under the name that transformers uses."""
        return cls(path, **options)

    def build(self, dtype):
        """Returns the task's model with the folder's weights, in a Keras dtype policy."""
        with parts.without_initial_weights():
            encoder = backbone.BertBackbone(self.folder.config, dtype=dtype)
            model = self.task.build(encoder)
        folders.load_weights(self._path, model)
        return model

    def compute_by(self, predictor):
        """Lets outputs be computed by something else, such as a file for phones.

        Args:
            predictor: function, as `evaluation.make_predictor` returns it.
        """
        self._predictor = predictor

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
        columns = self.task.columns(table)
        examples = self.task.examples(columns)
        rows = self.task.evaluation_rows(
            examples, batch_size=self.batch_size, features=self._features
        )
        outputs = self._predictor(rows, self.task.count(examples), show_progress)
        return columns, self.task.collect(columns, examples, outputs)

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
        names = ["id"] * with_id + list(ECHOED) * echo
        return [
            {name: record[name] for name in names if name in record} | prediction
            for record, prediction in zip(table.records, predictions)
        ]

    @property
    def columns(self):
        """The columns of the training file, {"text": name, …}, or None."""
        return self.folder.settings.get("columns")


def task_name(path):
    """Returns the task that a model folder was trained for, without reading its weights."""
    folder = folders.read(folders.resolve(path))
    return task_of(folder.config, folder.settings)


def check_length(max_seq_length, config):
    """Raises a ValueError if a model cannot read examples of so many tokens."""
    if max_seq_length < 4:
        raise ValueError(
            f"max_seq_length is {max_seq_length}, but [CLS] and two [SEP] alone take 3; "
            "raise it."
        )
    if max_seq_length > config.max_position_embeddings:
        raise ValueError(
            f"max_seq_length is {max_seq_length}, but the model has only "
            f"{config.max_position_embeddings} positions; lower it."
        )


def check_decoding(task):
    """Raises a ValueError if the engine cannot write the texts that a task predicts."""
    if task.decodes and keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"texts of {task.name} are written by --engine=tensorflow only; pass it, or, "
            "to train with another engine, train without evaluation data."
        )


def show_progress(batches):
    """Returns a progress bar over batches."""
    return progress(batches, "predicting", leave=False, unit="batch")
