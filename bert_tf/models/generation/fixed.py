"""Greedy generation of one text with sizes that are known when the graph is made.

TFLite converts it to built-in operations, with the loop.

Shapes: S source tokens, T most tokens of a text, N heads, D head size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.attention import FORBIDDEN
from bert_tf.models.generation.sampling import Greedy
from bert_tf.models.generation.source import lay_memory
from bert_tf.models.generation.step import PADDING, DecoderStep

tf = lazy("tensorflow")


def greedy_fixed(model, batch, options, *, start_id, end_id):
    """Generates the text of one source by greedy search.

    Args:
        model: `Bert2Bert`.
        batch: dict of int32 [1, S] `input_ids`, `input_mask` (1 for tokens, 0 for the
            padding behind them) and `segment_ids`.
        options, start_id, end_id: as of `decoding.generate`.

    Returns:
        dict with `ids`, int32 [1, 1, T], and `scores`, float32 [1, 1], as of `generate`.
    """
    length = options.max_target_length
    search = Greedy(options, end_id)
    step = DecoderStep(
        model.decoder,
        width=1,
        length=length,
        forbidden=[PADDING, start_id],
        never=FORBIDDEN,  # LiteRT's exp of -inf is NaN.
    )
    mask = batch["input_mask"]
    size = mask.shape[1]
    rows = {
        "input_ids": batch["input_ids"],
        "segment_ids": batch["segment_ids"],
        "position_ids": tf.range(size)[None],
        "sequence_ids": mask,
        "first_token": tf.constant([0]),
    }
    memory = lay_memory(step, model.encode(rows), tf.range(size)[None], mask > 0)
    shape = [2 * step.heads, length, step.head_size]
    texts = search.start(1) | {
        "tokens": tf.constant([[start_id]]),
        "done": tf.constant([False]),
    }
    cache = [tf.zeros([shape[0] * length, step.head_size], step.dtype)] * step.depth

    def unfinished(number, texts, cache):
        return (number < length) & ~texts["done"][0]

    def compute(number, texts, cache):
        here = tf.range(length)[:, None] == number  # [T, 1]

        def write(old, new):
            # TFLite has no operation that writes into a tensor.
            old = tf.where(here, new[:, None], tf.reshape(old, shape))
            states = tf.reshape(old, [2, 1, step.heads, length, step.head_size])
            return tf.reshape(old, [-1, step.head_size]), states

        bias = tf.where(tf.range(length) <= number, 0.0, FORBIDDEN)[None, None, None]
        logits, cache = step.logits(
            *(texts["tokens"], number, cache, bias, *memory, write)
        )
        return number + 1, texts | search.advance(texts, logits, number), cache

    _, texts, _ = tf.while_loop(unfinished, compute, (tf.constant(0), texts, cache))
    ids, scores = search.results(texts)
    return {"ids": ids, "scores": scores}
