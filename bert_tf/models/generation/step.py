"""One step of the decoder: the next token's logits, from keys and values kept so far.

`BertDecoder` computes all tokens of a text at once. A step computes one token of each text,
so that reading the weights and starting operations takes most of its time. It therefore
reads the weights once for all steps, and does in one product what needs the same input.

Shapes: A sentences at work, K texts a sentence (beams or samples), C steps that the cache
has room for, S source tokens of the longest sentence, L layers, N heads, D head size, H =
N·D, V vocabulary size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.activations import ACTIVATIONS

tf = lazy("tensorflow")

PADDING = 0  # Id of [PAD] in every vocabulary.
BLOCK = (
    64  # The vocabulary is padded to a multiple, so that its best are found by blocks.
)


class DecoderStep:
    """Computes logits of the next token.

    Args:
        decoder: `BertDecoder`.
        width: K.
        length: most tokens of a text.
        forbidden: ids of tokens that are never generated.
        never: their logits.
    """

    def __init__(self, decoder, *, width, length, forbidden, never=float("-inf")):
        config = decoder.config
        self.width = width
        self.heads = config.num_attention_heads
        self.head_size = config.hidden_size // self.heads
        self.hidden_size = config.hidden_size
        self.depth = config.num_hidden_layers
        self.dtype = decoder.compute_dtype
        self._epsilon = config.layer_norm_eps
        self._activation = ACTIVATIONS[config.hidden_act]
        embeddings, head = decoder.embeddings, decoder.predictions
        self._words = tf.convert_to_tensor(embeddings.word_table)
        # A product with the table itself takes up to twice the time.
        table = tf.transpose(self._read(embeddings.word_table))
        unused = -config.vocab_size % BLOCK
        self._output_table = tf.pad(table, [[0, 0], [0, unused]])
        # All tokens of the target are of segment 0.
        self._positions = (
            _real(embeddings.position_table)[:length]
            + _real(embeddings.segment_table)[0]
        )
        self._embedded_norm = _norm(embeddings.layer_norm)
        self._layers = [self._read_layer(layer) for layer in decoder.decoder_layers]
        self._transform = self._dense(head.dense)
        self._head_norm = _norm(head.layer_norm)
        allowed = 1 - tf.reduce_sum(tf.one_hot(forbidden, config.vocab_size), axis=0)
        bias = tf.where(allowed > 0, _real(head.output_bias), never)
        self._output_bias = tf.pad(bias, [[0, unused]], constant_values=never)

    def start_cache(self):
        """Returns a cache with room for no step, see `logits`."""
        shape = [0, self.width * self.head_size]
        return [tf.zeros(shape, self.dtype) for _ in range(self.depth)]

    def resize(self, cache, sentences, kept, capacity, more):
        """Returns the cache of some sentences, with room for more steps.

        Args:
            cache: see `logits`.
            sentences: how many it is of.
            kept: int [A], indices of those to keep.
            capacity, more: steps that it has room for, and further ones.
        """
        slices = self.width * self.head_size
        shape = [2, sentences, self.heads, capacity, slices]

        def resized(tensor):
            tensor = tf.gather(tf.reshape(tensor, shape), kept, axis=1)
            tensor = tf.pad(tensor, [[0, 0], [0, 0], [0, 0], [0, more], [0, 0]])
            return tf.reshape(tensor, [-1, slices])

        return list(map(resized, cache))

    def places(self, sentences, capacity):
        """Returns the places in a cache of the first step, int32 [2·A·N, 1]."""
        return (tf.range(2 * sentences * self.heads) * capacity)[:, None]

    def project(self, states):
        """Returns the keys and values of the source for each layer, [T, H] each."""
        return [
            (
                _product(states, *layer["memory_key"]),
                _product(states, *layer["memory_value"]),
            )
            for layer in self._layers
        ]

    def logits(self, tokens, step, cache, bias, memory, memory_bias, write):
        """Computes the logits of the tokens that follow.

        Args:
            tokens: int32 [A, K], the last token of each text.
            step: int32, their position.
            cache: for each layer a tensor [2·A·N·C, K·D]: keys and values of the
                tokens before. In this order a step adds whole slices.
            bias: float32 [A or 1, 1, K, C·K], added to the scores of the cache.
            memory: for each layer keys [A, N, D, S] and values [A, N, S, D] of the source.
            memory_bias: float32 [A, 1, 1, S].
            write: function(cache, new [2·A·N, K·D]) → the cache with them, and all its
                keys and values, [2, A, N, C·K, D].

        Returns:
            float32 [A·K, V], V padded with `never` to a multiple of `BLOCK`, and the cache with these tokens.
        """
        words = tf.gather(self._words, tf.reshape(tokens, [-1]))
        hidden = self._normalise(words + self._positions[step], self._embedded_norm)
        written = []
        for layer, kept, (key, value) in zip(self._layers, cache, memory):
            states = [_product(hidden, *layer[name]) for name in ("key", "value")]
            new = self._by_heads(tf.concat(states, 0))
            kept, all_states = write(
                kept, tf.reshape(new, [-1, self.width * self.head_size])
            )
            written.append(kept)
            own_key, own_value = tf.unstack(all_states, num=2)
            query = self._query(hidden, layer["query"])
            scores = tf.matmul(query, own_key, transpose_b=True)  # [A, N, K, C·K]
            context = self._attend(scores, bias, own_value)
            hidden = self._output(context, hidden, layer["self_output"])
            query = self._query(hidden, layer["cross_query"])
            scores = tf.matmul(query, key)  # [A, N, K, S]
            context = self._attend(scores, memory_bias, value)
            hidden = self._output(context, hidden, layer["cross_output"])
            expanded = self._activation(_product(hidden, *layer["intermediate"]))
            hidden = self._output(expanded, hidden, layer["output"])
        transformed = self._normalise(
            self._activation(_product(hidden, *self._transform)), self._head_norm
        )
        logits = tf.cast(tf.matmul(transformed, self._output_table), tf.float32)
        return logits + self._output_bias, written

    # Weights.

    def _read(self, weight):
        return tf.cast(tf.convert_to_tensor(weight), self.dtype)

    def _dense(self, layer):
        return self._read(layer.kernel), self._read(layer.bias)

    def _read_layer(self, layer):
        # One product for query, key and value was measured to be no faster.
        inner, cross = layer.inner, layer.cross_attention
        own = inner.self_attention

        def output(layer):
            return (*self._dense(layer.dense), *_norm(layer.layer_norm))

        return {
            "query": self._dense(own.query),
            "key": self._dense(own.key),
            "value": self._dense(own.value),
            "self_output": output(inner.attention_output),
            "cross_query": self._dense(cross.query),
            "memory_key": self._dense(cross.key),
            "memory_value": self._dense(cross.value),
            "cross_output": output(layer.cross_output),
            "intermediate": self._dense(inner.intermediate),
            "output": output(inner.feed_forward_output),
        }

    # Operations.

    def _by_heads(self, states):
        """Returns [A, N, K, D] of [A·K, N·D]."""
        shape = [-1, self.width, self.heads, self.head_size]
        if self.width == 1:  # The same order of numbers.
            return tf.reshape(states, [-1, self.heads, 1, self.head_size])
        return tf.transpose(tf.reshape(states, shape), [0, 2, 1, 3])

    def _query(self, hidden, weights):
        return self._by_heads(_product(hidden, *weights) * self.head_size**-0.5)

    def _attend(self, scores, bias, value):
        """Returns [A·K, H] of scores [A, N, K, M] and values [A, N, M, D]."""
        probabilities = tf.nn.softmax(tf.cast(scores, tf.float32) + bias)
        context = tf.matmul(tf.cast(probabilities, self.dtype), value)
        if self.width > 1:
            context = tf.transpose(context, [0, 2, 1, 3])
        return tf.reshape(context, [-1, self.hidden_size])

    def _output(self, values, residual, weights):
        kernel, bias, *norm = weights
        return self._normalise(_product(values, kernel, bias) + residual, norm)

    def _normalise(self, values, norm):
        """Returns LayerNorm, computed in float32 and cast to the compute dtype."""
        gamma, beta = norm
        values = tf.cast(values, tf.float32)
        centred = values - tf.reduce_mean(values, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
        normed = centred * tf.math.rsqrt(variance + self._epsilon)
        return tf.cast(normed * gamma + beta, self.dtype)


def _norm(layer):
    return _real(layer.gamma), _real(layer.beta)


def _real(weight):
    """Returns a weight in float32, whatever the dtype that it is stored in."""
    return tf.cast(tf.convert_to_tensor(weight), tf.float32)


def _product(values, kernel, bias):
    return tf.nn.bias_add(tf.matmul(values, kernel), bias)
