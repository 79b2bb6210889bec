"""What a record means: features, losses, predictions and scores of each task.

A task is one file here and one entry of `TASKS`; `base.Task` says what it has to define.
Served models need one entry more, in `serving/adapters.py`.
"""

from bert_tf.ground import one_of
from bert_tf.tasks.classification import Classification
from bert_tf.tasks.features import Features
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tasks.generation import Generation
from bert_tf.tasks.multi_label import MultiLabel
from bert_tf.tasks.multiple_choice import MultipleChoice
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tasks.regression import Regression
from bert_tf.tasks.reranking import Reranking
from bert_tf.tasks.similarity import Similarity
from bert_tf.tasks.token_classification import TokenClassification
from bert_tf.tasks.translation import Translation
from bert_tf.tasks.zero_shot import ZeroShot

# {name: class} of all tasks that a model folder can predict with.
TASKS = {
    task.name: task
    for task in (
        Classification,
        Regression,
        MultiLabel,
        TokenClassification,
        QuestionAnswering,
        MultipleChoice,
        Similarity,
        Reranking,
        Translation,
        Generation,
        FillMask,
        Features,
        ZeroShot,
    )
}


def find_task(name, *, scored=False):
    """Returns the class of a task.

    Args:
        name: key of `TASKS`.
        scored: whether the task must have labels to train and score on.
    """
    names = [key for key, task in TASKS.items() if task.scored or not scored]
    return TASKS[one_of("task", name, names)]


def task_of(config, settings):
    """Returns the name of the task that a model folder was trained for.

    Args:
        config: `BertConfig`. A folder made by transformers names its class and perhaps
            its `problem_type`; a single label means regression there, or reranking in a
            cross-encoder of sentence-transformers.
        settings: what the folder remembers beside it.
    """
    if "task" in settings:
        return settings["task"]
    classes = set(config.extra.get("architectures") or ())
    if classes & set(FillMask.architectures):
        return FillMask.name
    for task in (
        *(TokenClassification, QuestionAnswering, MultipleChoice, Translation),
    ):
        if task.architecture in classes:
            return task.name
    if "pooling" in settings:  # The folder has the files of sentence-transformers.
        return Similarity.name
    if len(config.extra.get("id2label") or "01") == 1:
        # Only a cross-encoder has an activation.
        return (Reranking if "activation" in settings else Regression).name
    names = {task.problem_type: task.name for task in TASKS.values()}
    return names.get(
        config.extra.get("problem_type") or Classification.problem_type,
        Classification.name,
    )
