"""The verbs: fine-tune, evaluate, predict. Scripts and notebooks parse and call these."""

import dataclasses
import json
import logging
import pathlib

import keras
import tensorflow as tf
import tqdm

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.data.pipeline import evaluation_rows, steps_per_epoch, training_rows
from bert_tf.data.readers import read_table, read_texts
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks import TASKS
from bert_tf.tokenization import BertTokenizer
from bert_tf.training import loop
from bert_tf.training.distribution import make_strategy
from bert_tf.training.inference import make_predictor
from bert_tf.training.loop import TrainConfig

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """What to fine-tune, on what, and where to put it."""

    model: str = ""  # Folder, "minilm", or a published name like bert-base-uncased.
    train_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    eval_file: str = ""  # The same, to score on; none: no evaluation.
    output_dir: str = ""  # Folder to write; an interrupted run in it goes on.
    task: str = "classification"  # What to learn.
    text_column: str = ""  # Name, or place from 0; guessed from the header if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    max_seq_length: int = 128  # Pieces of an example; what is longer is cut.

    def __post_init__(self):
        _need(self, "model", "train_file", "output_dir")
        _task(self.task)
        _at_least(self, "max_seq_length", 8)


def finetune(config, training=None):
    """Fine-tunes a model and writes it as a model folder.

    Args:
        config: `FinetuneConfig`.
        training: `TrainConfig`; its defaults where None.

    Returns:
        dict, as metrics.json of the folder holds it: `eval_accuracy` and so on,
        fractions from 0 to 1, and what training took.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        loop.Stopped: on SIGTERM; the same call goes on.

    Example:
        >>> finetune(FinetuneConfig(
        ...     model="minilm", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="model"))  # doctest: +SKIP
    """
    training = training or TrainConfig()
    output_dir = pathlib.Path(config.output_dir)
    flags = dataclasses.asdict(config) | dataclasses.asdict(training)
    finished = _finished_metrics(output_dir, flags)
    if finished is not None:
        _log.warning(
            "%s is finished already; another output_dir trains anew.", output_dir
        )
        return finished

    if output_dir.exists() and not output_dir.is_dir():
        raise ValueError(f"output_dir {output_dir} is a file; pass a folder.")
    start = folders.resolve(config.model)
    folder = folders.read(start)
    _check_length(config.max_seq_length, folder.config)
    train_table = read_table(config.train_file, **_columns(config))
    eval_table = None
    if config.eval_file:
        # As in training: what is guessed there is remembered here.
        eval_table = read_table(
            config.eval_file, columns=train_table.columns, **_columns(config)
        )
    tokenizer = _make_tokenizer(folder)
    task = _task(config.task).learn(
        tokenizer, train_table, max_seq_length=config.max_seq_length
    )
    train_columns = task.columns(train_table)
    eval_columns = eval_table and task.columns(eval_table)
    for table in filter(None, (train_table, eval_table)):
        _log.info("%s", table.description)

    keras.utils.set_random_seed(training.seed)
    strategy = make_strategy(training.distribution)
    with strategy.scope():
        dtype = "mixed_bfloat16" if training.bf16 else "float32"
        model = task.build(BertBackbone(folder.config, dtype=dtype))
        folders.load_weights(start, model, new_heads=True)

    output_dir.mkdir(parents=True, exist_ok=True)
    _write_flags(output_dir, flags)
    micro_batches = training.gradient_accumulation_steps * strategy.num_replicas_in_sync
    batch_size = training.per_device_train_batch_size

    def rows(start_step):
        return training_rows(
            train_columns,
            task.features,
            batch_size=batch_size,
            micro_batches=micro_batches,
            seed=training.seed,
            start_step=start_step,
        )

    predictor = make_predictor(model)
    # Made once: a data set traces its functions anew each time it is made.
    eval_rows = eval_table and evaluation_rows(
        eval_columns, task.features, batch_size=training.per_device_eval_batch_size
    )

    def evaluate():
        outputs = predictor(eval_rows, len(eval_table.records), _progress)
        return task.score(eval_columns, outputs)

    evaluates = eval_table is not None and training.eval_strategy != "no"
    lines, scores = loop.train(
        model,
        task,
        rows,
        config=training,
        steps_per_epoch=steps_per_epoch(
            len(train_table.records), batch_size, micro_batches
        ),
        evaluate=evaluate if evaluates else None,
        strategy=strategy,
        output_dir=output_dir,
    )
    if eval_table is not None and not scores:
        scores = {f"eval_{name}": value for name, value in evaluate().items()}
    metrics = scores | _training_figures(lines, len(train_table.records))
    settings = {
        "task": task.name,
        "columns": train_table.columns,
        "max_seq_length": config.max_seq_length,
    }
    folder = dataclasses.replace(
        folder,
        config=dataclasses.replace(
            folder.config, extra=folder.config.extra | task.describe()
        ),
        settings=settings,
    )
    folders.write(output_dir, model, folder, architecture=task.architecture)
    report.draw_loss_curve(output_dir / "loss.png", lines)
    if "eval_confusion_matrix" in metrics:
        report.draw_confusion_matrix(
            output_dir / "confusion_matrix.png",
            metrics["eval_confusion_matrix"],
            task.labels,
        )
    report.write_model_card(
        output_dir / "README.md",
        title=output_dir.resolve().name,
        start=config.model,
        task=task.name,
        metrics=metrics,
        settings=_changed(config) | _changed(training),
        examples=len(train_table.records),
    )
    _write_metrics(output_dir, metrics)
    loop.forget_state(output_dir)
    return metrics


class Model:
    """A fine-tuned model folder, ready to answer.

    Args:
        path: model folder; one made by transformers will do.
        max_seq_length: pieces of an example; 0 takes what the folder remembers.
        batch_size: examples computed at once.

    Raises:
        ValueError, FileNotFoundError: no such folder, or one without a trained head.

    Example:
        >>> Model("model").predict(["Where is my parcel?"])  # doctest: +SKIP
        [{'label': 'delivery', 'scores': {'billing': 0.01, 'delivery': 0.99}}]
    """

    def __init__(self, path, *, max_seq_length=0, batch_size=128):
        start = folders.resolve(path)
        self.folder = folders.read(start)
        settings = self.folder.settings
        if not max_seq_length:
            longest = self.folder.config.max_position_embeddings
            max_seq_length = settings.get("max_seq_length", longest)
        _check_length(max_seq_length, self.folder.config)
        self.task = _task(settings.get("task", "classification")).restore(
            _make_tokenizer(self.folder),
            self.folder.config,
            max_seq_length=max_seq_length,
        )
        self.model = self.task.build(BertBackbone(self.folder.config))
        folders.load_weights(start, self.model)
        self.batch_size = batch_size
        self._predictor = make_predictor(self.model)
        # Traced once, however many data sets it serves: most of a short answer's time.
        self._features = tf.function(self.task.features)

    def evaluate(self, eval_file, **columns):
        """Returns {name: value} on a labelled file; columns as in `read_table`."""
        table = read_table(eval_file, columns=self.columns, **columns)
        _log.info("%s", table.description)
        data = self.task.columns(table)
        scores = self.task.score(data, self._outputs(data))
        return {f"eval_{name}": value for name, value in scores.items()}

    def predict(self, texts):
        """Answers a list of texts, or of dicts with the task's fields.

        Args:
            texts: strings, or dicts with `text` and, for pairs, `text_pair`.

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
        return self.answer(read_texts(lines, columns=self.columns, source=source))

    def predict_file(self, input_file):
        """Answers the records of a TSV, CSV, JSONL or plain text file."""
        table = read_table(input_file, with_labels=False, columns=self.columns)
        _log.info("%s", table.description)
        return self.answer(table)

    def answer(self, table):
        """Answers the records of a `Table`, in order."""
        if not table.records:
            return []
        return self.task.predict(self._outputs(self.task.columns(table)))

    @property
    def columns(self):
        """The columns of the training file, {"text": name, …}, or None."""
        return self.folder.settings.get("columns")

    def _outputs(self, data):
        rows = evaluation_rows(data, self._features, batch_size=self.batch_size)
        return self._predictor(rows, len(data["text"]), _progress)


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Which model to score, on what."""

    model: str = ""  # Model folder.
    eval_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    text_column: str = ""  # Name, or place from 0; as in training if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    per_device_eval_batch_size: int = 128  # Examples at once.

    def __post_init__(self):
        _need(self, "model", "eval_file")
        _at_least(self, "per_device_eval_batch_size", 1)


def evaluate(config):
    """Returns the scores of a model folder on a labelled file, {"eval_…": value}."""
    model = Model(
        config.model,
        max_seq_length=config.max_seq_length,
        batch_size=config.per_device_eval_batch_size,
    )
    return model.evaluate(config.eval_file, **_columns(config))


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Which model to ask, about what."""

    model: str = ""  # Model folder.
    input_file: str = ""  # TSV, CSV, JSONL or plain text, one text a line.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    per_device_eval_batch_size: int = 128  # Examples at once.

    def __post_init__(self):
        _need(self, "model")
        _at_least(self, "per_device_eval_batch_size", 1)


def predict(config, lines=(), source="arguments"):
    """Returns the answers of a model folder to a file, or to lines, in order.

    Args:
        config: `PredictConfig`.
        lines, source: as in `Model.predict_lines`; none where there is an input_file.
    """
    if config.input_file and lines:
        raise ValueError(
            f"texts come from input_file ({config.input_file}) or from {source}, not "
            "from both; drop one."
        )
    model = Model(
        config.model,
        max_seq_length=config.max_seq_length,
        batch_size=config.per_device_eval_batch_size,
    )
    if config.input_file:
        return model.predict_file(config.input_file)
    return model.predict_lines(lines, source)


def _progress(batches):
    # Silent where it is over before anyone would look.
    return tqdm.tqdm(batches, "predicting", delay=3, leave=False, unit="batch")


def _task(name):
    if name not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}; received {name!r}.")
    return TASKS[name]


def _need(config, *names):
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


def _at_least(config, name, least):
    value = getattr(config, name)
    if value < least:
        raise ValueError(f"{name} must be at least {least}; received {value}.")


def _changed(config):
    """Returns {field: value} of what is not as by default."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != field.default
    }


def _columns(config):
    """The columns asked for, None where they are to be guessed."""
    return {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }


def _make_tokenizer(folder):
    options = folder.tokenizer
    return BertTokenizer(
        folder.vocab,
        lower_case=options["do_lower_case"],
        strip_accents=options.get("strip_accents"),
        tokenize_chinese_chars=options.get("tokenize_chinese_chars", True),
        # As transformers reads the same folder.
        keep_special_tokens=not options.get("split_special_tokens", False),
    )


def _check_length(max_seq_length, config):
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


def _finished_metrics(output_dir, flags):
    """Returns the metrics of a finished run, None where there is still work.

    Raises:
        ValueError: the folder belongs to a run with other flags, or to no run.
    """
    flag_file, metrics_file = output_dir / "flags.txt", output_dir / "metrics.json"
    if not flag_file.exists():
        if (output_dir / "config.json").exists():
            raise ValueError(
                f"{output_dir} holds a model that this command did not make; choose "
                "another output_dir."
            )
        return None
    written = dict(
        line.removeprefix("--").partition("=")[::2]
        for line in flag_file.read_text(encoding="utf-8").splitlines()
        if line.startswith("--")
    )
    asked = {name: str(value) for name, value in flags.items()}
    other = [
        f"{name} was {written.get(name)!r}, is {asked.get(name)!r}"
        for name in sorted(written.keys() | asked.keys())
        # A folder may be moved.
        if name != "output_dir" and written.get(name) != asked.get(name)
    ]
    if other:
        raise ValueError(
            f"{output_dir} holds a run with other flags ({'; '.join(other)}); use the "
            "same, or another output_dir."
        )
    if not metrics_file.exists():
        _log.warning("going on with the run in %s.", output_dir)
        return None
    return json.loads(metrics_file.read_text(encoding="utf-8"))


def _write_flags(output_dir, flags):
    lines = [f"--{name}={value}" for name, value in flags.items()]
    _replace(output_dir / "flags.txt", "\n".join(lines) + "\n")


def _write_metrics(output_dir, metrics):
    _replace(output_dir / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def _replace(path, text):
    """Writes beside and renames, so that a file is whole or not there."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _training_figures(lines, examples):
    trained = [line for line in lines if "loss" in line]
    rates = sorted(line["examples_per_second"] for line in trained[1:] or trained)
    return {
        "train_loss": trained[-1]["loss"],
        "train_steps": trained[-1]["step"],
        "train_examples": examples,
        "train_examples_per_second": rates[len(rates) // 2],
    }
