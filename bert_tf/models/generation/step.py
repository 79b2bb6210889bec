"""One step of the decoder: the next token's logits, from keys and values kept so far.

`BertDecoder` computes all tokens of a text at once. A step computes one token of each text,
so that reading the weights and starting operations takes most of its time. It therefore
reads the weights once for all steps, and does in one product what needs the same input.

Shapes: A sentences at work, K texts a sentence (beams or samples), C steps that the cache
has room for, S source tokens of the longest sentence, L layers, N heads, D head size, H =
N·D, V vocabulary size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.transformer import ACTIVATIONS

tf = lazy("tensorflow")

PADDING = 0  # Id of [PAD], in every vocabulary.


class DecoderStep:
    """Computes logits of the next token.

    Args:
        decoder: `BertDecoder`.
        width: K.
        length: most tokens of a text.
        forbidden: ids of tokens that are never generated; their logits are -inf.
    """

    def __init__(self, decoder, *, width, length, forbidden):
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
        self._words = self._read(embeddings.word_table)
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
        self._output_bias = tf.where(
            allowed > 0, _real(head.output_bias), float("-inf")
        )

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
        """Returns the keys and values of the source for all layers, [T, L·2·H]."""
        kernels, biases = zip(*(layer["memory"] for layer in self._layers))
        return _product(states, tf.concat(kernels, 1), tf.concat(biases, 0))

    def logits(self, tokens, step, cache, bias, memory, memory_bias, write):
        """Computes the logits of the tokens that follow.

        Args:
            tokens: int32 [A, K], the last token of each text.
            step: int32, their position.
            cache: for each layer a tensor [2·A·N·C, K·D]: keys and values of the
                tokens before. In this order a step adds whole slices.
            bias: float32 [A or 1, 1, K, C·K], added to the scores of the cache.
            memory: for each layer keys and values of the source, [2, A, N, S, D].
            memory_bias: float32 [A, 1, 1, S].
            write: function(cache, new [2·A·N, K·D]) → cache.

        Returns:
            float32 [A·K, V], and the cache with these tokens.
        """
        words = tf.gather(self._words, tf.reshape(tokens, [-1]))
        hidden = tf.cast(words, tf.float32) + self._positions[step]
        hidden = self._normalise(hidden, self._embedded_norm)
        written = []
        for layer, kept, source in zip(self._layers, cache, memory):
            states = self._split(_product(hidden, *layer["self"]), 3)
            new = tf.reshape(states[1:], [-1, self.width * self.head_size])
            kept = write(kept, new)
            written.append(kept)
            rows = tf.shape(source)[1]
            kept = tf.reshape(kept, [2, rows, self.heads, -1, self.head_size])
            context = self._attend(states[0], kept, bias)
            hidden = self._output(context, hidden, layer["self_output"])
            query = self._split(_product(hidden, *layer["query"]), 1)[0]
            context = self._attend(query, source, memory_bias)
            hidden = self._output(context, hidden, layer["cross_output"])
            expanded = self._activation(_product(hidden, *layer["intermediate"]))
            hidden = self._output(expanded, hidden, layer["output"])
        transformed = self._normalise(
            self._activation(_product(hidden, *self._transform)), self._head_norm
        )
        logits = tf.matmul(transformed, self._words, transpose_b=True)
        return tf.cast(logits, tf.float32) + self._output_bias, written

    # Weights.

    def _read(self, weight):
        return tf.cast(tf.convert_to_tensor(weight), self.dtype)

    def _dense(self, layer, scale=1.0):
        kernel, bias = self._read(layer.kernel), self._read(layer.bias)
        return (kernel, bias) if scale == 1.0 else (kernel * scale, bias * scale)

    def _read_layer(self, layer):
        inner, cross = layer.inner, layer.cross_attention
        own = inner.self_attention
        # Scaled queries make scaled scores.
        scale = self.head_size**-0.5

        def joined(*parts):
            kernels, biases = zip(*parts)
            return tf.concat(kernels, 1), tf.concat(biases, 0)

        def output(layer):
            return (*self._dense(layer.dense), *_norm(layer.layer_norm))

        return {
            "self": joined(
                self._dense(own.query, scale),
                self._dense(own.key),
                self._dense(own.value),
            ),
            "self_output": output(inner.attention_output),
            "query": self._dense(cross.query, scale),
            "memory": joined(self._dense(cross.key), self._dense(cross.value)),
            "cross_output": output(layer.cross_output),
            "intermediate": self._dense(inner.intermediate),
            "output": output(inner.feed_forward_output),
        }

    # Operations.

    def _split(self, states, parts):
        """Returns [parts, A, N, K, D] of [A·K, parts·N·D]."""
        shape = [-1, self.width, parts, self.heads, self.head_size]
        return tf.transpose(tf.reshape(states, shape), [2, 0, 3, 1, 4])

    def _attend(self, query, memory, bias):
        """Returns [A·K, H] of a query [A, N, K, D] and a memory [2, A, N, M, D]."""
        key, value = tf.unstack(memory, num=2)
        scores = tf.matmul(query, key, transpose_b=True)  # [A, N, K, M]
        scores = tf.cast(scores, tf.float32) + bias
        probabilities = tf.cast(tf.nn.softmax(scores), self.dtype)
        context = tf.matmul(probabilities, value)
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
