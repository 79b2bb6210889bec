"""What happens between the layers: attention, its rollout, and words guessed by each layer.

Shapes: Y layers, N heads, L tokens, W words.
"""

import numpy as np

from bert_tf.analysis.explain.examples import pad
from bert_tf.ground import lazy

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")


def read_attention(model, example):
    """Returns the attention probabilities of an example, float32 [Y, N, L, L].

    Args:
        model: `bert_tf.Model`.
        example: `Example`.

    Raises:
        ValueError: pruned layers have different numbers of heads.
    """
    layers = [
        layer[0].numpy()
        for layer in _compute(model, example)["attention_probabilities"]
    ]
    heads = [len(layer) for layer in layers]
    if len(set(heads)) > 1:
        raise ValueError(
            f"the layers have {', '.join(map(str, heads))} heads; attention is shown of "
            "layers with equally many."
        )
    return np.stack(layers)


def roll_out(attention):
    """Follows attention through the layers (Abnar and Zuidema, 2020).

    A token keeps half of what it is, because of the residual connection, and takes the
    other half from the tokens that it attends to.

    Args:
        attention: list of Y float [N, L, L], of each layer.

    Returns:
        float64 [L, L]: how much of each token (columns) is in the last layer's (rows).
    """
    own = np.eye(attention[0].shape[-1])
    total = own
    for layer in attention:
        total = (layer.mean(axis=0, dtype=np.float64) + own) / 2 @ total
    return total


def guess_by_layer(model, example, place, top_k=5):
    """Returns what the masked-LM head predicts from each layer's state of a token.

    A layer's states are not trained to be read in this way ("logit lens"); those of the
    last one are.

    Args:
        model: `bert_tf.Model` of fill_mask.
        example: `Example`.
        place: position of the token, such as a [MASK].
        top_k: guesses of each layer.

    Returns:
        [[(token, probability), …] of each of the Y + 1 states], the embeddings' first.
    """
    states = _compute(model, example)["hidden_states"]
    keras_model, vocab = model.keras_model, model.task.tokenizer.vocab
    table = tf.convert_to_tensor(keras_model.backbone.embeddings.word_table)
    at_place = tf.stack([state[0, place] for state in states])
    logits = keras_model.pretrainer.predictions(at_place, table)[:, : len(vocab)]
    probabilities, ids = tf.math.top_k(tf.nn.softmax(logits), top_k)
    return [
        [(vocab[i], float(p)) for i, p in zip(*row)]
        for row in zip(ids.numpy(), probabilities.numpy())
    ]


def _compute(model, example):
    batch = pad(model.task.tokenizer, [example.ids], [example.segments])
    rows = backbones.as_rows(
        {name: tf.constant(array) for name, array in batch.items()}
    )
    return model.keras_model.backbone.compute(rows, probabilities=True)
