"""A trained model folder that answers: text in, answers out."""

import json
import logging

import tensorflow as tf

from bert_tf.checkpoints import folder as folders
from bert_tf.data.rows.pipeline import evaluation_rows
from bert_tf.ground import progress
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks import (
    ANSWERING,
    TASKS,
    batching_of,
    collect,
    count_of,
    examples_of,
    inputs_of,
    read_options,
    refuse_foreign_settings,
    task_of,
)
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tokenization import BertTokenizer
from bert_tf.training.tensorflow.evaluation import make_predictor

_log = logging.getLogger(__name__)


class Model:
    """A trained model folder, ready to answer.

    Args:
        path: model folder; one made by transformers will do.
        task: what to answer, of `tasks.ANSWERING`; "" for what the folder was trained
            for.
        max_seq_length: pieces of an example; 0 takes what the folder remembers.
        batch_size: examples computed at once.
        bf16: compute in bfloat16, for processors that have it.
        long_text: what happens to what is longer: "truncate", "head_tail" or "windows";
            "" as in training.
        top_k: guesses for each [MASK], 5 where 0; or answers to a question, 1 where 0.
        layers: whose states `features` are, "-1" (the last) where empty; see `Features`.

    Raises:
        ValueError, FileNotFoundError: no such folder, one without a trained head, or a
            setting of another task.

    Example:
        >>> Model("model").predict(["Where is my parcel?"])  # doctest: +SKIP
        [{'label': 'delivery', 'scores': {'billing': 0.01, 'delivery': 0.99}}]
    """

    def __init__(
        self,
        path,
        *,
        task="",
        max_seq_length=0,
        batch_size=128,
        bf16=False,
        long_text="",
        top_k=0,
        layers="",
    ):
        start = folders.resolve(path)
        self.folder = folders.read(start)
        settings = self.folder.settings
        if not max_seq_length:
            longest = self.folder.config.max_position_embeddings
            max_seq_length = settings.get("max_seq_length", longest)
        check_length(max_seq_length, self.folder.config)
        asked = {"long_text": long_text, "top_k": top_k, "layers": layers}
        asked = {name: value for name, value in asked.items() if value}
        kind = find_task(task or task_of(self.folder.config, settings), ANSWERING)
        self.task = kind.restore(
            make_tokenizer(self.folder, keep_special_tokens=kind is FillMask),
            self.folder.config,
            settings | asked,
            max_seq_length=max_seq_length,
        )
        self._start = start
        self.keras_model = self.build("mixed_bfloat16" if bf16 else "float32")
        # After the weights: that a head is missing says more, and is said there.
        refuse_foreign_settings(kind, asked)
        self.batch_size = batch_size
        self._predictor = make_predictor(self.keras_model)
        # Traced once, however many data sets it serves: most of a short answer's time.
        self._features = tf.function(
            self.task.features, reduce_retracing=True, autograph=False
        )

    def build(self, dtype):
        """Returns the task's model with the folder's weights, in a Keras dtype policy."""
        model = self.task.build(BertBackbone(self.folder.config, dtype=dtype))
        folders.load_weights(self._start, model)
        return model

    def evaluate(self, eval_file, **columns):
        """Returns {name: value} on a labelled file; columns as in `read_table`."""
        data, outputs = self.outputs(eval_file, **columns)
        scores = self.task.score(data, outputs)
        return {f"eval_{name}": value for name, value in scores.items()}

    def outputs(self, eval_file, **columns):
        """Returns a labelled file's columns and the model's outputs, as tasks score.

        Raises:
            ValueError: the task has no labels, or what is wrong with the file.
        """
        if self.task.name not in TASKS:
            raise ValueError(
                f"the model's task is {self.task.name}, which has no labels to score on. "
                "Fine-tune the model first; masked words are scored by pretrain.py, "
                "with eval_data_dir."
            )
        options = read_options(self.task, self.folder.settings)
        table = self.task.read(eval_file, columns=self.columns, **columns, **options)
        _log.info("%s", table.description)
        return self.outputs_of(table)

    def outputs_of(self, table):
        """Returns the columns of a labelled `Table` and the model's outputs."""
        data = self.task.columns(table)
        return data, self._outputs(data)

    def predict(self, texts):
        """Answers a list of texts, or of dicts with the task's fields.

        Args:
            texts: strings, or dicts with `text` and, for pairs, `text_pair`; for
                questions `question` and `context`.

        Returns:
            list of dicts, an answer a text, in order.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list; received {texts!r}. Put it in [].")
        # As JSON, so that a text may hold whatever it likes.
        lines = [
            json.dumps(text if isinstance(text, dict) else {"text": text})
            for text in texts
        ]
        return self.predict_lines(lines, "texts") if lines else []

    def predict_lines(self, lines, source="standard input"):
        """Answers lines: each a text, "text TAB pair", or a JSON object of fields.

        Args:
            lines: strings, or UTF-8 bytes as from `sys.stdin.buffer`.
            source: what errors call the lines.
        """
        table = self.task.read_lines(lines, columns=self.columns, source=source)
        return self.answer(table)

    def predict_file(self, input_file):
        """Answers the records of a TSV, CSV, JSONL or plain text file."""
        table = self.task.read(input_file, with_labels=False, columns=self.columns)
        _log.info("%s", table.description)
        return self.answer(table)

    def answer(self, table):
        """Answers the records of a `Table`, in order."""
        if not table.records:
            return []
        columns = self.task.columns(table)
        return self.task.predict(self._outputs(columns), columns)

    @property
    def columns(self):
        """The columns of the training file, {"text": name, …}, or None."""
        return self.folder.settings.get("columns")

    def _outputs(self, data):
        examples = examples_of(self.task, data)
        rows = evaluation_rows(
            inputs_of(self.task, examples),
            self._features,
            batch_size=self.batch_size,
            **batching_of(self.task),
        )
        count = count_of(self.task, examples)
        outputs = self._predictor(rows, count, show_progress)
        return collect(self.task, data, examples, outputs)


def task_name(path):
    """Returns which task a model folder was trained for, without reading its weights."""
    folder = folders.read(folders.resolve(path))
    return task_of(folder.config, folder.settings)


def find_task(name, tasks=TASKS):
    if name not in tasks:
        raise ValueError(f"task must be one of {', '.join(tasks)}; received {name!r}.")
    return tasks[name]


def make_tokenizer(folder, *, keep_special_tokens=False):
    """Returns a folder's `BertTokenizer`.

    Args:
        folder: `ModelFolder`.
        keep_special_tokens: True to keep them, whatever the folder says.
    """
    options = folder.tokenizer
    return BertTokenizer(
        folder.vocab,
        lower_case=options["do_lower_case"],
        strip_accents=options.get("strip_accents"),
        tokenize_chinese_chars=options.get("tokenize_chinese_chars", True),
        # As transformers reads the same folder.
        keep_special_tokens=keep_special_tokens
        or not options.get("split_special_tokens", False),
    )


def check_length(max_seq_length, config):
    if max_seq_length < 4:
        raise ValueError(
            f"max_seq_length is {max_seq_length}, but [CLS], [SEP] and [SEP] alone "
            "take 3; raise it."
        )
    if max_seq_length > config.max_position_embeddings:
        raise ValueError(
            f"max_seq_length is {max_seq_length}, but the model has only "
            f"{config.max_position_embeddings} positions; lower it."
        )


def show_progress(batches):
    return progress(batches, "predicting", leave=False, unit="batch")
