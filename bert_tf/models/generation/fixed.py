"""Generates a text with tensors whose shapes are known beforehand, for TFLite files.

Shapes: S source tokens with padding, T most tokens of a text.
"""

from bert_tf.ground import lazy
from bert_tf.models.backbone import as_rows
from bert_tf.models.generation.sampling import Greedy
from bert_tf.models.generation.source import lay_memory
from bert_tf.models.generation.step import PADDING, DecoderStep

tf = lazy("tensorflow")


def greedy_fixed(model, batch, options, *, start_id, end_id):
    """Generates the text that `decoding.generate` finds for a source with one beam.

    The cache has room for T steps from the start, and the loop ends with the text. TFLite
    has all operations of it.

    Args:
        model: `Bert2Bert`.
        batch: dict of int32 [1, S] `input_ids, input_mask, segment_ids`.
        options, start_id, end_id: as of `decoding.generate`.

    Returns:
        dict with `ids`, int32 [1, 1, T], and `scores`, float32 [1, 1], as of
        `decoding.generate`.
    """
    length = options.max_target_length
    search = Greedy(options, end_id)
    step = DecoderStep(
        model.decoder, width=1, length=length, forbidden=[PADDING, start_id]
    )
    rows = as_rows(batch)
    places = tf.range(tf.shape(rows["input_ids"])[1])[None]
    memory = lay_memory(step, model.encode(rows), places, rows["sequence_ids"] > 0)
    slices = 2 * step.heads
    steps = tf.range(length)

    def go_on(number, texts, cache):
        return (number < length) & ~texts["ended"][0, 0]

    def compute(number, texts, cache):
        def write(old, new):
            old = tf.reshape(old, [slices, length, step.head_size])
            written = tf.where((steps == number)[:, None], new[:, None], old)
            return tf.reshape(written, [-1, step.head_size])

        bias = search.bias(texts, number, length)
        logits, cache = step.logits(
            texts["tokens"], number, cache, bias, *memory, write
        )
        changed = search.advance(texts, logits, number)
        texts = {name: changed[name] for name in texts}
        return number + 1, texts, cache

    texts = search.start(1) | {"tokens": tf.fill([1, 1], start_id)}
    empty = tf.zeros([slices * length, step.head_size], step.dtype)
    state = (tf.constant(0), texts, [empty] * step.depth)
    _, texts, _ = tf.while_loop(go_on, compute, state)
    return dict(zip(("ids", "scores"), search.results(texts)))
