"""Masked words and the next sentence (Devlin et al., 2019, 3.1): BERT's own two tasks.

Shapes: B examples, L pieces of an example, M masked pieces, V pieces known.
"""

import keras
from keras import ops

from bert_tf.data.rows.packing import frame
from bert_tf.models.pretraining import BertPretrainer


class Pretraining:
    """Guess the hidden pieces, and whether the second text follows the first.

    Args:
        masking: `Masking`.
        cls_id, sep_id: of [CLS] and [SEP].
        max_seq_length: pieces of an example, special ones included.
        next_sentence: whether examples are pairs, and their second task is learnt.
    """

    name = "pretraining"
    architecture = "BertForPreTraining"
    metric = "masked_lm_accuracy"

    def __init__(self, masking, *, cls_id, sep_id, max_seq_length, next_sentence=True):
        self.masking = masking
        self.cls_id, self.sep_id = cls_id, sep_id
        self.max_seq_length = max_seq_length
        self.next_sentence = next_sentence

    def features(self, columns):
        """Frames drawn texts and hides pieces of them; see `pretraining_rows`."""
        example = frame(
            columns["first"],
            columns["second"] if self.next_sentence else None,
            cls_id=self.cls_id,
            sep_id=self.sep_id,
            max_seq_length=self.max_seq_length,
        )
        shown, hidden = self.masking(example["input_ids"], columns["mask_seed"])
        return example | {
            "input_ids": shown,
            "masked_lm_ids": hidden,
            "next_sentence_labels": columns["label"],
        }

    def build(self, backbone):
        return BertPretrainer(backbone)

    def weights(self, rows):
        weights = {"masked_lm": ops.ones_like(rows["masked_lm_ids"], dtype="float32")}
        if self.next_sentence:
            labels = rows["next_sentence_labels"]
            weights["next_sentence"] = ops.ones_like(labels, dtype="float32")
        return weights

    def losses(self, rows, outputs):
        losses = {"masked_lm": (rows["masked_lm_ids"], outputs["masked_lm_logits"])}
        if self.next_sentence:
            losses["next_sentence"] = (
                rows["next_sentence_labels"],
                outputs["next_sentence_logits"],
            )
        return {
            term: keras.losses.sparse_categorical_crossentropy(
                labels, logits, from_logits=True
            )
            for term, (labels, logits) in losses.items()
        }

    def measure(self, rows, outputs):
        """Returns sums over a batch, float32 scalars; `score` makes means of their sums.

        Of each term its `…_loss` (nats), `…_hits` (best guess right) and `…_count`.
        """
        sums = {}
        truths = {"masked_lm": "masked_lm_ids", "next_sentence": "next_sentence_labels"}
        for term, losses in self.losses(rows, outputs).items():
            guesses = ops.argmax(outputs[f"{term}_logits"], axis=-1)
            hits = ops.equal(ops.cast(guesses, "int32"), rows[truths[term]])
            sums[f"{term}_loss"] = ops.sum(losses)
            sums[f"{term}_hits"] = ops.sum(ops.cast(hits, "float32"))
            sums[f"{term}_count"] = ops.sum(ops.ones_like(losses))
        return sums

    def score(self, sums):
        """Returns `masked_lm_loss` (nats a hidden piece), `masked_lm_accuracy`; and so
        of `next_sentence`, where it is learnt."""
        terms = ["masked_lm", *(["next_sentence"] if self.next_sentence else [])]
        scores = {}
        for term in terms:
            scores[f"{term}_loss"] = sums[f"{term}_loss"] / sums[f"{term}_count"]
            scores[f"{term}_accuracy"] = sums[f"{term}_hits"] / sums[f"{term}_count"]
        return scores
