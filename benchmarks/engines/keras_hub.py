"""Fine-tunes keras_hub's BertTextClassifier with its own `fit`, padded to one length.

Speed only, so the learning rate is constant and no losses are reported. The weights are
read from the Hugging Face folder by keras_hub itself; texts are preprocessed beforehand
by its own preprocessor. contract.py says what goes in and comes out.
"""

import keras
import keras_hub
import tensorflow as tf

from benchmarks.engines import contract

PACKAGES = ("keras_hub", "keras", "tensorflow")


class Timer(keras.callbacks.Callback):
    """Tells the clock of every update."""

    def __init__(self, clock, batch_sizes):
        super().__init__()
        self.clock = clock
        self.batch_sizes = batch_sizes

    def on_train_batch_end(self, batch, logs=None):
        self.clock.step_done(self.batch_sizes[batch])


def load_classifier(options):
    """Returns classifier and preprocessor, keras_hub's own, from the folder."""
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
    # XLA as Keras decides; it made no difference.
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
    """Trains once over the batches; returns how many examples or tokens a second.

    Args:
        examples: what `fit` takes, one element a batch.
        shapes: their `tf.TensorSpec`s.
        sizes: examples or tokens of each.
    """
    rows = tf.data.Dataset.from_generator(lambda: examples, output_signature=shapes)
    rows = rows.apply(tf.data.experimental.assert_cardinality(len(examples)))
    clock = contract.Clock(options.warmup_steps)
    model.fit(rows, callbacks=[Timer(clock, sizes)], verbose=0)
    return clock.rate()


def train(options):
    """Trains once over the batches; returns what is to be reported."""
    if not options.batches:
        raise ValueError("This engine measures speed: give it --batches.")
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
