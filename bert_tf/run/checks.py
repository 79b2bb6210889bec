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
    if job.task.couples_examples:
        _check_coupled(job.task, training, micro_batches)
    if training.early_stopping_patience and job.evaluation is None:
        raise ValueError(
            f"early_stopping_patience={training.early_stopping_patience} needs data to "
            "evaluate on; pass eval_file or eval_fraction (eval_data_dir in "
            "pretraining)."
        )


def _check_coupled(task, training, micro_batches):
    """Refuses to split a batch whose examples are compared, where that is not computed."""
    says = "similarity_loss=negatives compares all pairs of a batch"
    steps = training.gradient_accumulation_steps
    if micro_batches > steps:
        raise ValueError(
            f"{says}, which cannot be split over {micro_batches // steps} devices; train "
            "on one device."
        )
    if micro_batches == 1:
        return
    if training.adversarial_epsilon:
        raise ValueError(
            f"{says}, which cannot be split into {micro_batches} parts with "
            f"adversarial_epsilon={training.adversarial_epsilon:g}; drop one of them."
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"{says}, which only --engine=tensorflow splits into {micro_batches} parts; "
            "drop gradient_accumulation_steps."
        )
    if task.couples_examples is True:  # It has no single output.
        raise ValueError(
            f"{says}, which cannot be split into {micro_batches} parts while it learns "
            "from a teacher; drop gradient_accumulation_steps."
        )
