"""What a masked LM says of single tokens of a sentence.

Shapes: B examples of a batch, V vocabulary size.
"""

import numpy as np

from bert_tf.analysis.explain.examples import pad
from bert_tf.ground import lazy, progress

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")
tracing = lazy("bert_tf.training.tensorflow.tracing")


class MaskedLM:
    """The masked-LM head of a model folder.

    Args:
        model: `bert_tf.Model` of the task fill_mask.
        batch_size: examples computed at once.
    """

    def __init__(self, model, batch_size=128):
        self.tokenizer = model.task.tokenizer
        self.max_tokens = model.task.options.max_seq_length
        self._batch_size = batch_size
        pretrainer = model.keras_model.pretrainer

        def compute(batch, targets):
            outputs = pretrainer(backbones.as_rows(batch))
            logs = tf.nn.log_softmax(outputs["masked_lm_logits"])
            return tf.gather(logs, targets, batch_dims=1)

        def guess(batch, top_k):
            logits = pretrainer(backbones.as_rows(batch))["masked_lm_logits"]
            known = logits[0, : self.tokenizer.vocab_size]
            return tf.math.top_k(known, top_k).indices

        def compare(batch):
            return tf.nn.softmax(
                pretrainer(backbones.as_rows(batch))["next_sentence_logits"]
            )

        self._compute = tracing.trace_once(compute)
        self._guess = tracing.trace_once(guess)
        self._compare = tracing.trace_once(compare)

    def encode(self, text, pair=None):
        """Returns ids and segments of a sentence, or of two, as the model reads them."""
        batch = self.tokenizer(
            [text], None if pair is None else [pair], max_length=self.max_tokens
        )
        return tuple(
            np.asarray(batch[name])[0] for name in ("input_ids", "segment_ids")
        )

    def log_probabilities(self, variants, title=""):
        """Returns the log-probability of a token in the place of another, float64 [variants].

        Args:
            variants: list of (ids, position, id): the ids as the model sees them, such
                as with [MASK] at the position.
            title: of the progress bar; "" for none.
        """
        logs = np.zeros(len(variants))
        for part in self._parts([ids for ids, _, _ in variants], title):
            chosen = [variants[number] for number in part]
            ids = [ids for ids, _, _ in chosen]
            batch = pad(self.tokenizer, ids, [np.zeros(len(x)) for x in ids])
            batch["masked_lm_positions"] = np.array(
                [[p] for _, p, _ in chosen], np.int32
            )
            targets = np.array([target for _, _, target in chosen], np.int32)
            logs[part] = self._compute(batch, targets).numpy()
        return logs

    def suggest(self, text, begin, end, top_k):
        """Returns the ids of the most probable tokens in the place of the word text[begin:end].

        The model reads the word itself if that is one token, as in BERT-Attack (Li et al.,
        2020), so that the suggestions stay near its meaning; else [MASK] is in its place.
        There are none for a word that is cut off.
        """
        ids, _ = self.encode(f"{text[:begin]}[MASK]{text[end:]}")
        position = int(np.argmax(ids == self.tokenizer.mask_id))
        if not position:  # [CLS] is there.
            return []
        whole, _ = self.encode(text)
        if np.array_equal(whole[position + 1 :], ids[position + 1 :]):
            ids = whole
        batch = pad(self.tokenizer, [ids], [np.zeros(len(ids))])
        batch["masked_lm_positions"] = np.array([[position]], np.int32)
        return self._guess(batch, top_k).numpy().tolist()

    def follows(self, pairs, title=""):
        """Returns the probability that a sentence follows another, float64 [pairs].

        Args:
            pairs: list of (sentence, next sentence).
        """
        encoded = [self.encode(*pair) for pair in pairs]
        shares = np.zeros(len(pairs))
        for part in self._parts([ids for ids, _ in encoded], title):
            ids, segments = zip(*(encoded[number] for number in part))
            batch = pad(self.tokenizer, ids, segments)
            batch["masked_lm_positions"] = np.zeros((len(part), 1), np.int32)
            shares[part] = self._compare(batch).numpy()[:, 0]
        return shares

    def _parts(self, ids, title):
        order = np.argsort([-len(own) for own in ids], kind="stable")
        parts = [
            order[begin : begin + self._batch_size]
            for begin in range(0, len(order), self._batch_size)
        ]
        return progress(parts, title, leave=False, unit="batch") if title else parts
