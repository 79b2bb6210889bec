"""Values of a model and their gradients, for texts some of whose words are changed.

Shapes: B examples of a batch, S tokens of the longest, L tokens of an example, H hidden
size, Y layers, N heads.
"""

import numpy as np

from bert_tf.analysis.adapters import ADAPTERS, find_adapter
from bert_tf.analysis.explain.examples import make_examples, pad
from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")
tracing = lazy("bert_tf.training.tensorflow.tracing")


class Explainer:
    """Computes what is explained of a model's predictions.

    Args:
        model: `bert_tf.Model`, in float32.
        records: dicts with the fields of its task.
        batch_size: examples computed at once.

    Attributes:
        task: `Task`.
        target: `Target` of the task.
        examples: list of `Example`, one of each record.
        choices: int [records, …], what was predicted for each.
        full: float32 [records], the value of each, which is explained.
        mask_id: id of the token that stands for a word that is hidden.

    Raises:
        ValueError: the task's predictions are not explained; there is no [MASK].
    """

    def __init__(self, model, records, *, batch_size=128):
        self.task, self.model = model.task, model.keras_model
        self.target = find_adapter(self.task).target
        if not self.target:
            explained = [name for name, own in ADAPTERS.items() if own.target]
            raise ValueError(
                f"predictions of {self.task.name} are not explained; those of "
                f"{', '.join(explained)} are."
            )
        self.mask_id = self.task.tokenizer.mask_id
        if self.mask_id is None:
            raise ValueError(
                "the vocabulary has no [MASK], which stands for a word that is hidden; "
                "explanations need one."
            )
        self.examples = make_examples(self.task, records)
        self._batch_size = batch_size
        self._values = tracing.trace_once(self._compute)
        self._gradients = tracing.trace_once(self._differentiate)
        self._attention = tracing.trace_once(self._attend)
        self._outputs = tracing.trace_once(
            lambda batch: self.target.outputs(self.task, self.model, batch)
        )
        whole = [(number, example.ids) for number, example in enumerate(self.examples)]
        choices = [None] * len(whole)
        for part in self._parts(whole):
            outputs = self._outputs(self._batch(whole, part))
            for number, choice in zip(part, self.target.choose(self.task, outputs)):
                choices[number] = choice
        self.choices = np.array(choices)
        self.full = self.values(whole)

    def predicted(self, number):
        """Returns the name of what was predicted for an example."""
        return self.target.name(self.task, self.choices[number], self.examples[number])

    def values(self, variants, title=""):
        """Returns the value of examples with other tokens, float64 [variants].

        The value is of what was predicted for the example itself.

        Args:
            variants: list of (index of the example, its ids, int32 [L]).
            title: of the progress bar; "" for none.
        """
        # Of a short text, several fractions of its words are the same words.
        keys = [(number, ids.tobytes()) for number, ids in variants]
        distinct = dict(zip(keys, variants))
        places = {key: place for place, key in enumerate(distinct)}
        distinct = list(distinct.values())
        values = np.zeros(len(distinct))
        for part in self._parts(distinct, title):
            batch, chosen = self._batch(distinct, part), self._chosen(distinct, part)
            values[part] = self._values(batch, chosen).numpy()
        return values[[places[key] for key in keys]]

    def probabilities(self, values):
        """Returns values as the reader knows them, such as probabilities of labels."""
        return self.target.probability(np.asarray(values))

    def slopes(self, points, title=""):
        """Returns how the value changes with each token, on the way from hidden to shown.

        Args:
            points: list of (index of an example, α from 0 to 1). Each word's vector is
                α times its own and 1 - α times that of [MASK].
            title: of the progress bar; "" for none.

        Returns:
            two lists of float64 [L]: the gradient times the word vector minus that of
            [MASK], and the gradient times the word vector.
        """
        whole = [(number, self.examples[number].ids) for number, _ in points]
        along, inputs = [None] * len(points), [None] * len(points)
        for part in self._parts(whole, title):
            examples = [self.examples[whole[n][0]] for n in part]
            hidden = [
                example.hide(range(len(example.words)), self.mask_id)
                for example in examples
            ]
            batch = self._batch(whole, part)
            hidden = pad(self.task.tokenizer, hidden, [e.segments for e in examples])
            alphas = np.array([points[n][1] for n in part], np.float32)
            both = self._gradients(
                batch,
                hidden["input_ids"],
                alphas,
                self._chosen(whole, part),
            )
            for number, example, *rows in zip(
                part, examples, *(x.numpy() for x in both)
            ):
                own, times = (
                    row[: len(example.ids)].astype(np.float64) for row in rows
                )
                along[number], inputs[number] = own, times
        return along, inputs

    def attention(self, title=""):
        """Yields the index of each example, and its attention: Y float32 [N, L, L]."""
        whole = [(number, example.ids) for number, example in enumerate(self.examples)]
        for part in self._parts(whole, title):
            layers = self._attention(self._batch(whole, part))
            layers = [layer.numpy() for layer in layers]
            for row, number in enumerate(part):
                length = len(whole[number][1])
                yield number, [layer[row][:, :length, :length] for layer in layers]

    def _attend(self, batch):
        rows = self.model.backbone.compute(backbones.as_rows(batch), probabilities=True)
        return rows["attention_probabilities"]

    def _compute(self, batch, chosen):
        outputs = self.target.outputs(self.task, self.model, batch)
        return self.target.value(outputs, chosen)

    def _differentiate(self, batch, hidden, alphas, chosen):
        table = tf.convert_to_tensor(self.model.backbone.embeddings.word_table)
        words, masks = (tf.gather(table, ids) for ids in (batch["input_ids"], hidden))
        way = words - masks  # [B, S, H]
        vectors = masks + alphas[:, None, None] * way
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            values = self._compute(batch | {"word_vectors": vectors}, chosen)
        # No example depends on another, so the gradient of their sum is that of each.
        gradient = tape.gradient(values, vectors)
        return [tf.reduce_sum(gradient * x, axis=-1) for x in (way, words)]

    def _parts(self, variants, title=""):
        """Returns the indices of each batch, similar lengths together."""
        order = np.argsort([-len(ids) for _, ids in variants], kind="stable")
        parts = [
            order[begin : begin + self._batch_size]
            for begin in range(0, len(order), self._batch_size)
        ]
        return progress(parts, title, leave=False, unit="batch") if title else parts

    def _batch(self, variants, part):
        examples = [self.examples[variants[n][0]] for n in part]
        batch = pad(
            self.task.tokenizer,
            [variants[n][1] for n in part],
            [example.segments for example in examples],
        )
        more = [self.target.inputs(self.task, example) for example in examples]
        for name in more[0]:
            batch[name] = np.array([row[name] for row in more], np.int32)
        return batch

    def _chosen(self, variants, part):
        return self.choices[[variants[n][0] for n in part]]
