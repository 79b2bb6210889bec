"""The run that the checks are for: its task and options, as `finetune` or `evaluate` has them."""

from bert_tf.data.records.options import reader_arguments
from bert_tf.run.finetuning import FinetuneConfig
from bert_tf.tasks import find_task
from bert_tf.tasks.lengths import example_lengths
from bert_tf.tasks.options import kept

# Settings of the doctor that are options of a task, if they are given.
OPTIONS = ("max_seq_length", "long_text", "label_separator", "similarity_loss")
_UNUSED = "-"  # In place of a model and a folder, which are not opened here.


def choose(config, folder):
    """Returns the class of the task, and its options.

    Args:
        config: `DoctorConfig`.
        folder: `ModelFolder`, or None. Without a training file its own task and options
            hold, as in `evaluate`; else those that `finetune` has with the same flags.

    Raises:
        ValueError: there is no such task; an option of another task.
    """
    given = {name: getattr(config, name) for name in OPTIONS if getattr(config, name)}
    settings = folder.settings if folder and not config.train_file else {}
    if "task" in settings:
        kind = find_task(config.task or settings["task"])
        positions = {"max_seq_length": folder.config.max_position_embeddings}
        return kind, kind.Options(**kept(kind.Options, positions | settings | given))
    asked = {"task": config.task} if config.task else {}
    run = FinetuneConfig(
        model=config.model or _UNUSED,
        output_dir=_UNUSED,
        train_file=config.train_file,
        **asked,
        **reader_arguments(config),
        **given,
    )
    return find_task(run.task, scored=True), run.task_options


def count_tokens(kind, options, table, folder, tokenizer, *, learns):
    """Returns the lengths of the examples of a table, int64 [examples], uncut.

    Args:
        kind, options: as `choose` returns them.
        table: `Table`.
        folder, tokenizer: `ModelFolder` and `BertTokenizer`.
        learns: whether the task is learnt from the table, not restored from the folder.

    Raises:
        ValueError: the table cannot teach the task, or has an unknown label; or the
            folder has a pooling that is not computed.
    """
    if learns:
        task = kind.learn(tokenizer, table, options)
        task.inherit(folder, table)
    else:
        task = kind.restore(tokenizer, folder.config, folder.settings)
        task.decoder = folder.decoder
        task.options = options
    return example_lengths(task, task.columns(table))[0]
