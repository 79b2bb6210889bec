"""What stands on the encoder.

Shapes: B examples, H hidden size.
"""

import keras


class Pooler(keras.layers.Layer):
    """Dense and tanh over the first token's state (Devlin et al., 2019, 3.1).

    Call arguments:
        first_states: float [B, H].

    Returns:
        float [B, H], in (-1, 1).
    """

    def __init__(self, hidden_size, *, initializer_range, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.dense = keras.layers.Dense(
            hidden_size,
            activation="tanh",
            kernel_initializer=keras.initializers.TruncatedNormal(
                stddev=initializer_range
            ),
            dtype=self.dtype_policy,
            name="dense",
        )

    def build(self, _):
        self.dense.build((None, self.hidden_size))

    def call(self, first_states):
        return self.dense(first_states)
