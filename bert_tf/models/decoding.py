"""Generates texts with a `Bert2Bert`, in one graph.

The sources are encoded once. Then a loop computes a token of every text a step, and keeps
the keys and values of the tokens before. The loop runs in stretches: between two of them,
finished sentences leave the work, and the cache gets room for more tokens.

Shapes: B sentences, A of them still at work, K texts a sentence (beams or samples), R of
them returned, T most tokens of a text, C steps that the cache has room for.
"""

from bert_tf.ground import count, lazy
from bert_tf.models.generation.beams import Beams
from bert_tf.models.generation.sampling import Greedy, Sampling
from bert_tf.models.generation.source import lay_memory, places_of_sentences
from bert_tf.models.generation.step import PADDING, DecoderStep

tf = lazy("tensorflow")

_ROOM = 16  # Steps that the cache gets room for at a time.
_DROPPED = 4  # A stretch ends when one in so many sentences is done.


def generate(model, rows, options, *, start_id, end_id, states=None):
    """Generates one or more texts for each source.

    A text never holds padding or the start token. It ends with the end token, or at
    `max_target_length` tokens. No text depends on the other sources of the batch.

    Args:
        model: `Bert2Bert`.
        rows: dict of packed rows of sources, see `BertBackbone`.
        options: has `max_target_length` (T, with the end token), `min_target_length`
            (fewest tokens before the end token), `no_repeat_ngram_size` (no sequence of
            so many tokens occurs twice in a text; 0 allows all), `num_return_sequences`
            (R), `num_beams` and `length_penalty` (see `Beams`), `do_sample`,
            `sample_top_k`, `sample_top_p`, `sample_temperature` and `sample_seed` (see
            `Sampling`). `num_beams` does not count where `do_sample` is true.
        start_id, end_id: ids of the tokens that begin and end a text.
        states: what `model.encode(rows)` returns; None to compute it.

    Returns:
        dict with `ids`, int32 [B, R, T], without the start token, 0 after the end token,
        and `scores`, float32 [B, R]: log probability divided by the length penalty. The
        best text is the first. If there are fewer than R possible texts, the last have
        no tokens and score -inf.

    Raises:
        ValueError: the decoder has no positions for T tokens.
    """
    length, positions = (
        options.max_target_length,
        model.decoder.config.max_position_embeddings,
    )
    if length > positions:
        raise ValueError(
            f"max_target_length is {length}, but the decoder has only "
            f"{count(positions, 'position')}; pass --max_target_length={positions}, or less."
        )
    places, within = places_of_sentences(rows)
    if options.do_sample:
        search = Sampling(options, end_id, rows, places, within)
    elif options.num_beams == 1:
        search = Greedy(options, end_id)
    else:
        search = Beams(options, end_id)
    step = DecoderStep(
        model.decoder,
        width=search.width,
        length=length,
        forbidden=[PADDING, start_id],
    )
    states = model.encode(rows) if states is None else states
    memory = lay_memory(step, states, places, within)
    return _decode(step, search, memory, length, start_id)


def _decode(step, search, memory, length, start_id):
    sentences = tf.shape(memory[1])[0]
    texts = search.start(sentences) | {
        "sentence": tf.range(sentences),
        "tokens": tf.fill([sentences, search.width], start_id),
        "done": tf.fill([sentences], length == 0),
    }

    def unfinished(number, capacity, texts, *_):
        return (number < length) & ~tf.reduce_all(texts["done"])

    def stretch(number, capacity, texts, cache, memory, results):
        more = tf.where(number == capacity, tf.minimum(_ROOM, length - capacity), 0)
        kept = tf.where(~texts["done"])[:, 0]
        cache = step.resize(cache, tf.size(texts["done"]), kept, capacity, more)
        texts = {name: tf.gather(x, kept) for name, x in texts.items()}
        memory = tf.nest.map_structure(lambda x: tf.gather(x, kept), memory)
        capacity += more
        number, texts, cache = _compute(
            step, search, number, capacity, texts, cache, memory, length
        )
        indices = texts["sentence"][:, None]
        results = [
            tf.tensor_scatter_nd_update(old, indices, new)
            for old, new in zip(results, search.results(texts))
        ]
        return number, capacity, texts, cache, memory, results

    state = (
        *(tf.constant(0), tf.constant(0), texts, step.start_cache()),
        *(memory, search.results(texts)),
    )
    *_, (ids, scores) = tf.while_loop(
        unfinished,
        stretch,
        state,
        shape_invariants=tf.nest.map_structure(_any_size, state),
    )
    return {"ids": ids, "scores": scores}


def _compute(step, search, number, capacity, texts, cache, memory, length):
    """Computes steps until the cache is full or a fraction of the sentences is done."""
    sentences = tf.size(texts["done"])
    enough = tf.maximum(sentences // _DROPPED, 1)
    last = tf.minimum(capacity, length)
    places = step.places(sentences, capacity)
    shape = [2, sentences, step.heads, capacity * step.width, step.head_size]

    def write_at(places):
        def write(old, new):
            old = tf.tensor_scatter_nd_update(old, places, new)
            return old, tf.reshape(old, shape)

        return write

    def go_on(number, texts, cache):
        done = tf.reduce_sum(tf.cast(texts["done"], tf.int32))
        return (number < last) & (done < enough)

    def compute(number, texts, cache):
        bias = search.bias(texts, number, capacity)
        logits, cache = step.logits(
            *(texts["tokens"], number, cache, bias, *memory, write_at(places + number))
        )
        return number + 1, texts | search.advance(texts, logits, number), cache

    return tf.while_loop(go_on, compute, (number, texts, cache))


def _any_size(tensor):
    """Returns the shape of a tensor for any number of sentences."""
    return tf.TensorShape([None, *tensor.shape[1:]] if tensor.shape.rank else [])
