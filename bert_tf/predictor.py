"""A trained model folder that predicts: text in, labels, spans, numbers or vectors out."""

from bert_tf.checkpoints import folder as folders
from bert_tf.ground import lazy, progress
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.options import names_of
from bert_tf.tasks.predicting import Predictor
from bert_tf.tasks.rows import compile_features
from bert_tf.training import engine

keras = lazy("keras")
backbone = lazy("bert_tf.models.backbone")
parts = lazy("bert_tf.models.parts")
tokenization = lazy("bert_tf.tokenization")


class Model(Predictor):
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
        self._features = compile_features(self.task.features)

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

    def outputs_of(self, table):
        columns = self.task.columns(table)
        examples = self.task.examples(columns)
        rows = self.task.evaluation_rows(
            examples, batch_size=self.batch_size, features=self._features
        )
        outputs = self._predictor(rows, self.task.count(examples), show_progress)
        return columns, self.task.collect(columns, examples, outputs)


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
