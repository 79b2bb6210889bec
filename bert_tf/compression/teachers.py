"""The trained models that a student learns from: read, checked, loaded."""

import dataclasses
import pathlib
import zlib

import numpy as np

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts, weights
from bert_tf.ground import lazy, quote, quote_all
from bert_tf.predictor import check_length
from bert_tf.run.origin import check_architecture
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.base import Task
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.tokenization import make_tokenizer
from bert_tf.training import journal

backbone = lazy("bert_tf.models.backbone")
parts = lazy("bert_tf.models.parts")

# Keys of tokenizer_config.json that change which tokens a text has.
_TOKENIZER = (
    *("do_lower_case", "strip_accents", "tokenize_chinese_chars"),
    "clean_input",
)
_NO_HEAD = "BertModel"  # The architecture of tasks whose outputs are states.
_HEAD = ("classifier/kernel", "classifier/bias")


@dataclasses.dataclass
class Teacher:
    """A trained model folder.

    Attributes:
        name: as the user gave it.
        path: of the folder.
        folder: `ModelFolder`.
        task: `Task` that the folder remembers.
    """

    name: str
    path: pathlib.Path
    folder: folders.ModelFolder
    task: Task

    def build(self, like, labels):
        """Returns its Keras model, with the weights of the folder.

        Args:
            like: `BertBackbone`, whose dtype and kind of attention it gets.
            labels: names of the labels in the order of the outputs; None without labels.

        Raises:
            ValueError: the folder has no trained head.
        """
        # It drops nothing, and kernels refuse a model that might.
        config = dataclasses.replace(
            self.folder.config, attention_probs_dropout_prob=0.0
        )
        with parts.without_initial_weights():
            encoder = backbone.BertBackbone(
                config, dtype=like.dtype_policy, attention=like.attention
            )
            model = self.task.build(encoder)
        folders.load_weights(self.path, model)
        if labels and labels != self.task.labels:
            order = [self.task.labels.index(label) for label in labels]
            arrays = weights.read_model(model)
            head = {path: arrays[path][..., order] for path in _HEAD}
            weights.assign(model, head)
        return model

    def fingerprint(self):
        """Returns a digest of its weights."""
        arrays = layouts.read_arrays(self.path)
        return journal.digest(
            f"{path} {zlib.crc32(np.ascontiguousarray(arrays[path]).data)}"
            for path in sorted(arrays)
        )


def read(names, task=""):
    """Returns a list of `Teacher`, all of one task, labels and vocabulary.

    Args:
        names: model folders or published names, separated by commas.
        task: name of the task that they must have; "" for that of the first.

    Raises:
        FileNotFoundError, ValueError: there is no such folder; the teachers differ.
    """
    teachers = [_read(name.strip(), task) for name in names.split(",")]
    first = teachers[0]
    for other in teachers[1:]:
        if other.task.name != first.task.name:
            raise ValueError(
                f"teacher {other.name} was trained for {other.task.name}, but "
                f"{first.name} for {first.task.name}; choose teachers of one task."
            )
        check_labels(other, first.task.labels, first.name)
        check_vocabulary(other, first.folder, first.name)
    return teachers


def _read(name, task):
    path = folders.resolve(name)
    folder = folders.read(path)
    own = task_of(folder.config, folder.settings)
    if task and task != own:
        raise ValueError(
            f"task is {task}, but the teacher {name} was trained for {own}; drop task, or "
            "choose another teacher."
        )
    kind = find_task(own)
    if not kind.soft:
        raise ValueError(
            f"{kind.name}, the task of {name}, cannot be learnt from a teacher; fine-tune "
            "a model for another task first."
        )
    if kind.architecture != _NO_HEAD:
        _check_head(name, path)
    restored = kind.restore(make_tokenizer(folder), folder.config, folder.settings)
    if kind.decodes:
        restored.decoder = folder.decoder
    return Teacher(name, path, folder, restored)


def read_pretrained(names, options):
    """Returns a list of `Teacher` that predict masked tokens, all of one vocabulary.

    Args:
        names: model folders or published names, separated by commas.
        options: `Pretraining.Options` of the student.

    Raises:
        FileNotFoundError, ValueError: there is no such folder; the teachers differ.
    """
    teachers = []
    for name in map(str.strip, names.split(",")):
        path = folders.resolve(name)
        folder = folders.read(path)
        check_architecture(folder.config, f"the teacher {name}")
        _check_head(name, path)
        task = Pretraining(folder.vocab, options)
        teachers.append(Teacher(name, path, folder, task))
    for other in teachers[1:]:
        check_vocabulary(other, teachers[0].folder, teachers[0].name)
    return teachers


def _check_head(name, path):
    shapes = layouts.read_shapes(path)
    if shapes and all(map(_is_encoder, shapes)):
        raise ValueError(
            f"the teacher {name} has no trained head, so it predicts nothing; fine-tune it "
            "first, with bert-tf finetune."
        )


def _is_encoder(path):
    return path.startswith("bert/")


def check_labels(teacher, labels, where):
    """Raises a ValueError if a teacher does not have exactly these labels.

    Args:
        labels: list of names in any order; None for a task without labels.
        where: what has them, for the error.
    """
    own = teacher.task.labels
    if set(own or ()) != set(labels or ()):
        raise ValueError(
            f"the teacher {teacher.name} knows the labels {quote_all(own or ())}, but "
            f"{where} has {quote_all(labels or ())}; they must be the same."
        )


def check_vocabulary(teacher, folder, where):
    """Raises a ValueError if a model reads other tokens than a teacher.

    Args:
        folder: `ModelFolder` of that model.
        where: its name, for the error.
    """
    sides = [("vocabulary", teacher.folder, folder)]
    if teacher.folder.decoder and folder.decoder:
        sides.append(("vocabulary of targets", teacher.folder.decoder, folder.decoder))
    for noun, own, other in sides:
        if own.vocab != other.vocab:
            raise ValueError(
                f"{where} has another {noun} ({len(other.vocab)} tokens) than the teacher "
                f"{teacher.name} ({len(own.vocab)}), but both read the same rows; choose a "
                "student with the teacher's, such as --student=tiny."
            )
        for key in _TOKENIZER:
            if own.tokenizer.get(key) != other.tokenizer.get(key):
                raise ValueError(
                    f"{where} has {key}={other.tokenizer.get(key)}, but the teacher "
                    f"{teacher.name} {own.tokenizer.get(key)}; choose a student that "
                    "reads as its teacher does."
                )


def check_student(teacher, student, where):
    """Raises a ValueError if a student's folder was trained for another task, or labels.

    Args:
        student: `ModelFolder`; one without a task has no head yet.
        where: name of the student, for the error.
    """
    own = student.settings.get("task")
    if own and own != teacher.task.name:
        raise ValueError(
            f"the student {quote(where)} was trained for {own}, but the teacher "
            f"{teacher.name} for {teacher.task.name}; choose a student of the same task, "
            "or one that is not fine-tuned."
        )
    if own and teacher.task.labels:
        names = student.config.extra.get("id2label") or {}
        check_labels(teacher, list(names.values()), f"the student {where}")


def check_lengths(teachers, options):
    """Raises a ValueError if a teacher cannot read examples as long as the student's."""
    for teacher in teachers:
        try:
            check_length(options.longest[0], teacher.folder.config)
        except ValueError as error:
            raise ValueError(f"the teacher {teacher.name}: {error}") from None
