"""The protocol of a task: what a record means, from the file to the score.

Three words are used in one sense everywhere. A **record** is one entry of a user's file: a
dict of strings and labels. An **example** is what the model reads: token ids with [CLS] and
[SEP]. A **packed row** is a row of tokens that holds several examples.
"""

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.batches import steps_per_epoch
from bert_tf.ground import lazy
from bert_tf.models.labels import describe_labels
from bert_tf.tasks.labels import micro_f1, restore_labels
from bert_tf.tasks.options import Options, kept, make_options, names_of
from bert_tf.tasks.rows import choose_stream, compile_features
from bert_tf.tasks.teaching import Teaching
from bert_tf.tasks.texts import frame_texts

starts = lazy("bert_tf.models.starts")


class Task(Teaching):
    """A task with the defaults of one that classifies whole texts; others override.

    Shapes: N records, W examples of them all, B examples of a batch.

    Args:
        tokenizer: `BertTokenizer`.
        options: instance of the class's `Options`; its defaults if None.
        labels: names of the labels in the order of their ids; None without labels.

    Attributes:
        name: value of the flag `--task`.
        architecture: the class of transformers that has the same head.
        problem_type: what transformers calls the task in config.json, or None.
        pipeline: the Hugging Face pipeline tag, such as "text-classification".
        metric: the score that decides which of two models is better; higher is better.
        scored: whether there are labels to train and score on; False for tasks that
            only predict.
        couples_examples: the output by which the loss of an example depends on the
            others of its batch, such as "embeddings"; "" if it does not.
        sums_batches: whether `measure` sums over batches take the place of the outputs
            of every example in evaluation.
        label_type: type of a record's label: str for one label, list for several,
            float for a number; None if it is something else.
        has_labels: whether config.json holds names of labels (`id2label`).
        has_arrays: whether `arrays` can turn predictions into NumPy arrays.
        example_inputs: names of what `features` takes of `examples`; None for all.
        cuts_records: whether `examples` cuts texts into windows, each an example.
        keeps_special_tokens: whether [MASK] and others in a text stay what they are.
        decodes: whether predictions are texts that a decoder writes, token by token.
        zeros: names of options of a prediction that may be 0.
        decoder: `ModelFolder` of the decoder; None without one.
        card_record: a record for the model card, as Python.
        Options: frozen dataclass of the task's options, see `option`.
    """

    name = ""
    architecture = "BertForSequenceClassification"
    problem_type = None
    pipeline = "text-classification"
    metric = ""
    scored = True
    couples_examples = ""
    sums_batches = False
    label_type = None
    has_labels = False
    has_arrays = False
    example_inputs = None
    cuts_records = False
    keeps_special_tokens = False
    decodes = False
    zeros = ()
    decoder = None
    card_record = '"…"'
    Options = Options
    score_counts = staticmethod(micro_f1)  # Of sums of `counts`.

    # From a user's files, or `memory.Rows`, to records.
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)

    def __init__(self, tokenizer, options=None, *, labels=None):
        self.tokenizer = tokenizer
        self.options = options or self.Options()
        self.labels = labels and list(labels)

    @classmethod
    def make_options(cls, given):
        """Returns an instance of `Options` from a dict; see `options.make_options`."""
        return make_options(cls.Options, given, cls.name)

    @classmethod
    def read_options(cls, options):
        """Returns further keyword arguments of `read`.

        Args:
            options: dict of options, or the settings of a model folder.
        """
        return {}

    @classmethod
    def metric_of(cls, options):
        """Returns the metric of a model trained with a dict of options."""
        return cls.metric

    # A new task from training data, or the task that a model folder remembers.

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Makes the task from its training data.

        Args:
            tokenizer: `BertTokenizer`.
            table: `Table` of the training records.
            options: instance of `Options`.

        Raises:
            ValueError: the data cannot teach the task; an option does not fit them.
        """
        return cls(tokenizer, options)

    def inherit(self, folder, table):
        """Takes over what the folder that training starts from says of the task.

        Args:
            folder: `ModelFolder`.
            table: `Table` of the training records.
        """

    @classmethod
    def restore(cls, tokenizer, config, settings):
        """Makes the task that a model folder remembers.

        Args:
            tokenizer: `BertTokenizer`.
            config: `BertConfig`; `extra` holds the other keys of config.json.
            settings: dict of what `settings` returned, perhaps with further options.
        """
        labels = {"labels": restore_labels(config)} if cls.has_labels else {}
        options = cls.Options(**kept(cls.Options, settings))
        return cls(tokenizer, options, **labels)

    def describe(self):
        """Returns the keys of config.json that transformers needs for the same head."""
        labels = describe_labels(self.labels) if self.labels else {}
        kind = {"problem_type": self.problem_type} if self.problem_type else {}
        return labels | kind

    def settings(self, scores):
        """Returns what a model folder must remember to predict; plain JSON.

        Args:
            scores: {"eval_…": value} of the weights that the folder holds.
        """
        names = names_of(self.Options, "training", "both")
        return {name: getattr(self.options, name) for name in names}

    # From records to examples.

    def columns(self, table):
        """Returns {name: array [N, …]} of a `Table`, checked.

        Raises:
            ValueError: names the file, the line and what is wrong there.
        """
        raise NotImplementedError

    def examples(self, columns):
        """Returns {name: array, perhaps ragged, [W, …]}: the records, or their windows."""
        return columns

    def inputs(self, examples):
        """Returns the entries of `examples` that `features` takes."""
        names = self.example_inputs or examples
        return {name: examples[name] for name in names if name in examples}

    def count(self, examples):
        """Returns the number of examples, W."""
        return next(iter(self.inputs(examples).values())).shape[0]

    def features(self, columns):
        """Frames a batch of texts, or of pairs; in TensorFlow's graph, or in NumPy.

        Args:
            columns: {name: tensor or array [B, …]}, some of `inputs`; here strings.

        Returns:
            dict with `input_ids` and `segment_ids`, int32 ragged [B, (tokens)], and
            what else belongs to the examples, such as `label`. An `xp` of
            `tokenization.arrays` computes the same for both.
        """
        options = self.options
        return frame_texts(
            columns, self.tokenizer, options.max_seq_length, options.long_text
        )

    # From examples to batches of packed rows.

    def steps_per_epoch(self, examples, *, batch_size, micro_batches, seed):
        """Returns the number of updates that an epoch takes."""
        return steps_per_epoch(self.count(examples), batch_size, micro_batches)

    def training_rows(self, examples, **plan):
        """Streams packed micro-batches without end; see `pipeline.training_rows`."""
        stream = choose_stream("training_rows", *self.options.longest)
        return stream(self.inputs(examples), self.features, **plan)

    def evaluation_rows(self, examples, *, batch_size, features=None):
        """Streams every example once; see `pipeline.evaluation_rows`.

        Args:
            examples: as `examples` returns them.
            batch_size: examples of a batch.
            features: `compile_features(self.features)`; None to compile it anew.
        """
        stream = choose_stream("evaluation_rows", *self.options.longest)
        # A batch of long texts must fit into memory: count them by their windows.
        long_text = getattr(self.options, "long_text", "truncate")
        in_windows = long_text == "windows" and not self.cuts_records
        return stream(
            self.inputs(examples),
            features or compile_features(self.features),
            batch_size=batch_size,
            characters=4 * self.options.max_seq_length if in_windows else None,
        )

    # The model and its losses.

    def build(self, backbone):
        """Returns the Keras model: a `BertBackbone` with the task's head."""
        raise NotImplementedError

    def load_start(self, model, path):
        """Loads the weights of a model folder, which training starts from; None: random."""
        if path:
            starts.load_encoder(model, path)

    def infer(self, model, rows):
        """Returns {name: tensor [B, …]}, what a model computes for rows, in the graph."""
        return self.named(model(rows, training=False))

    def named(self, outputs):
        """Returns the outputs of the model as a dict; a single tensor is the logits."""
        return outputs if isinstance(outputs, dict) else {"logits": outputs}

    def weights(self, rows):
        """Returns {term: float32 [items]}: the weights of the losses.

        They depend on the rows alone. So the step knows their sum over all replicas and
        micro-batches before it computes the first output, and divides by it once.
        """
        raise NotImplementedError

    def losses(self, rows, outputs):
        """Returns {term: float32 [items]}: the losses, unreduced.

        Args:
            rows: dict of a batch of packed rows.
            outputs: what the model returns, by name or as a single tensor.
        """
        raise NotImplementedError

    # From outputs to predictions and scores.

    def measure(self, rows, outputs):
        """Returns {name: float32 scalar}, sums over a batch, if `sums_batches`."""
        raise NotImplementedError

    def collect(self, columns, examples, outputs):
        """Turns outputs of examples, {name: [W, …]}, into outputs of records, [N, …]."""
        return outputs

    def predict(self, outputs, columns):
        """Returns the predictions, a list of N dicts that can be written as JSON.

        Args:
            outputs: {name: array [N, …]}, as `collect` returns them.
            columns: as `columns` returns them.
        """
        raise NotImplementedError

    def as_rows(self, predictions):
        """Returns predictions as rows of a table, dicts {column: value}; for most as they are."""
        return predictions

    def arrays(self, predictions):
        """Returns {name: array} of predictions for a .npz file; None if there are none."""
        return

    def score(self, columns, outputs):
        """Returns {name: value}: the scores of labelled records, `metric` among them."""
        raise NotImplementedError

    def hits(self, columns, outputs):
        """Returns float [N] whose mean is `metric`; None if it is not such a mean."""
        return

    def counts(self, columns, outputs):
        """Returns int [N, K] if `score_counts` of their sum is `metric`, else None."""
        return
