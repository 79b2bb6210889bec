"""Generates texts with a cache whose size is known beforehand, for TFLite and ONNX files.

Shapes: B sources, S their tokens with padding, T most tokens of a text.
"""

from bert_tf.ground import lazy
from bert_tf.layers.attention import FORBIDDEN
from bert_tf.models.backbone import as_rows
from bert_tf.models.generation.sampling import Greedy
from bert_tf.models.generation.source import lay_memory
from bert_tf.models.generation.step import PADDING, DecoderStep

tf = lazy("tensorflow")


def greedy_fixed(model, batch, options, *, start_id, end_id):
    """Generates the texts that `decoding.generate` finds with one beam.

    The cache has room for T steps from the start, and no sentence leaves the work. The
    loop ends with the last text. TFLite and ONNX have all operations of it.

    Args:
        model: `Bert2Bert`.
        batch: dict of int32 [B, S] `input_ids, input_mask, segment_ids`.
        options, start_id, end_id: as of `decoding.generate`.

    Returns:
        dict with `ids`, int32 [B, 1, T], and `scores`, float32 [B, 1], as of
        `decoding.generate`.
    """
    length = options.max_target_length
    # Not -inf, of which LiteRT's exp is NaN.
    search = Greedy(options, end_id, never=FORBIDDEN)
    step = DecoderStep(
        model.decoder,
        width=1,
        length=length,
        forbidden=[PADDING, start_id],
        never=FORBIDDEN,
    )
    rows = as_rows(batch)
    within = rows["sequence_ids"] > 0
    places = tf.reshape(tf.range(tf.size(within)), tf.shape(within))
    memory = lay_memory(step, model.encode(rows), places, within)
    # TFLite needs the number, which is 1 there.
    sources = within.shape[0] or tf.shape(within)[0]
    slices = 2 * sources * step.heads
    sizes = [2, sources, step.heads, length, step.head_size]
    steps = tf.range(length)

    def go_on(number, texts, cache):
        return (number < length) & ~tf.reduce_all(texts["ended"])

    def compute(number, texts, cache):
        def write(old, new):
            # TFLite has no operation that writes into a tensor.
            old = tf.reshape(old, [slices, length, step.head_size])
            written = tf.where((steps == number)[:, None], new[:, None], old)
            return tf.reshape(written, [-1, step.head_size]), tf.reshape(written, sizes)

        bias = search.bias(texts, number, length)
        logits, cache = step.logits(
            texts["tokens"], number, cache, bias, *memory, write
        )
        changed = search.advance(texts, logits, number)
        return number + 1, {name: changed[name] for name in texts}, cache

    texts = search.start(sources) | {"tokens": tf.fill([sources, 1], start_id)}
    empty = tf.zeros([slices * length, step.head_size], step.dtype)
    state = (tf.constant(0), texts, [empty] * step.depth)
    shapes = tf.nest.map_structure(lambda tensor: tensor.shape, state)
    if within.shape[0] is None:
        shapes = tf.nest.map_structure(_any_count, shapes)
    _, texts, _ = tf.while_loop(go_on, compute, state, shape_invariants=shapes)
    return dict(zip(("ids", "scores"), search.results(texts)))


def _any_count(shape):
    """Returns the shape for any number of sources."""
    return tf.TensorShape([None, *shape[1:]] if shape.rank else [])
