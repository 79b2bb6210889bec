"""What a run of fine-tuning writes at its end: the model folder, its pictures and its card."""

import dataclasses
import pathlib

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import sentence_transformers
from bert_tf.ground import lazy
from bert_tf.training import journal

session = lazy("bert_tf.run.session")


def write_model(output_dir, model, task, folder, settings):
    """Writes the weights, and what predictions need.

    Args:
        output_dir: `pathlib.Path`.
        model: built Keras model of the task.
        task: `Task`.
        folder: `ModelFolder` that training started from.
        settings: what bert_tf must remember to predict, plain JSON.
    """
    extra = folder.config.extra | task.describe()
    learnt = dataclasses.replace(folder.config, extra=extra)
    folders.write(
        output_dir,
        model,
        dataclasses.replace(
            folder, config=learnt, settings=settings, decoder=task.decoder
        ),
        architecture=task.architecture,
    )
    if "pooling" in settings:  # Embeddings: sentence-transformers has files of its own.
        sentence_transformers.write(output_dir, settings, learnt.hidden_size)


def write_report(config, training, task, lines, metrics, *, flags, **facts):
    """Writes the pictures and the card.

    Args:
        config: configuration of the verb, whose `output_dir` is the folder.
        training: `TrainConfig`.
        task: `Task`.
        lines: entries of metrics.jsonl.
        metrics: {name: value}.
        flags: {name: value}, all flags of the run.
        facts: as in `write_model_card`.
    """
    report.write(
        pathlib.Path(config.output_dir),
        lines,
        metrics,
        labels=task.labels,
        metric=task.metric,
        task=task.name,
        pipeline=task.pipeline,
        record=task.card_record,
        in_memory={name: flags[name] for name in journal.IN_MEMORY if name in flags},
        settings=session.changed_flags(config, training),
        **facts,
    )
