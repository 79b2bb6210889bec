"""Fine-tunes bert_tf's classifier, or predicts with it.

Training uses the parts below `bert_tf.finetune`, so that batches keep the order of the
other engines; tokenization and packing run in the timed pipeline. Prediction reads the
table as scripts/predict.py does, and its time includes the reading. recipes.py trains
on tables with scripts/finetune.py instead. See contract.py for inputs and outputs.
"""

import dataclasses
import math

import keras
import tensorflow as tf

import bert_tf
from benchmarks.engines import contract
from bert_tf.checkpoints import folder as folders
from bert_tf.data.rows.packing import pack
from bert_tf.layers import attention_kernels
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.classification import Classification
from bert_tf.tokenization import make_tokenizer
from bert_tf.training.arithmetic import learning_rate_schedule
from bert_tf.training.tensorflow.optimizer import AdamW
from bert_tf.training.tensorflow.update import make_update

LABELS = ("0", "1")
PACKAGES = ("bert_tf", "keras", "tensorflow")


def load(options):
    """Returns task and model; a missing head starts from random weights of the seed."""
    keras.utils.set_random_seed(options.seed)
    folder = folders.read(options.model)
    task_options = Classification.Options(max_seq_length=options.max_seq_length)
    task = Classification(make_tokenizer(folder), task_options, labels=LABELS)
    model = task.build(make_backbone(folder.config, options))
    folders.load_weights(options.model, model, new_heads=True)
    return task, model


def make_backbone(config, options):
    """Returns a new encoder with the dropout and precision of the options."""
    if options.dropout is not None:
        config = dataclasses.replace(
            config,
            hidden_dropout_prob=options.dropout,
            attention_probs_dropout_prob=options.dropout,
        )
    return BertBackbone(
        config,
        dtype="mixed_bfloat16" if options.bf16 else "float32",
        attention=attention_kernels.choose(options.max_seq_length),
        gradient_checkpointing=options.gradient_checkpointing,
    )


def make_dataset(batches, task, seed):
    """Returns a `tf.data.Dataset` of packed rows, one element per batch, in order."""

    @tf.autograph.experimental.do_not_convert
    def rows(number, texts, labels):
        columns = {"text": texts, "label": labels}
        dropout_seed = tf.stack([tf.cast(seed, tf.int32), tf.cast(number, tf.int32)])
        return pack(task.features(columns)) | {"dropout_seed": dropout_seed}

    texts, labels = zip(*batches)  # [steps, B]; all batches have the same size.
    data = tf.data.Dataset.from_tensor_slices((list(texts), list(labels)))
    data = data.map(lambda x, y: (x, tf.cast(y, tf.int32)))
    numbered = data.enumerate().map(
        lambda number, batch: rows(number, *batch), num_parallel_calls=2
    )
    return numbered.prefetch(4)


def train_batches(options):
    """Trains once on all batches; returns speed and losses."""
    batches = contract.read_batches(options.batches)
    task, model = load(options)
    schedule = learning_rate_schedule(
        "linear",
        peak=options.learning_rate,
        total=len(batches),
        warmup=math.ceil(len(batches) * options.warmup_ratio),
    )
    rows = make_dataset(batches, task, options.seed)
    sizes = [len(texts) for texts, _ in batches]
    rate, losses = time_updates(model, task, schedule, rows, sizes, options)
    return {"examples_per_second": rate, "losses": losses}


def time_updates(model, task, schedule, rows, sizes, options):
    """Makes one update per element of `rows`.

    Args:
        sizes: number of examples or tokens in each element.

    Returns:
        examples or tokens per second, and the list of losses.
    """
    variables = {
        variable.path: variable.value for variable in model.trainable_variables
    }
    update = make_update(
        model,
        task,
        AdamW(variables, schedule=schedule),
        tf.distribute.get_strategy(),
        micro_batches=1,
        max_grad_norm=1.0,
    )
    iterator, clock, losses = iter(rows), contract.Clock(options.warmup_steps), []
    for size in sizes:
        losses.append(float(update(iterator)["loss"]))
        clock.step_done(size)
    return clock.rate(), losses


def predict(options):
    """Predicts a table with a fine-tuned model; returns labels and times."""
    model = bert_tf.Model(
        options.model, bf16=options.bf16, max_seq_length=options.max_seq_length
    )

    def predict_labels():
        predictions = model.predict_file(options.input_file)
        return [prediction["label"] for prediction in predictions]

    return contract.time_predictions(predict_labels, options)


def main():
    options = contract.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    work = predict if options.input_file else train_batches
    contract.report("bert_tf", work, options, PACKAGES)


if __name__ == "__main__":
    main()
