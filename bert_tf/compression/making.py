"""Makes the models of which `compress` measures the files."""

import dataclasses
import logging
import pathlib

from bert_tf.checkpoints import folder as folders
from bert_tf.compression import candidates
from bert_tf.data.records.options import reader_arguments
from bert_tf.ground import lazy
from bert_tf.tasks.options import kept

converting = lazy("bert_tf.run.converting")
distilling = lazy("bert_tf.compression.distilling")
finetuning = lazy("bert_tf.run.finetuning")
plan = lazy("bert_tf.compression.plan")
stages = lazy("bert_tf.compression.stages")

_log = logging.getLogger(__name__)


def make_models(config, training, chosen, task, start):
    """Returns {name: folder} of the models that the candidates need, each made once.

    Args:
        config: `CompressConfig`.
        training: `TrainConfig` of each training; `train_minutes` is for all of them.
        chosen: list of `Candidate`.
        task: `Task` of the given model.
        start: folder of the given model.
    """
    names = candidates.list_models(chosen)
    trained = sum(candidates.MODELS[name][1] for name in names)
    if training.train_minutes and trained:
        minutes = training.train_minutes / trained
        training = dataclasses.replace(training, train_minutes=minutes)
    training = dataclasses.replace(training, overwrite_output_dir=False)
    home, made = pathlib.Path(config.output_dir, "models"), {"": start}
    home.mkdir(exist_ok=True)
    for name in names:
        _log.info("making the model %s.", name)
        source, _ = candidates.MODELS[name]
        _MAKERS[name](made[source], home / name, config, training, task)
        made[name] = home / name
    return made


def _trim(source, path, config, training, task):
    if not path.exists():
        files = ",".join(filter(None, (config.train_file, config.transfer_file)))
        converting.convert(
            converting.ConvertConfig(
                input=str(source), output=str(path), trim_vocab=files
            )
        )


def _train_rounded(source, path, config, training, task):
    if training.bf16 or training.fp16:
        _log.info("this model trains in float32: half precision has too few bits.")
    finetuning.finetune(
        finetuning.FinetuneConfig(
            model=str(source), **_task_and_data(source, path, config, task)
        ),
        dataclasses.replace(training, quantization_aware=True, bf16=False, fp16=False),
    )


def _prune(source, path, config, training, task):
    stages.prune(
        plan.PruneConfig(
            model=str(source),
            task=task.name,
            prune=candidates.PRUNED,
            **_data(config, path),
        ),
        training,
    )


def _halve(source, path, config, training, task):
    layers = folders.read(source).config.num_hidden_layers
    student = {"student": "teacher", "keep_layers": candidates.half_of(layers)}
    _distill(source, path, config, training, task, student)


def _shrink(source, path, config, training, task):
    _distill(source, path, config, training, task, {"student": candidates.SMALL})


def _distill(source, path, config, training, task, student):
    distilling.distill(
        distilling.DistillConfig(
            teacher=str(source),
            transfer_file=config.transfer_file,
            **student,
            **_task_and_data(source, path, config, task),
        ),
        training,
    )


_MAKERS = {
    "trimmed": _trim,
    "aware": _train_rounded,
    "pruned": _prune,
    "half": _halve,
    "small": _shrink,
}


def _task_and_data(source, path, config, task):
    """Returns `_data`, the task, and the options that the source remembers of it."""
    options = kept(type(task).Options, folders.read(source).settings)
    return {"task": task.name, **_data(config, path), **options}


def _data(config, path):
    """Returns the settings of the data that every training shares, and its folder."""
    return {
        "train_file": config.train_file,
        "eval_file": config.eval_file,
        "output_dir": str(path),
        **reader_arguments(config),
    }
