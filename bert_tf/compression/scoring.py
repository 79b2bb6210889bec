"""The scores of rerankers that an embedder learns from: computed once, kept for a resumed run.

Shapes: N records, A teachers, C texts of a record besides the first.
"""

import functools
import json
import logging
import pathlib
import zipfile

import numpy as np

from bert_tf.compression import students, teachers
from bert_tf.compression.ranking import RankingDistillation
from bert_tf.ground import count, replacing
from bert_tf.predictor import Model, task_name
from bert_tf.run import finetuning
from bert_tf.tasks import find_task
from bert_tf.training import journal
from bert_tf.training.run_folder import TEACHER_SCORES

_log = logging.getLogger(__name__)


def teaches(config):
    """Returns whether the teacher ranks the texts of another task, which is the student's."""
    ranked_by = find_task(config.task).ranked_by
    return bool(ranked_by) and ranked_by == task_name(config.teacher.split(",")[0])


def begin(config, training):
    """Returns the `Start` of a student that learns from rerankers, checked.

    Args:
        config: `DistillConfig`.
        training: `TrainConfig`.

    Raises:
        FileNotFoundError, ValueError: bad input, before anything is written.
    """
    _check(config)
    ranked_by = find_task(config.task).ranked_by
    trained = [
        teacher
        for name in config.teacher.split(",")
        for teacher in teachers.read(name, ranked_by)
    ]
    student = students.choose(config.student, "", trained[0].folder)
    score = functools.partial(
        score_rankings,
        teachers=trained,
        # A run that begins anew would remove the file.
        path=None if training.overwrite_output_dir else config.output_dir,
        bf16=training.bf16,
        batch_size=training.per_device_eval_batch_size,
    )

    def prepare(task, table):
        if config.alpha > 0:
            task = RankingDistillation(task, config.weighing, config.score_loss, score)
        return task, task.columns(table)

    return finetuning.Start(
        verb="distill",
        folder=student.folder,
        weights=student.path,
        name=config.teacher,
        prepare=prepare,
        fingerprint=journal.digest(map(_describe, trained)),
    )


def _check(config):
    """Refuses settings that have no part in learning from scores."""
    loss = config.task_options.similarity_loss
    if loss != "negatives":
        raise ValueError(
            f"a reranker teaches {config.task} by triplets, which are read with "
            f"--similarity_loss=negatives; received {loss!r}."
        )
    if config.student == students.TEACHER:
        raise ValueError(
            "student=teacher starts from layers of a reranker, which does not embed "
            "texts; pass a model folder such as --student=minilm, or a size such as tiny."
        )
    unused = ("keep_layers", "hidden_weight", "attention_weight", "transfer_file")
    for name in (*unused, "augment"):
        if value := getattr(config, name):
            raise ValueError(
                f"{name} has no part when a reranker teaches {config.task}, since only its "
                f"scores of the training texts are learnt; received {value!r}. Drop it."
            )


def score_rankings(rankings, teachers, path=None, **options):
    """Returns the logits of the teachers, float32 [N, A, C].

    Each text is read as it is, without the student's prompts, as long as the teacher reads.

    Args:
        rankings: `Table` of queries with C passages each.
        teachers: list of A `Teacher`.
        path: folder of the run, which keeps the scores in `teacher_scores.npz`; those that
            it holds of the same texts, teachers and options are not computed again. None
            to keep nothing.
        options: of `Model`.

    Raises:
        ValueError: a score is infinite or NaN.
    """
    known = [*map(_describe, teachers), json.dumps(options, sort_keys=True)]
    digest = journal.digest([*known, *map(repr, rankings.records)])
    file = pathlib.Path(path, TEACHER_SCORES) if path else None
    shape = len(rankings.records), len(teachers), len(rankings.records[0]["passages"])
    scores = _read(file, digest, shape) if file and file.exists() else None
    if scores is not None:
        _log.info("read the teacher's scores from %s.", file)
        return scores
    for teacher in teachers:
        pairs = count(shape[0] * shape[2], "pair")
        _log.info("the teacher %s scores %s once.", teacher.name, pairs)
    scores = np.stack([_score(rankings, x, options) for x in teachers], axis=1)
    if file and file.parent.is_dir():
        with replacing(file) as beside, open(beside, "wb") as stream:
            np.savez(stream, scores=scores, digest=digest)
    return scores


def _score(rankings, teacher, options):
    """Returns the logits of one teacher, float32 [N, C]."""
    model = Model(teacher.path, task=teacher.task.name, **options)
    _, outputs = model.outputs_of(rankings)
    logits = np.stack(outputs["logits"]).astype(np.float32)
    if not np.isfinite(logits).all():
        raise ValueError(
            f"the teacher {teacher.name} computes infinite or NaN scores; choose another, "
            "or drop --bf16."
        )
    return logits


def _read(file, digest, shape):
    """Returns the scores that a file holds; None if they are others, or damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if str(arrays["digest"]) != digest:
                return None
            scores = arrays["scores"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _log.warning("%s is damaged; the scores are computed again.", file)
        return None
    return scores if scores.shape == shape else None


def _describe(teacher):
    """Returns a text that differs for teachers that may score differently."""
    folder = teacher.folder
    parts = [*folder.vocab, json.dumps([folder.tokenizer, folder.settings])]
    return journal.digest([teacher.fingerprint(), *parts])
