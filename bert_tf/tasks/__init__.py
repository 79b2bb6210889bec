"""What a record means: features, losses, answers and scores of each task.

A task is one file here and one line in `TASKS`. It has

    name, architecture      its flag value; the transformers class with the same head
    problem_type            what transformers calls it in config.json
    pipeline                what Hugging Face calls that for which a model is
    metric                  the score that says which of two models is better
    options                 fields of FinetuneConfig that `learn` takes beside
    learn(tokenizer, table, max_seq_length, …)  a new task from its training data
    restore(tokenizer, config, settings, …)     the task that a model folder remembers
    describe()              keys of config.json that carry what it learnt (its labels)
    settings(scores)        what else a folder must remember to answer
    read, read_lines        a file, or lines to answer -> Table
    columns(table)          records -> {name: array [N, …]}, checked
    features(columns)       the same of a few examples -> ragged pieces; in the graph
    build(backbone)         the model
    weights(rows)           {term: float [items]}, from the rows alone
    losses(rows, outputs)   {term: float [items]}
    predict(outputs, columns)  answers for people and programs, one a record
    score(columns, outputs) {name: value}
    hits(columns, outputs)  where `metric` is a mean over records: float [N], its parts
    counts(columns, outputs)  where it is F1 over all of them: int [N, 3], what is
                            right, answered and true of each

A task may have

    read_options(options)   what its `read` takes besides, of what it is trained with
    metric_of(options)      its metric, where that hangs on how it is trained
    couples_examples        whether the loss of an example hangs on others of its batch
    long_text               what happens to what is longer than the model reads
    asked                   settings that whoever asks may give, besides `options`
    arrays(answers)         answers of `predict` -> {name: array}, for a .npz file

A task whose records are no examples, but are cut into windows, has besides

    examples(columns)       {name: array or ragged tensor [W, …]}, the windows
    inputs                  those of them that `features` takes
    collect(columns, examples, outputs)  outputs of windows -> [N], of records

A task that only answers has `name`, `restore`, `columns`, `features`, `build` and
`predict`, and a place in `ANSWERING`.

Weights stand apart from losses, because the step must know their sum over all replicas
and micro-batches before it computes the first output.
"""

from bert_tf.tasks.classification import Classification
from bert_tf.tasks.features import Features
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tasks.multi_label import MultiLabel
from bert_tf.tasks.multiple_choice import MultipleChoice
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tasks.regression import Regression
from bert_tf.tasks.similarity import Similarity
from bert_tf.tasks.token_classification import TokenClassification

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
    )
}
ANSWERING = TASKS | {task.name: task for task in (FillMask, Features)}


def read_options(task, options):
    """What a task's `read` takes besides columns, {name: value}.

    Args:
        task: one, or its class.
        options: fields of FinetuneConfig, or the settings of a folder.
    """
    return task.read_options(options) if hasattr(task, "read_options") else {}


def metric_of(task, options):
    """Returns the metric of a task's class that is trained with these options."""
    return task.metric_of(options) if hasattr(task, "metric_of") else task.metric


def examples_of(task, columns):
    """What goes through the model for the columns of a table: they, or their windows."""
    return task.examples(columns) if hasattr(task, "examples") else columns


def inputs_of(task, examples):
    """What of the examples `features` takes."""
    names = getattr(task, "inputs", examples)
    return {name: examples[name] for name in names if name in examples}


def batching_of(task):
    """What `evaluation_rows` must know so that a batch of long texts fits the memory."""
    whole = getattr(task, "long_text", "") == "windows" and not hasattr(
        task, "examples"
    )
    return {"characters": 4 * task.max_seq_length if whole else None}


def count_of(task, examples):
    """How many examples there are."""
    return next(iter(inputs_of(task, examples).values())).shape[0]


def collect(task, columns, examples, outputs):
    """Turns outputs, one an example, into outputs of the records."""
    if hasattr(task, "collect"):
        return task.collect(columns, examples, outputs)
    return outputs


def refuse_foreign_options(task, given):
    """Raises a ValueError where an option of another task is among the `given`."""
    for other in TASKS.values():
        for name in other.options:
            if name in given and name not in task.options:
                raise ValueError(
                    f"{name} is an option of {other.name}, not of {task.name}; drop it."
                )


def refuse_foreign_settings(task, asked):
    """Raises a ValueError where a task would not look at what it is asked with."""
    known = {*getattr(task, "options", ()), *getattr(task, "asked", ())}
    for name, value in asked.items():
        if name not in known:
            raise ValueError(f"{task.name} knows no {name} ({value}); drop it.")


def task_of(config, settings):
    """Returns the name of the task, of `ANSWERING`, that a model folder was trained for.

    Args:
        config: `BertConfig`; one made by transformers says its class and
            `problem_type`, or has a single label where it means regression.
        settings: of the folder.
    """
    if "task" in settings:
        return settings["task"]
    classes = set(config.extra.get("architectures") or ())
    if classes & set(FillMask.architectures):
        return FillMask.name
    for task in (TokenClassification, QuestionAnswering, MultipleChoice):
        if task.architecture in classes:
            return task.name
    if "pooling" in settings:  # sentence-transformers says so.
        return Similarity.name
    if len(config.extra.get("id2label") or "01") == 1:
        return Regression.name
    kinds = {t.problem_type: t.name for t in TASKS.values() if t.problem_type}
    return kinds.get(config.extra.get("problem_type"), Classification.name)
