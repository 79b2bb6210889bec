"""Fine-tuning is one more layer (Devlin et al., 2019, figure 4): the heads side by side.

Shapes: B examples, R rows, S tokens a row, K tokens asked of an example, H hidden size.
"""

import keras
from keras import ops

from bert_tf.layers.dropout import Dropout, fold_in
from bert_tf.models.backbone import as_rows
from bert_tf.models.windows import mean_of_windows

POOLINGS = ("mean", "cls")  # How the states of a text become one vector.


class Classifier(keras.Model):
    """Dropout and one dense layer over the pooled first token.

    Args:
        backbone: `BertBackbone`.
        num_labels: classes.

    Call arguments:
        batch: what the backbone takes; where its examples are windows of longer texts,
            see `mean_of_windows`.

    Returns:
        logits, float32 [B, num_labels].
    """

    def __init__(self, backbone, num_labels, *, name="classification"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        config = backbone.config
        self.backbone = backbone
        self.dropout = Dropout(
            config.head_dropout_prob, dtype=self.dtype_policy, name="dropout"
        )
        self.classifier = _dense(backbone, num_labels, "classifier")
        self.built = True

    def call(self, batch, training=None):
        pooled = self.backbone(batch, training=training)["pooled_output"]
        seed = fold_in(batch.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(pooled, seed=seed, training=training))
        return mean_of_windows(ops.cast(logits, "float32"), batch)


class ChoiceScorer(keras.Model):
    """Dropout and one number over the pooled first token of each choice.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: what the backbone takes, C examples a question, one after the other, or
            their windows, see `mean_of_windows`; and `num_choices`, C, int32 scalar.

    Returns:
        logits, float32 [questions, C].
    """

    def __init__(self, backbone, *, name="multiple_choice"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone
        self.dropout = Dropout(
            backbone.config.head_dropout_prob, dtype=self.dtype_policy, name="dropout"
        )
        self.classifier = _dense(backbone, 1, "classifier")
        self.built = True

    def call(self, batch, training=None):
        pooled = self.backbone(batch, training=training)["pooled_output"]
        seed = fold_in(batch.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(pooled, seed=seed, training=training))
        logits = mean_of_windows(ops.cast(logits, "float32"), batch)
        return ops.reshape(logits, (-1, batch["num_choices"]))


class TokenClassifier(keras.Model):
    """Dropout and one dense layer over the state of each token.

    Args:
        backbone: `BertBackbone`.
        num_labels: C, numbers a token.

    Call arguments:
        batch: what the backbone takes, and `places`, int32 [B, K]: the tokens asked, by
            their place in the example; where an example has fewer, anything below 0.

    Returns:
        logits, float32 [B, K, C]; those of no token are those of the first.
    """

    # BertForTokenClassification of transformers has none of these.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, num_labels, *, name="token_classification"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone
        self.dropout = Dropout(
            backbone.config.head_dropout_prob, dtype=self.dtype_policy, name="dropout"
        )
        self.classifier = _dense(backbone, num_labels, "classifier")
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = _token_states(self.backbone, rows, training)
        seed = fold_in(rows.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(states, seed=seed, training=training))
        return of_examples(logits, rows)


class Embedder(keras.Model):
    """One vector for each text: the mean of its tokens' states, or the first one's.

    Args:
        backbone: `BertBackbone`.
        pooling: "mean" or "cls".
        normalize: whether vectors have length 1.

    Call arguments:
        batch: what the backbone takes, texts or their windows, see `mean_of_windows`;
            and `num_texts`, P, int32 scalar: how many make a record, 1 where absent.

    Returns:
        float32 [records, P, H].
    """

    def __init__(self, backbone, *, pooling="mean", normalize=True, name="similarity"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone
        self.pooling = pooling
        self.normalize = normalize
        self.built = True

    def call(self, batch, training=None):
        rows, size = as_rows(batch), self.backbone.config.hidden_size
        if self.pooling == "cls":
            first_token = ops.convert_to_tensor(rows["first_token"])
            at = self.backbone.compute(rows, training=training, at=first_token)
            vectors = ops.cast(at["output_at"], "float32")
        else:
            vectors = _means(_token_states(self.backbone, rows, training), rows)
        vectors = mean_of_windows(vectors, rows)
        if self.normalize:
            vectors = unit(vectors)
        return ops.reshape(vectors, (-1, rows.get("num_texts", 1), size))


def unit(vectors):
    """Vectors of length 1, of any shape with H last."""
    length = ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
    return vectors / ops.maximum(length, 1e-12)


def _means(states, rows):
    """The mean state of each example, float32 [B, H], of all tokens' [R·S, H]."""
    examples = ops.shape(rows["first_token"])[0]
    # An example's tokens have its number, from 1; padding has 0.
    numbers = ops.reshape(ops.convert_to_tensor(rows["sequence_ids"]), (-1,))
    states = ops.cast(states, "float32")
    sums = ops.segment_sum(states, numbers, num_segments=examples + 1)[1:]
    ones = ops.ones_like(states[:, :1])
    counts = ops.segment_sum(ones, numbers, num_segments=examples + 1)[1:]
    return sums / counts


class SpanPredictor(keras.Model):
    """Two numbers for each token: does the answer begin here, does it end here.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: as of `TokenClassifier`; `places` are all tokens of an example.

    Returns:
        logits, float32 [B, K, 2]; below any other where there is no token.
    """

    # BertForQuestionAnswering of transformers has none of these.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, *, name="question_answering"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone
        self.qa_outputs = _dense(backbone, 2, "qa_outputs")
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = _token_states(self.backbone, rows, training)
        logits = of_examples(self.qa_outputs(states), rows)
        real = ops.convert_to_tensor(rows["places"])[:, :, None] >= 0
        return ops.where(real, logits, -1e9)


def _token_states(backbone, rows, training):
    """The state of each token, float [R·S, H]."""
    states = backbone(rows, training=training)["sequence_output"]
    return ops.reshape(states, (-1, backbone.config.hidden_size))


def of_examples(outputs, rows):
    """Takes [R·S, …] apart: float32 [B, K, …], at `places` of the examples."""
    places = ops.maximum(ops.convert_to_tensor(rows["places"], dtype="int32"), 0)
    tokens = ops.convert_to_tensor(rows["first_token"])[:, None] + places
    return ops.cast(ops.take(outputs, tokens, axis=0), "float32")


def _dense(backbone, size, name):
    layer = keras.layers.Dense(
        size,
        kernel_initializer=keras.initializers.TruncatedNormal(
            stddev=backbone.config.initializer_range
        ),
        dtype=backbone.dtype_policy,
        name=name,
    )
    layer.build((None, backbone.config.hidden_size))
    return layer
