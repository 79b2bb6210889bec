"""What a record means: features, losses, answers and scores of each task.

A task is one file here and one line in `TASKS`. It has

    name, architecture      its flag value; the transformers class with the same head
    problem_type            what transformers calls it in config.json
    metric                  the score that says which of two models is better
    many_labels             whether the label of a record is a list
    options                 fields of FinetuneConfig that `learn` takes beside
    learn(tokenizer, table, max_seq_length, …)  a new task from its training data
    restore(tokenizer, config, settings, …)     the task that a model folder remembers
    describe()              keys of config.json that carry what it learnt (its labels)
    settings(scores)        what else a folder must remember to answer
    columns(table)          records -> {name: array [N, …]}, checked; for the pipeline
    features(columns)       the same of a few examples -> ragged pieces; in the graph
    build(backbone)         the model
    weights(rows)           {term: float [items]}, from the rows alone
    losses(rows, outputs)   {term: float [items]}
    predict(outputs)        answers for people and programs, one a record
    score(columns, outputs) {name: value}
    hits(columns, outputs)  where `metric` is a mean over examples: float [N], its parts

A task that only answers has `name`, `restore`, `columns`, `features`, `build` and
`predict`, and a place in `ANSWERING`.

Weights stand apart from losses, because the step must know their sum over all replicas
and micro-batches before it computes the first output.
"""

from bert_tf.tasks.classification import Classification
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tasks.multi_label import MultiLabel
from bert_tf.tasks.regression import Regression

TASKS = {task.name: task for task in (Classification, Regression, MultiLabel)}
ANSWERING = TASKS | {FillMask.name: FillMask}


def refuse_foreign_options(task, given):
    """Raises a ValueError where an option of another task is among the `given`."""
    for other in TASKS.values():
        for name in other.options:
            if name in given and name not in task.options:
                raise ValueError(
                    f"{name} is an option of {other.name}, not of {task.name}; drop it."
                )


def task_of(config, settings):
    """Returns the name of the task, of `ANSWERING`, that a model folder was trained for.

    Args:
        config: `BertConfig`; one made by transformers says its class and
            `problem_type`, or has a single label where it means regression.
        settings: of the folder.
    """
    if "task" in settings:
        return settings["task"]
    if set(config.extra.get("architectures") or ()) & set(FillMask.architectures):
        return FillMask.name
    if len(config.extra.get("id2label") or "01") == 1:
        return Regression.name
    kinds = {task.problem_type: task.name for task in TASKS.values()}
    return kinds.get(config.extra.get("problem_type"), Classification.name)
