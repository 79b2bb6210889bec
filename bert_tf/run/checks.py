"""Checks of a training run before anything is written."""

from bert_tf.ground import lazy
from bert_tf.predictor import check_decoding
from bert_tf.training import selection

keras = lazy("keras")


def check(job, training, micro_batches):
    """Refuses settings that do not fit the task, the model or each other."""
    if training.fp16 and keras.backend.backend() != "tensorflow":
        raise ValueError(
            "fp16 is for --engine=tensorflow, which scales the loss; with jax, pass --bf16."
        )
    if job.evaluation is not None:
        check_decoding(job.task)
    selection.check_freeze(training.freeze, job.folder.config.num_hidden_layers)
    width = job.folder.config.hidden_size
    if training.lora_rank > width:
        raise ValueError(
            f"lora_rank must be at most {width}, the hidden size of the model; received "
            f"{training.lora_rank}."
        )
    if job.task.couples_examples and micro_batches > 1:
        raise ValueError(
            "similarity_loss=negatives compares all pairs of a batch, which cannot be "
            f"split into {micro_batches} parts; drop "
            "gradient_accumulation_steps, and train on one device."
        )
    if training.early_stopping_patience and job.evaluation is None:
        raise ValueError(
            f"early_stopping_patience={training.early_stopping_patience} needs data to "
            "evaluate on; pass eval_file or eval_fraction (eval_data_dir in "
            "pretraining)."
        )
