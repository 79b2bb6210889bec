"""Fine-tunes keras_hub's BertTextClassifier with its own `fit`, on padded examples.

It measures speed only, so the learning rate is constant and no losses are reported.
keras_hub reads the weights of the Hugging Face folder, and its preprocessor encodes the
texts beforehand. See contract.py for inputs and outputs.
"""

import keras
import keras_hub
import tensorflow as tf

from benchmarks.engines import contract

PACKAGES = ("keras_hub", "keras", "tensorflow")


class Timer(keras.callbacks.Callback):
    """Reports every update to a `contract.Clock`."""

    def __init__(self, clock, batch_sizes):
        super().__init__()
        self.clock = clock
        self.batch_sizes = batch_sizes

    def on_train_batch_end(self, batch, logs=None):
        self.clock.step_done(self.batch_sizes[batch])


def load_classifier(options):
    """Returns keras_hub's classifier and preprocessor for a model folder."""
    keras.utils.set_random_seed(options.seed)
    if options.bf16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    rates = {} if options.dropout is None else {"dropout": options.dropout}
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor.from_preset(
        options.model, sequence_length=options.max_seq_length
    )
    classifier = keras_hub.models.BertTextClassifier(
        keras_hub.models.BertBackbone.from_preset(options.model, **rates),
        num_classes=2,
        **rates,
    )
    # Keras decides whether to use XLA; it made no difference.
    classifier.compile(make_optimizer(options), make_loss())
    return classifier, preprocessor


def make_optimizer(options):
    optimizer = keras.optimizers.AdamW(
        options.learning_rate, weight_decay=0.01, epsilon=1e-8, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def make_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def time_fit(model, examples, shapes, sizes, options):
    """Trains once on all batches; returns examples or tokens per second.

    Args:
        examples: list of inputs for `fit`, one element per batch.
        shapes: their `tf.TensorSpec`s.
        sizes: number of examples or tokens in each batch.
    """
    rows = tf.data.Dataset.from_generator(lambda: examples, output_signature=shapes)
    rows = rows.apply(tf.data.experimental.assert_cardinality(len(examples)))
    clock = contract.Clock(options.warmup_steps)
    model.fit(rows, callbacks=[Timer(clock, sizes)], verbose=0)
    return clock.rate()


def train(options):
    """Trains once on all batches; returns the speed."""
    if not options.batches:
        raise ValueError(
            "batches is missing: this engine trains only on --batches=FILE."
        )
    classifier, preprocessor = load_classifier(options)
    batches = contract.read_batches(options.batches)
    examples = [(preprocessor(texts), tf.constant(ids)) for texts, ids in batches]
    shapes = tf.nest.map_structure(
        lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), examples[0]
    )
    sizes = [len(ids) for _, ids in batches]
    rate = time_fit(classifier, examples, shapes, sizes, options)
    return {"examples_per_second": rate}


def main():
    options = contract.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    contract.report("keras_hub", train, options, PACKAGES)


if __name__ == "__main__":
    main()
