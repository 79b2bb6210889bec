"""Distillation: from a trained teacher and a file of texts to a smaller model folder."""

import dataclasses
import functools

from bert_tf.compression import ranking, scoring, students, teachers
from bert_tf.compression.augmentation import augment
from bert_tf.compression.distillation import (
    Distillation,
    PretrainingDistillation,
    Weighing,
)
from bert_tf.compression.transfer import add_texts, read_texts
from bert_tf.docstrings import list_settings
from bert_tf.ground import above_zero, at_least, one_of, require, setting
from bert_tf.run import finetuning, origin, pretraining
from bert_tf.run.training_data import TrainingData
from bert_tf.tasks import find_task
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training import engine, journal
from bert_tf.training.config import TrainConfig


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class DistillConfig(TrainingData):
    """What to distil, on which data, and where to write it.

    Options of the task are given by keyword, too, as in `FinetuneConfig`.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.DistillConfig(
        ...     teacher="model", student="tiny", train_file="train.csv",
        ...     output_dir="student", alpha=0.9)
        >>> config.weighing.temperature
        2.0
    """

    transfer_file: str = setting(
        "", "Further texts without labels; only the teacher's loss counts for them."
    )
    data_dir: str = setting(
        "",
        "Store of create-pretraining-data, to distil pretraining in place of a task.",
    )
    eval_data_dir: str = setting(
        "", "With data_dir: store of held-out text. Empty: no evaluation."
    )
    augment: int = setting(
        0, "Copies of each text with other words, without labels. 0: none."
    )
    augment_model: str = setting(
        "", "Model that predicts masked words, which chooses these."
    )
    augment_seed: int = setting(1, "Seed of the words that are replaced.")
    teacher: str = setting(
        "",
        "Trained model folder; several, separated by commas, are averaged.",
        section="teacher and student",
    )
    student: str = setting(
        "",
        "teacher (some of its layers), a new model of a size (tiny, mini, … or 2x128, "
        "layers x width), or a model folder or published name.",
    )
    keep_layers: str = setting(
        "", "Layers that student=teacher keeps, from 0, such as 0,2,4."
    )
    temperature: float = setting(
        2.0, "Logits are divided by it in the teacher's loss; above 1 softens."
    )
    alpha: float = setting(
        0.5, "Fraction of the teacher's loss, from 0 to 1; the labels' has the rest."
    )
    score_loss: str = setting(
        "kl",
        "Loss of an embedder whose teacher is a reranker: kl (divergence of softmaxes "
        "over the texts of a record) or margin (Margin-MSE, without temperature).",
    )
    hidden_weight: float = setting(
        0.0, "Weight of the difference of hidden states. 0: they are not compared."
    )
    attention_weight: float = setting(
        0.0, "Weight of the divergence of attention. 0: it is not compared."
    )
    layer_map: str = setting(
        "",
        "Layers of student and teacher that are compared, such as 1:2,2:4; 0 is the "
        "embeddings. Empty: evenly spread.",
    )
    task: str = setting("", "Task; its options are below. Empty: the teacher's.")
    output_dir: str = setting(
        "",
        "Folder to write; an interrupted run in it is resumed.",
        section="output",
    )
    seeds: int = setting(
        1, "Runs with seeds seed, seed+1, …; reports mean and interval."
    )

    def __post_init__(self):
        self.check_files()
        require(self, "teacher", "student", "output_dir")
        self.check_data()
        at_least(self, "seeds", 1)
        above_zero(self, "temperature")
        one_of("score_loss", self.score_loss, ranking.LOSSES)
        for name in ("hidden_weight", "attention_weight", "augment", "augment_seed"):
            at_least(self, name, 0)
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must be from 0 to 1; received {self.alpha}.")
        compares = self.hidden_weight or self.attention_weight
        if self.layer_map and not compares:
            raise ValueError(
                f"layer_map={self.layer_map} says which layers are compared, but "
                "hidden_weight and attention_weight are 0; raise one, or drop layer_map."
            )
        if bool(self.augment) != bool(self.augment_model):
            raise ValueError(
                "augment, the number of copies, and augment_model, a masked LM, belong "
                f"together; received {self.augment} and {self.augment_model!r}."
            )
        unlabelled = "transfer_file" if self.transfer_file else "augment"
        if getattr(self, unlabelled) and not self.weighing.needs_teachers:
            raise ValueError(
                f"the texts of {unlabelled} have no labels, so alpha=0 learns nothing from "
                f"them; raise alpha, or drop {unlabelled}."
            )
        if self.data_dir:
            self._check_pretraining()
        elif self.eval_data_dir:
            raise ValueError(
                f"eval_data_dir={self.eval_data_dir} belongs to data_dir, a store to train "
                "on; pass it, too, or eval_file in its place."
            )
        if self.task:
            at_least(self.task_options, "max_seq_length", 8)

    def _check_pretraining(self):
        for name in (
            *("train_file", "eval_file", "eval_fraction", "tfds", "transfer_file"),
            *("augment", "task"),
        ):
            if value := getattr(self, name):
                raise ValueError(
                    f"data_dir={self.data_dir} distils pretraining, in which {name} has no "
                    f"part; received {value!r}. Drop one of them."
                )
        if self.seeds > 1:
            raise ValueError(
                f"data_dir={self.data_dir} makes one run; received seeds={self.seeds}."
            )
        self.task_options  # noqa: B018 (Its values are checked.)

    @property
    def task_options(self):
        """The options of the task, an instance of its `Options`."""
        if self.data_dir:
            return Pretraining.make_options(self.options)
        return find_task(self.task, scored=True).make_options(self.options)

    @property
    def weighing(self):
        """How much each loss counts, a `Weighing`."""
        return Weighing(
            self.temperature,
            self.alpha,
            self.hidden_weight,
            self.attention_weight,
            self.layer_map,
        )


def distill(config, training=None, *, train_data=None, eval_data=None):
    """Trains a student on the predictions of a teacher, and writes it as a model folder.

    With `task="similarity"` and a reranker as teacher, the student learns to embed texts; see
    `ranking`.

    Args:
        config: `DistillConfig`.
        training, train_data, eval_data: as of `finetune`.

    Returns:
        dict, as `finetune` returns it; with a transfer file also `transfer_examples`.

    Raises:
        As `finetune`.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.DistillConfig(
        ...     teacher="model", student="2x16", train_file="train.csv",
        ...     eval_file="dev.csv", output_dir="student", max_seq_length=16)
        >>> training = bert_tf.TrainConfig(num_train_epochs=2)
        >>> 0 <= bert_tf.distill(config, training)["eval_accuracy"] <= 1
        True
    """
    training = training or TrainConfig()
    engine.select(training.engine)  # Before a teacher is read, which imports Keras.
    if config.data_dir:
        return pretraining.run(config, training, begin=_begin_pretraining)
    if not config.task:
        first = teachers.read(config.teacher)[0]
        config = dataclasses.replace(config, task=first.task.name)
    begin = functools.partial(_begin, training=training)
    return finetuning.run(config, training, train_data, eval_data, begin=begin)


def _begin(config, training):
    """Returns the `Start` of a run, checked before anything is written."""
    if scoring.teaches(config):
        return scoring.begin(config, training)
    if config.score_loss != ranking.LOSSES[0]:
        raise ValueError(
            f"score_loss={config.score_loss} is for a reranker that teaches similarity, "
            f"but the teacher {config.teacher} teaches its own task; drop score_loss."
        )
    trained = teachers.read(config.teacher, config.task)
    first, options = trained[0], config.task_options
    teachers.check_lengths(trained, options)
    student = students.choose(config.student, config.keep_layers, first.folder)
    if student.path:
        teachers.check_student(first, student.folder, config.student)
        teachers.check_vocabulary(first, student.folder, config.student)
    start = finetuning.Start(
        verb="distill",
        folder=student.folder,
        weights=student.path,
        name=config.teacher,
        fingerprint=journal.digest(teacher.fingerprint() for teacher in trained),
    )

    def prepare(task, table):
        """Returns the task with its teachers, and the columns of all records."""
        for teacher in trained:
            teachers.check_labels(teacher, task.labels, table.path)
            if task.decodes:
                decoder = dataclasses.replace(student.folder, decoder=task.decoder)
                teachers.check_vocabulary(teacher, decoder, config.student)
        task = Distillation(task, trained, config.weighing, student.kept)
        texts = _read_unlabelled(config, task, table)
        if not texts:
            return task, task.columns(table)
        start.figures["transfer_examples"] = len(texts)
        start.fingerprint = journal.digest([start.fingerprint, *map(repr, texts)])
        return task, add_texts(task, table, texts)

    start.prepare = prepare
    return start


def _begin_pretraining(config, store):
    """Returns the `Start` of a run on a store, checked before anything is written."""
    options = config.task_options
    trained = teachers.read_pretrained(config.teacher, options)
    first = trained[0]
    origin.check_store(store, first.folder, f"the teacher {first.name}")
    teachers.check_lengths(trained, options)
    student = students.choose(config.student, config.keep_layers, first.folder)
    if student.path:
        teachers.check_vocabulary(first, student.folder, config.student)

    def prepare(task, store):
        task = PretrainingDistillation(task, trained, config.weighing, student.kept)
        return task, store

    return finetuning.Start(
        verb="distill",
        folder=student.folder,
        weights=student.path,
        name=config.teacher,
        prepare=prepare,
        fingerprint=journal.digest(teacher.fingerprint() for teacher in trained),
    )


def _read_unlabelled(config, task, table):
    """Returns the records of the transfer file, and altered copies of all texts."""
    texts = []
    if config.transfer_file:
        texts = read_texts(config, task, table).records
    if config.augment:
        every = dataclasses.replace(table, records=[*table.records, *texts])
        model, copies = config.augment_model, config.augment
        texts = [*texts, *augment(every, model, copies, config.augment_seed)]
    return texts
