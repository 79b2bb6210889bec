"""A text that is written from a text: BERT as encoder and decoder (Rothe et al., 2020).

Shapes: N records, B examples of a batch, R rows, SQ target tokens of a row, TQ = R·SQ, V
vocabulary size of the target, K texts for each source, L most tokens of a text.
"""

import dataclasses

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.decoders import choose_decoder
from bert_tf.tasks.options import kept, remembered
from bert_tf.tasks.seq2seq_options import SEARCH, Seq2SeqOptions
from bert_tf.tasks.target_vocabulary import count_unknown
from bert_tf.tasks.texts import objects, text_columns
from bert_tf.tokenization.framing import frame

keras = lazy("keras")
ops = lazy("keras.ops")
decoding = lazy("bert_tf.models.decoding")
joining = lazy("bert_tf.tokenization.joining")
seq2seq = lazy("bert_tf.models.seq2seq")
starts = lazy("bert_tf.models.starts")
tf = lazy("tensorflow")
tokenization = lazy("bert_tf.tokenization")


class Seq2Seq(Task):
    """A target text for a source text, or for a pair of texts.

    Args:
        tokenizer, options: as of `Task`; the tokenizer of the source.

    Attributes:
        field: name of the text in a prediction.
        target_tokenizer: `BertTokenizer` of the target.
        joining: rules that make text of the words of tokens, see `tokenization.joining`.
    """

    architecture = "EncoderDecoderModel"
    soft = "softmax"
    decodes = True
    zeros = SEARCH
    field = ""
    Options = Seq2SeqOptions

    def __init__(self, tokenizer, options=None):
        super().__init__(tokenizer, options)
        self.joining = []
        self._decoder = self.target_tokenizer = None

    @property
    def decoder(self):
        return self._decoder

    @decoder.setter
    def decoder(self, folder):
        if folder is None:
            raise ValueError(
                f"the model folder has no decoder, which {self.name} needs; fine-tune it "
                f"with --task={self.name}."
            )
        positions = folder.config.max_position_embeddings
        if self.options.max_target_length > positions:
            raise ValueError(
                f"max_target_length is {self.options.max_target_length}, but the decoder "
                f"has only {positions} positions; lower it."
            )
        self._decoder = folder
        self.target_tokenizer = tokenization.make_tokenizer(folder)

    def inherit(self, folder, table):
        """Makes the decoder: from a folder that has one, or from an encoder's."""
        if folder.decoder:
            self._go_on(folder)
        else:
            targets = [record["target"] for record in table.records]
            self.decoder = choose_decoder(self.options, folder, targets)
            self.joining = joining.learn_rules(targets)
            count_unknown(self.target_tokenizer, targets)

    def _go_on(self, folder):
        for name in ("decoder_model", "decoder_layers", "target_vocab_file"):
            if value := getattr(self.options, name):
                raise ValueError(
                    f"{name} is {value!r}, but the model has a trained decoder with a "
                    "vocabulary already; drop it."
                )
        self.joining = remembered(folder.settings, "joining", list, [])
        self.decoder = folder.decoder

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = cls(tokenizer, cls.Options(**kept(cls.Options, settings)))
        task.joining = remembered(settings, "joining", list, [])
        return task

    def settings(self, scores):
        settings = super().settings(scores) | {"joining": self.joining}
        # Paths mean nothing on another machine.
        return {
            name: value
            for name, value in settings.items()
            if name not in ("decoder_model", "target_vocab_file")
        }

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `target` [N], if labelled."""
        columns = text_columns(table)
        if table.records and "target" in table.records[0]:
            columns["target"] = objects([record["target"] for record in table.records])
        return columns

    def features(self, columns):
        """Frames sources and, if there are any, targets, `target_ids`."""
        example = super().features(columns)
        if "target" in columns:
            tokenizer = self.target_tokenizer
            example["target_ids"] = frame(
                tokenizer.tokenize(columns["target"]),
                cls_id=tokenizer.cls_id,
                sep_id=tokenizer.sep_id,
                max_seq_length=self.options.max_target_length + 1,
            )["input_ids"]
        return example

    def build(self, backbone):
        config = dataclasses.replace(
            self.decoder.config,
            attention_probs_dropout_prob=backbone.config.attention_probs_dropout_prob,
        )
        shared = self.decoder.settings.get("shared", False)
        return seq2seq.Bert2Bert(backbone, config, shared=shared)

    def load_start(self, model, path):
        starts.load(
            model,
            path,
            self.decoder.vocab,
            decoder=self.options.decoder,
            decoder_model=self.options.decoder_model,
        )

    def weights(self, rows):
        numbers = ops.reshape(rows["target_sequence_ids"], (-1,))
        return {self.name: ops.cast(numbers > 0, "float32")}

    def losses(self, rows, outputs):
        """Cross-entropy of each target token, [TQ], with label smoothing."""
        logits, smoothing = outputs["logits"], self.options.label_smoothing
        losses = _surprises(rows, logits)
        if smoothing:
            # (1 - ε)·(-log p) + ε·mean(-log p of all): both have the same logsumexp.
            labels = ops.reshape(rows["target_labels"], (-1, 1))
            own = ops.take_along_axis(logits, labels, axis=-1)[:, 0]
            losses += smoothing * (own - ops.mean(logits, axis=-1))
        return {self.name: losses}

    def label_blindly(self, record):
        raise ValueError(
            f"a text without its target teaches nothing in {self.name}, because the "
            "decoder reads the target; let the teacher write targets with bert-tf predict "
            "--output_file, and add them to train_file."
        )

    def infer(self, model, rows):
        """Returns `ids`, int32 [B, K, L], and `scores`, float32 [B, K], of written texts.

        If rows have targets, also `loss`, float32 [B], -log p of the target in nats, and
        `tokens`, float32 [B], of the target.
        """
        states, outputs = model.encode(rows, training=False), {}
        if keras.backend.backend() == "tensorflow":
            outputs = decoding.generate(
                model,
                rows,
                self.options,
                start_id=self.target_tokenizer.cls_id,
                end_id=self.target_tokenizer.sep_id,
                states=states,
            )
        if "target_labels" not in rows:
            return outputs
        (weights,) = self.weights(rows).values()
        surprises = _surprises(rows, model.decoder(rows, states, training=False))
        numbers = ops.reshape(rows["target_sequence_ids"], (-1,))
        examples = ops.shape(rows["target_first_token"])[0]
        for name, values in (("loss", surprises * weights), ("tokens", weights)):
            outputs[name] = ops.segment_sum(values, numbers, examples + 1)[1:]
        return outputs

    def collect(self, columns, examples, outputs):
        """Adds `texts`, lists of K strings [N], in the place of `ids`."""
        outputs = dict(outputs)
        outputs["texts"] = self._read(outputs.pop("ids"))
        return outputs

    def _read(self, ids):
        """Returns the texts of ids [N, K, L], an array of objects [N], lists of strings."""
        rows = [row for texts in ids for row in texts]
        end = self.target_tokenizer.sep_id
        rows = [row[: np.argmax(np.append(row, end) == end)] for row in rows]
        rows = [row[row != 0] for row in rows]
        values = np.concatenate([np.zeros(0, np.int32), *rows])
        ragged = tf.RaggedTensor.from_row_lengths(values, [len(row) for row in rows])
        strings = joining.join(self.target_tokenizer.detokenize(ragged), self.joining)
        texts = iter([string.decode() for string in strings.numpy().tolist()])
        return objects([[next(texts) for _ in group] for group in ids])

    def best_texts(self, columns, outputs):
        """Returns the best text of each record; "" for an empty source."""
        return [
            "" if empty else texts[0]
            for empty, texts in zip(_are_empty(columns), outputs["texts"])
        ]

    def predict(self, outputs, columns):
        """Returns the text, under the name `field`, and its `score`.

        The score is log p in nats, divided by the length penalty.

        Args:
            outputs: dict with `texts`, lists of K strings [N], and `scores`, [N, K].
        """
        predictions = []
        for empty, texts, scores in zip(
            _are_empty(columns), outputs["texts"], outputs["scores"]
        ):
            # There may be fewer possible texts than asked for.
            found = [
                {self.field: text, "score": float(score)}
                for text, score in zip(texts, scores)
                if score > -np.inf
            ]
            if empty or not found:
                found = [{self.field: "", "score": 0.0}]
            more = {"n_best": found} if self.options.num_return_sequences > 1 else {}
            predictions.append(found[0] | more)
        return predictions

    def as_rows(self, predictions):
        """Drops `n_best`, which has no place in a row."""
        return [{n: x for n, x in row.items() if n != "n_best"} for row in predictions]

    def score(self, columns, outputs):
        """Returns `loss`, -log p of a target token in nats, and `perplexity`."""
        loss = float(np.sum(outputs["loss"]) / np.sum(outputs["tokens"]))
        return {"loss": loss, "perplexity": float(np.exp(loss))}


def _are_empty(columns):
    """Returns whether each record has an empty source, a list of N."""
    sources = zip(*(columns[n] for n in ("text", "text_pair") if n in columns))
    return [not "".join(source).strip() for source in sources]


def _surprises(rows, logits):
    """Returns -log p of each target token, float32 [TQ]."""
    labels = ops.reshape(rows["target_labels"], (-1,))
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )
