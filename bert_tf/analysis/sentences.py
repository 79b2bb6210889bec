"""One vector for each sentence, as a model itself would give it."""

import numpy as np

from bert_tf.analysis.adapters import find_adapter
from bert_tf.analysis.explain.examples import pad
from bert_tf.ground import lazy

tf = lazy("tensorflow")
backbones = lazy("bert_tf.models.backbone")

_BATCH = 64


def embed_sentences(model, texts):
    """Returns the embeddings of texts, float32 [N, H].

    Those of a model of similarity are its own; those of others the last layer's state of
    [CLS] (May et al., 2019).

    Args:
        model: `bert_tf.Model`.
        texts: list of strings.
    """
    if find_adapter(model.task).embeds:
        return np.array([row["embedding"] for row in model.predict(texts)])
    tokenizer, backbone = model.task.tokenizer, model.keras_model.backbone
    compute = tf.function(
        lambda batch: backbone(backbones.as_rows(batch))["sequence_output"][:, 0],
        reduce_retracing=True,
        autograph=False,
    )
    length, vectors = model.task.options.max_seq_length, []
    for begin in range(0, len(texts), _BATCH):
        rows = tokenizer(
            texts[begin : begin + _BATCH], max_length=length, padding=False
        )
        ids = [np.array(row, np.int32) for row in rows["input_ids"].to_list()]
        batch = pad(tokenizer, ids, [np.zeros(len(own)) for own in ids])
        batch = {name: tf.constant(array) for name, array in batch.items()}
        vectors.append(compute(batch).numpy())
    return np.concatenate(vectors)
