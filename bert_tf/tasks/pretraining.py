"""Masked tokens and the next sentence (Devlin et al., 2019, 3.1): BERT's own two tasks.

Shapes: B examples, L tokens of an example, M masked tokens, V vocabulary size.
"""

import dataclasses
import functools

from bert_tf.data.corpus.masking import UNITS, Masking
from bert_tf.data.corpus.pairs import Examples
from bert_tf.data.rows.batches import steps_per_epoch
from bert_tf.ground import at_least, lazy, one_of
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import option
from bert_tf.tasks.rows import choose_stream
from bert_tf.tokenization.framing import frame

keras = lazy("keras")
ops = lazy("keras.ops")
models = lazy("bert_tf.models.pretraining")

HELD_OUT_SEED = 0  # All runs are scored on the same masked tokens.
# The labels of each loss, and their weights where batches are padded.
_TERMS = {
    "masked_lm": ("masked_lm_ids", "masked_lm_weight"),
    "next_sentence": ("next_sentence_labels", "weight"),
}


class Pretraining(Task):
    """Predict masked tokens, and whether the second text follows the first.

    What the other tasks read from a file is drawn from a store of tokenized text as it is
    needed: pairs, masks and their order are functions of a seed and a number.

    Args:
        vocab: list of tokens, with [CLS], [SEP] and [MASK].
        options: as of `Task`.
    """

    name = "pretraining"
    architecture = "BertForPreTraining"
    pipeline = "fill-mask"
    metric = "masked_lm_accuracy"
    sums_batches = True
    soft = "softmax"

    @dataclasses.dataclass(frozen=True)
    class Options(Task.Options):
        phases: str = option(
            "",
            "Lengths and their updates, one after the other, such as "
            "128:900000,512:100000. Empty: max_seq_length alone.",
        )
        nsp: bool = option(True, "Train next sentence prediction, too.")
        masking: str = option(
            "piece",
            "What is masked: single word pieces, whole words (word), or a span.",
        )
        masked_lm_prob: float = option(
            0.15, "Fraction of the tokens that is masked, in (0, 1)."
        )
        max_eval_steps: int = option(
            100, "Batches of an evaluation. 0: all held-out text."
        )

        def __post_init__(self):
            one_of("masking", self.masking, UNITS)
            if not 0 < self.masked_lm_prob < 1:
                raise ValueError(
                    f"masked_lm_prob must be in (0, 1); received {self.masked_lm_prob}."
                )
            at_least(self, "max_eval_steps", 0)
            self.parse_phases()

        @property
        def longest(self):
            return (max(length for length, _ in self.parse_phases()),)

        def parse_phases(self):
            """Returns [(max_seq_length, updates)]; updates are None without `phases`."""
            if not self.phases:
                return [(self.max_seq_length, None)]
            phases = []
            for part in self.phases.split(","):
                length, _, steps = part.strip().partition(":")
                if not (length.isdecimal() and steps.isdecimal() and int(steps)):
                    raise ValueError(
                        "phases must be lengths and updates such as "
                        f"128:900000,512:100000; received {self.phases!r}."
                    )
                phases.append((int(length), int(steps)))
            return phases

    def __init__(self, vocab, options=None):
        super().__init__(None, options)
        options = self.options
        self.phases = options.parse_phases()
        self.masking = Masking(
            vocab, unit=options.masking, share=options.masked_lm_prob
        )
        for token in ("[CLS]", "[SEP]"):
            if token not in vocab:
                raise ValueError(
                    f"the vocabulary of {len(vocab)} tokens has no {token}, which frames "
                    "examples. Use it in place of an unused token."
                )
        self.cls_id, self.sep_id = vocab.index("[CLS]"), vocab.index("[SEP]")
        self.terms = ["masked_lm", *(["next_sentence"] if options.nsp else [])]
        self._draw = functools.cache(self._draw)

    @classmethod
    def learn(cls, tokenizer, store, options):
        """Takes the vocabulary from a `Store`; `tokenizer` is not used."""
        return cls(store.vocab, options)

    def columns(self, store):
        """Returns the `Store`: its examples are drawn when they are needed."""
        return store

    def _draw(self, store, length, seed):
        nsp = self.options.nsp
        return Examples(store, max_seq_length=length, seed=seed, next_sentence=nsp)

    def features(self, columns, max_seq_length=None):
        """Frames drawn texts and masks tokens of them, in NumPy; see `draw_texts`."""
        example = frame(
            columns["first"],
            columns["second"] if self.options.nsp else None,
            cls_id=self.cls_id,
            sep_id=self.sep_id,
            max_seq_length=max_seq_length or self.options.longest[0],
        )
        shown, masked = self.masking(example["input_ids"], columns["mask_seed"])
        return example | {
            "input_ids": shown,
            "masked_lm_ids": masked,
            "next_sentence_labels": columns["label"],
        }

    def steps_per_epoch(self, store, *, batch_size, micro_batches, seed=0):
        """Returns the updates of the first epoch of the first phase.

        Raises:
            ValueError: the store has too little text for the examples of a phase.
        """
        drawn = [self._draw(store, length, seed) for length, _ in self.phases]
        return steps_per_epoch(drawn[0].epoch_size(), batch_size, micro_batches)

    def training_rows(
        self, store, *, micro_batches, seed, start_step=0, share=(1, 0), **plan
    ):
        """Streams the rows of one phase after the other; the last phase has no end."""
        rows, begin, last = None, 0, len(self.phases) - 1
        for number, (length, steps) in enumerate(self.phases):
            start, begin = max(start_step, begin), begin + (steps or 0)
            if number < last and start_step >= begin:
                continue
            phase = choose_stream("pretraining_rows", length)(
                self._draw(store, length, seed),
                functools.partial(self.features, max_seq_length=length),
                micro_batches=micro_batches,
                seed=seed,
                start_step=start,
                share=share,
                **plan,
            )
            if number < last:
                phase = phase.take((begin - start) * micro_batches // share[0])
            rows = phase if rows is None else rows.concatenate(phase)
        return rows

    def evaluation_rows(self, store, *, batch_size):
        """Streams held-out examples of the last phase's length, always the same ones."""
        length, _ = self.phases[-1]
        return choose_stream("held_out_rows", length)(
            self._draw(store, length, HELD_OUT_SEED),
            functools.partial(self.features, max_seq_length=length),
            batch_size=batch_size,
            most=self.options.max_eval_steps * batch_size,
        )

    def build(self, backbone):
        return models.BertPretrainer(backbone)

    def weights(self, rows):
        weights = {}
        for term in self.terms:
            labels, weight = _TERMS[term]
            ones = ops.ones_like(rows[labels], dtype="float32")
            weights[term] = rows.get(weight, ones)
        return weights

    def losses(self, rows, outputs):
        return {
            term: keras.losses.sparse_categorical_crossentropy(
                rows[_TERMS[term][0]], outputs[f"{term}_logits"], from_logits=True
            )
            for term in self.terms
        }

    def soft_outputs(self, rows, outputs):
        return {term: [outputs[f"{term}_logits"]] for term in self.terms}

    def measure(self, rows, outputs):
        """Returns sums over a batch, float32 scalars; `score` divides their totals.

        They are, for each term, its `…_loss` in nats, its `…_hits`, how often the most
        probable prediction is right, and its `…_count`.
        """
        sums, weights = {}, self.weights(rows)
        for term, losses in self.losses(rows, outputs).items():
            predicted = ops.argmax(outputs[f"{term}_logits"], axis=-1)
            hits = ops.equal(ops.cast(predicted, "int32"), rows[_TERMS[term][0]])
            hits = ops.cast(hits, "float32")
            sums[f"{term}_loss"] = ops.sum(ops.multiply(losses, weights[term]))
            sums[f"{term}_hits"] = ops.sum(ops.multiply(hits, weights[term]))
            sums[f"{term}_count"] = ops.sum(weights[term])
        return sums

    def score(self, columns, sums):
        """Returns `masked_lm_loss`, in nats, and `masked_lm_accuracy`; with `nsp` those of
        `next_sentence`, too.

        Args:
            sums: totals of what `measure` returns.
        """
        scores = {}
        for term in self.terms:
            scores[f"{term}_loss"] = sums[f"{term}_loss"] / sums[f"{term}_count"]
            scores[f"{term}_accuracy"] = sums[f"{term}_hits"] / sums[f"{term}_count"]
        return scores
