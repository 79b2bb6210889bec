"""BERT as encoder and decoder (Rothe et al., 2020).

Shapes: B examples, R rows, SQ target tokens a row, L most tokens of a target, S source
tokens a row, V vocabulary size of the target, H hidden size.
"""

import dataclasses

import keras
from keras import ops

from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.models import backbone as encoders
from bert_tf.models import saving, starts
from bert_tf.models.decoder import BertDecoder
from bert_tf.models.with_head import ModelWithHead


def as_rows(batch):
    """Converts a padded batch of sources and targets to rows of one example each.

    Args:
        batch: as of `backbone.as_rows`, and `target_ids`, int [B, L]: [CLS] … [SEP] of
            each target, then 0. A batch with `target_input_ids` already holds rows and is
            returned unchanged.

    Returns:
        rows as of `backbone.as_rows` and of `pack`: the decoder reads each target but its
        last token, and is to predict each but its first, `target_labels`.
    """
    rows = encoders.as_rows(batch)
    if "target_input_ids" in rows or "target_ids" not in rows:
        return rows
    target_ids = ops.convert_to_tensor(rows["target_ids"], dtype="int32")
    labels = target_ids[:, 1:]
    examples, length = ops.shape(labels)
    numbers = ops.arange(examples, dtype="int32")
    return {
        **rows,
        "target_input_ids": target_ids[:, :-1],
        "target_labels": labels,
        "target_position_ids": ops.zeros_like(labels)
        + ops.arange(length, dtype="int32"),
        "target_sequence_ids": ops.where(labels == 0, 0, numbers[:, None] + 1),
        "target_first_token": numbers * length,
    }


@keras.saving.register_keras_serializable(package="bert_tf")
class Bert2Bert(ModelWithHead):
    """An encoder and a decoder that attends to its states: from a text to a text.

    Args:
        backbone: `BertBackbone`, the encoder.
        decoder_config: `BertConfig` of the decoder, of the same `hidden_size`.
        shared: whether the decoder has the embeddings and layers of the encoder. One with
            fewer layers has the first, the last, and some evenly between.

    Call arguments:
        batch: dict of packed rows of sources, see `BertBackbone`, and of targets: int32
            [R, SQ] `target_input_ids, target_position_ids, target_sequence_ids`. Or a
            padded batch of sources, and `target_ids`, int32 [B, L]: [CLS] … [SEP] of each
            target, then 0.

    Returns:
        dict with `logits`, float32 [R·SQ, V], of the token after each target token; of a
        padded batch [B, L - 1, V], for `target_ids[:, 1:]`.

    Raises:
        ValueError: sizes of the decoder that do not fit the encoder; a batch without
            targets.

    Example:
        >>> import numpy as np
        >>> from bert_tf import Bert2Bert, BertBackbone, BertConfig
        >>> backbone = BertBackbone(BertConfig.from_size("tiny"))
        >>> targets = BertConfig.from_size("tiny", vocab_size=500, num_hidden_layers=1)
        >>> model = Bert2Bert(backbone, targets)
        >>> batch = {"input_ids": np.array([[101, 7592, 102]]),
        ...          "target_ids": np.array([[2, 41, 17, 3, 0]])}
        >>> model(batch)["logits"].shape
        TensorShape([1, 4, 500])
    """

    architectures = ("EncoderDecoderModel",)

    def __init__(self, backbone, decoder_config, *, shared=False, name="seq2seq"):
        super().__init__(backbone, name=name)
        _check(backbone.config, decoder_config, shared)
        self.shared = shared
        self.decoder = BertDecoder(
            decoder_config,
            encoder=backbone if shared else None,
            gradient_checkpointing=backbone.gradient_checkpointing,
            dtype=self.dtype_policy,
        )
        self.built = True

    @classmethod
    def from_pretrained(
        cls,
        name,
        *,
        dtype=None,
        gradient_checkpointing=False,
        decoder="bert2bert",
        decoder_model="",
        decoder_layers=0,
        target_tokenizer=None,
    ):
        """Returns a model with the weights of a folder of encoder and decoder, or of BERTs.

        The decoder of a BERT is new: its attention to the source has random weights, and
        the log says what the rest starts from.

        Args:
            name: folder that `save_pretrained` or EncoderDecoderModel of transformers
                wrote; or of a BERT, the encoder, or its published name. The arguments
                that follow `gradient_checkpointing` are for a BERT alone.
            dtype, gradient_checkpointing: as of `BertBackbone`.
            decoder: "bert2bert": the decoder starts from the layers of a BERT;
                "bertshare": it has those of the encoder; "bert2rnd": it is random.
            decoder_model: the BERT that the decoder starts from; "" for that of the encoder.
            decoder_layers: number of its layers; 0 for as many as that BERT has.
            target_tokenizer: `BertTokenizer` of the targets; None for that of that BERT.

        Raises:
            FileNotFoundError, ValueError: there is no such folder, or it is invalid; the
                two BERTs do not have the same hidden size.

        Example:
            >>> import bert_tf
            >>> model = bert_tf.Bert2Bert.from_pretrained("bert", decoder="bertshare")
            >>> tokenizer = bert_tf.BertTokenizer.from_pretrained("bert")
            >>> batch = tokenizer(["It was good."])
            >>> batch["target_ids"] = tokenizer(["It is fine."])["input_ids"]
            >>> model(batch)["logits"].shape
            TensorShape([1, 5, 21])
        """
        path = folders.resolve(name)
        folder = folders.read(path)
        start = {"decoder": decoder, "decoder_model": decoder_model}
        targets = folder.decoder
        if targets:
            given = start | {"decoder_layers": decoder_layers}
            _check_whole(name, given | {"target_tokenizer": target_tokenizer})
        else:
            bert = starts.read_folder(decoder_model) if decoder_model else folder
            targets = starts.make_decoder(
                bert,
                layers=decoder_layers,
                shared=decoder == "bertshare",
                **_vocabulary(target_tokenizer),
            )
            folder = saving.without_head(folder, {})
        backbone = encoders.BertBackbone(
            folder.config, dtype=dtype, gradient_checkpointing=gradient_checkpointing
        )
        model = cls(backbone, targets.config, shared=targets.shared)
        if folder.decoder:
            folders.load_weights(path, model)
        else:
            starts.load(model, name, targets.vocab, **start)
        backbone.folder = dataclasses.replace(folder, decoder=None)
        model.decoder.folder = targets
        return model

    def save_pretrained(self, path, *, tokenizer=None, target_tokenizer=None):
        """Writes a folder that `from_pretrained` and transformers' EncoderDecoderModel read.

        A saved model in that folder is replaced. A folder with other files is refused.

        Args:
            path: folder.
            tokenizer, target_tokenizer: `BertTokenizer` of sources and of targets; None
                for those of `from_pretrained`.

        Raises:
            ValueError: no tokenizer; weights that are NaN; a folder with other files.
                Nothing is written.

        Example:
            >>> import bert_tf
            >>> model = bert_tf.Bert2Bert.from_pretrained("bert")
            >>> model.save_pretrained("translator")
            >>> bert_tf.Bert2Bert.from_pretrained("translator").decoder.config.vocab_size
            21
        """
        folder = saving.folder_of(self.backbone, tokenizer)
        decoder = saving.folder_of(self.decoder, target_tokenizer, "target_tokenizer")
        # The weights show whether layers are shared.
        decoder = dataclasses.replace(decoder, settings={})
        folder = dataclasses.replace(folder, decoder=decoder)
        saving.save(path, self, folder, self.architectures[0], folder.settings)

    def call(self, batch, training=None):
        rows = as_rows(batch)
        if "target_input_ids" not in rows:
            raise ValueError(
                "the batch has no target_ids, so there is nothing to predict; received "
                f"{', '.join(sorted(batch))}."
            )
        memory = self.encode(rows, training=training)
        logits = self.decoder(rows, memory, training=training)
        if "target_input_ids" not in batch:
            shape = ops.shape(rows["target_input_ids"])
            logits = ops.reshape(logits, (*shape, logits.shape[-1]))
        return {"logits": logits}

    def encode(self, rows, training=None):
        """Returns the states of the source's tokens, float [R·S, H]."""
        states = self.backbone(rows, training=training)["sequence_output"]
        return ops.reshape(states, (-1, self.backbone.config.hidden_size))

    def _arguments(self):
        return {"decoder_config": self.decoder.config.to_dict(), "shared": self.shared}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        decoder_config = BertConfig.from_dict(config["decoder_config"])
        given = config | {"decoder_config": decoder_config}
        return super().from_config(given, custom_objects)


def _vocabulary(tokenizer):
    """Returns the arguments of `make_decoder` for a tokenizer, or for none."""
    if tokenizer is None:
        return {}
    options = saving.tokenizer_options(tokenizer)
    return {"vocab": tokenizer.vocab, "tokenizer": options}


def _check_whole(name, given):
    """Checks that arguments for a new decoder are not given for a folder that has one."""
    defaults = {"decoder": "bert2bert", "target_tokenizer": None, "decoder_layers": 0}
    for argument, value in given.items():
        if value != defaults.get(argument, ""):
            raise ValueError(f"{name} has a trained decoder; drop {argument}.")


def _check(encoder, decoder, shared):
    """Checks that a decoder fits an encoder, both `BertConfig`."""
    starts.check_plain(encoder)
    starts.check_plain(decoder)
    if decoder.hidden_size != encoder.hidden_size:
        raise ValueError(
            f"the decoder has hidden_size {decoder.hidden_size}, the encoder "
            f"{encoder.hidden_size}; they must be equal. Choose another model for one."
        )
    if not shared:
        return
    if decoder.vocab_size != encoder.vocab_size:
        raise ValueError(
            f"a decoder that shares the embeddings of its encoder (bertshare) has its "
            f"vocabulary, of {encoder.vocab_size} rows; received {decoder.vocab_size}. "
            "Use one vocabulary for sources and targets, or bert2bert."
        )
    if decoder.num_hidden_layers > encoder.num_hidden_layers:
        raise ValueError(
            f"a decoder that shares layers of its encoder (bertshare) has at most its "
            f"{encoder.num_hidden_layers}; received {decoder.num_hidden_layers}."
        )
