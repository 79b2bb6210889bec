"""The heads of fine-tuning, side by side: each adds one layer (Devlin et al., 2019, figure 4).

Shapes: B examples, R rows, S tokens a row, K tokens asked of an example, H hidden size.
"""

import keras
from keras import ops

from bert_tf.layers.dense import dense
from bert_tf.layers.dropout import Dropout, fold_in
from bert_tf.models.backbone import as_rows
from bert_tf.models.windows import mean_of_windows
from bert_tf.models.with_head import ModelWithHead


@keras.saving.register_keras_serializable(package="bert_tf")
class Classifier(ModelWithHead):
    """Dropout and one dense layer over the pooled first token.

    Args:
        backbone: `BertBackbone`.
        num_labels: C, the number of classes.

    Call arguments:
        batch: what the backbone takes. If it holds windows of longer texts, the logits
            of a text are the mean of its windows', see `mean_of_windows`.

    Returns:
        logits, float32 [B, C]: a tensor, as `compile` and `fit` expect.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, Classifier
        >>> model = Classifier(BertBackbone(BertConfig.from_size("tiny")), num_labels=3)
        >>> model({"input_ids": np.array([[101, 7592, 102]])}).shape
        TensorShape([1, 3])
    """

    architectures = ("BertForSequenceClassification",)

    def __init__(self, backbone, num_labels, *, name="classification"):
        super().__init__(backbone, name=name)
        self.num_labels = num_labels
        rate = self._dropout_rate(backbone.config)
        self.dropout = Dropout(rate, dtype=self.dtype_policy, name="dropout")
        self.classifier = _head(backbone, num_labels, "classifier")
        self.built = True

    def call(self, batch, training=None):
        pooled = self.backbone(batch, training=training)["pooled_output"]
        seed = fold_in(batch.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(pooled, seed=seed, training=training))
        return mean_of_windows(ops.cast(logits, "float32"), batch)

    def _dropout_rate(self, config):
        return config.head_dropout_prob

    def _arguments(self):
        return {"num_labels": self.num_labels}

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        if arguments.get("num_labels") is not None:
            return arguments
        if "classifier/bias" not in arrays:
            raise ValueError(
                f"{name} has no head for {cls.__name__}: pass num_labels=…, the number "
                "of labels to learn."
            )
        return arguments | {"num_labels": len(arrays["classifier/bias"])}


@keras.saving.register_keras_serializable(package="bert_tf")
class ChoiceScorer(Classifier):
    """Dropout and one number over the pooled first token of each choice.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: what the backbone takes, examples or their windows; and `choices`, int32
            [questions, C], which examples are the choices of a question.

    Returns:
        dict with `logits`, float32 [questions, C].

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, ChoiceScorer
        >>> model = ChoiceScorer(BertBackbone(BertConfig.from_size("tiny")))
        >>> ids = np.array([[101, 7592, 102], [101, 2088, 102]])
        >>> batch = {"input_ids": ids, "choices": np.array([[0, 1]])}
        >>> model(batch)["logits"].shape
        TensorShape([1, 2])
    """

    architectures = ("BertForMultipleChoice",)

    def __init__(self, backbone, *, name="multiple_choice"):
        super().__init__(backbone, 1, name=name)
        self.num_labels = None  # Choices have no names.

    def call(self, batch, training=None):
        scores = super().call(batch, training=training)
        return {"logits": ops.take(scores[:, 0], batch["choices"], axis=0)}

    def _arguments(self):
        return {}

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        return arguments


@keras.saving.register_keras_serializable(package="bert_tf")
class TokenClassifier(Classifier):
    """Dropout and one dense layer over the state of each token.

    Args:
        backbone: `BertBackbone`.
        num_labels: C, the number of classes.

    Call arguments:
        batch: what the backbone takes, and `places`, int32 [B, K]: the positions in each
            example to classify; a negative number where an example has fewer than K.

    Returns:
        dict with `logits`, float32 [B, K, C]. A negative position gets those of the
        first token.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, TokenClassifier
        >>> model = TokenClassifier(BertBackbone(BertConfig.from_size("tiny")), 5)
        >>> batch = {"input_ids": np.array([[101, 7592, 102]]), "places": np.array([[1]])}
        >>> model(batch)["logits"].shape
        TensorShape([1, 1, 5])
    """

    architectures = ("BertForTokenClassification",)
    # BertForTokenClassification of transformers has no pooler.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, num_labels, *, name="token_classification"):
        super().__init__(backbone, num_labels, name=name)

    def _dropout_rate(self, config):
        return getattr(config, config.architecture.token_dropout)

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = token_states(self.backbone, rows, training)
        seed = fold_in(rows.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(states, seed=seed, training=training))
        return {"logits": at_places(logits, rows)}


@keras.saving.register_keras_serializable(package="bert_tf")
class SpanPredictor(ModelWithHead):
    """Two numbers for each token: does the answer begin here, does it end here.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: as of `TokenClassifier`; `places` are all tokens of an example.

    Returns:
        dict with `start_logits` and `end_logits`, float32 [B, K]; -1e9 where `places`
        is negative.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, SpanPredictor
        >>> model = SpanPredictor(BertBackbone(BertConfig.from_size("tiny")))
        >>> ids = np.array([[101, 7592, 102]])
        >>> outputs = model({"input_ids": ids, "places": np.array([[0, 1, 2]])})
        >>> outputs["start_logits"].shape
        TensorShape([1, 3])
    """

    architectures = ("BertForQuestionAnswering",)
    # BertForQuestionAnswering of transformers has no pooler.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, *, name="question_answering"):
        super().__init__(backbone, name=name)
        rate = backbone.config.qa_dropout  # 0 but in DistilBERT.
        self.dropout = Dropout(rate, dtype=self.dtype_policy, name="dropout")
        self.qa_outputs = _head(backbone, 2, "qa_outputs")
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = token_states(self.backbone, rows, training)
        seed = fold_in(rows.get("dropout_seed"), 1)
        states = self.dropout(states, seed=seed, training=training)
        logits = at_places(self.qa_outputs(states), rows)
        real = ops.convert_to_tensor(rows["places"])[:, :, None] >= 0
        logits = ops.where(real, logits, -1e9)
        return {"start_logits": logits[:, :, 0], "end_logits": logits[:, :, 1]}


def at_places(outputs, rows):
    """Gathers outputs of tokens, [R·S, …], at `places` of each example.

    Returns:
        float32 [B, K, …].
    """
    places = ops.maximum(ops.convert_to_tensor(rows["places"], dtype="int32"), 0)
    tokens = ops.convert_to_tensor(rows["first_token"])[:, None] + places
    return ops.cast(ops.take(outputs, tokens, axis=0), "float32")


def token_states(backbone, rows, training):
    """Returns the state of each token, float [R·S, H]."""
    states = backbone(rows, training=training)["sequence_output"]
    return ops.reshape(states, (-1, backbone.config.hidden_size))


def _head(backbone, size, name):
    """Returns a built dense layer from hidden states to `size` numbers."""
    config = backbone.config
    layer = dense(
        size, config.initializer_range, dtype=backbone.dtype_policy, name=name
    )
    layer.build((None, config.hidden_size))
    return layer
