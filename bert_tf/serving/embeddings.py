"""Signatures of embeddings, one for each prompt."""

import logging

from bert_tf.ground import lazy
from bert_tf.serving import outputs

tf = lazy("tensorflow")

_COSINE = "similarity"  # Name of the output, as `Similarity.predict` has it.
_log = logging.getLogger(__name__)
_COSINE = "similarity"  # The output of `pairs`, as `Task.predict` calls it.


def serve_embeddings(task, model, pairs):
    """Signatures of similarity: the embedding of a text, and `pairs`, of two their cosine.

    Each prompt of the model has a signature of its name, such as `query`, which embeds a
    text behind this prompt. The other two use the prompts that `Model.predict` uses.
    """

    def compute(texts, prompts):
        texts = [tf.strings.join(parts) for parts in zip(prompts, texts)]
        return outputs.compute(task, model, dict(zip(("text", "text_pair"), texts)))

    def embed(prompt):
        def single(text):
            return outputs.of_embeddings(task, compute([text], [prompt]))

        return ["text"], single

    def compare(text, text_pair):
        prompts = task.prompts.choose(task.options.prompt_name, 2)
        embeddings = compute([text, text_pair], prompts)["embeddings"]
        both = tf.math.l2_normalize(embeddings, axis=-1)
        return {_COSINE: tf.reduce_sum(both[:, 0] * both[:, 1], axis=-1)}

    served = {
        "serving_default": embed(task.prompt),
        "pairs": (["text", "text_pair"], compare),
    }
    for name in task.prompts.texts if task.prompts.included else ():
        if name in (*served, "token_ids", "examples"):
            _log.warning("the prompt %r has no signature, whose name is taken.", name)
        else:
            served[name] = embed(*task.prompts.choose(name, 1))
    return served
