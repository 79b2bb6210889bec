"""Attention of all tokens that never stores the scores of a batch.

A kernel computes what `Attention` computes, for every token that is not padding, and
returns no attention probabilities. On TensorFlow there is `attention_by_example`. Those of
JAX drop no probabilities. Besides `training/jax/`, only this file imports JAX, and only
where a kernel of it is used.

Shapes: R rows, S tokens a row, N heads, D head size.
"""

import keras

from bert_tf.ground import one_of
from bert_tf.layers import attention_by_example

DEVICES = {"splash": "tpu", "cudnn": "gpu"}  # Kernel: what JAX calls its device.
KERNELS = ("ops", "by_example", *DEVICES)
_LANES = 128  # Values that a TPU computes side by side.


def check(kernel, dropout):
    """Refuses a kernel that the engine or the device does not have.

    Args:
        kernel: one of `KERNELS`; "ops" is no kernel, and never refused.
        dropout: fraction of attention probabilities that training drops.
    """
    one_of("attention", kernel, KERNELS)
    engine = keras.backend.backend()
    if kernel == "by_example" and engine != "tensorflow":
        raise ValueError(
            f"attention=by_example needs the engine tensorflow; received {engine}. Pass "
            "--attention=ops."
        )
    if kernel not in DEVICES:
        return
    if engine != "jax":
        raise ValueError(
            f"attention={kernel} is a kernel of JAX, and the engine is {engine}; pass "
            "--engine=jax, or --attention=ops."
        )
    import jax

    device = jax.default_backend()
    if device != DEVICES[kernel]:
        fitting = next((k for k, d in DEVICES.items() if d == device), "ops")
        raise ValueError(
            f"attention={kernel} is a kernel for a {DEVICES[kernel].upper()}, and JAX "
            f"computes on a {device.upper()}; pass --attention={fitting}."
        )
    if dropout:
        raise ValueError(
            f"attention={kernel} drops no attention probabilities, but the model has "
            f"attention_probs_dropout_prob={dropout}; pass --noattention_dropout, or "
            "--attention=ops."
        )


def choose(longest):
    """Returns the kernel of this engine for examples of up to `longest` tokens."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    suits = on_tensorflow and attention_by_example.suits(longest)
    return "by_example" if suits else "ops"


def make(kernel, sequence_ids, count=None, *, interpret=False):
    """Returns the attention within the examples of packed rows.

    For JAX, padding attends to padding, so every token attends to one at least: a softmax
    over nothing would be NaN, and spoil the gradients of all.

    Args:
        kernel: one of `KERNELS`.
        sequence_ids: int32 [R, S], see `attention_bias`.
        count: number of examples in the rows; only "by_example" needs it.
        interpret: True to compute splash step by step on a processor, for tests.

    Returns:
        function(query, key, value, rate, seed) → context, see `Attention`; None for "ops".
        Kernels of JAX take no rate and no seed.
    """
    if kernel == "ops":
        return None
    if kernel == "by_example":
        return attention_by_example.make(sequence_ids, count)
    if kernel == "splash":
        return _splash(sequence_ids, interpret)
    return _cudnn(sequence_ids)


def _splash(sequence_ids, interpret):
    import jax
    from jax.experimental.pallas.ops.tpu import splash_attention

    length = sequence_ids.shape[1]
    if length % _LANES:
        raise ValueError(
            f"attention=splash needs rows of a multiple of {_LANES} tokens; received "
            f"{length}. Pass --max_seq_length={length + -length % _LANES}, or "
            "--attention=ops."
        )
    # Larger blocks start fewer steps; 512 of them still fit the memory of a core.
    block = next(b for b in (512, 384, 256, _LANES) if not length % b)
    names = ("q", "kv", "kv_compute", "q_dkv", "kv_dkv", "kv_dkv_compute")
    sizes = {f"block_{name}": block for name in (*names, "q_dq", "kv_dq")}
    segments = splash_attention.SegmentIds(q=sequence_ids, kv=sequence_ids)

    def attend(query, key, value, rate=0.0, seed=None):
        heads, head_size = query.shape[2:]
        mask = splash_attention.FullMask((length, length))
        of_row = splash_attention.make_splash_mha(
            splash_attention.MultiHeadMask([mask] * heads),
            block_sizes=splash_attention.BlockSizes(**sizes),
            head_shards=1,
            q_seq_shards=1,
            interpret=interpret,
        )
        # The kernel takes [N, S, D], and does not scale.
        states = (query * head_size**-0.5, key, value)
        states = (x.transpose(0, 2, 1, 3) for x in states)
        return jax.vmap(of_row)(*states, segments).transpose(0, 2, 1, 3)

    return attend


def _cudnn(sequence_ids):
    import jax

    mask = sequence_ids[:, None, :, None] == sequence_ids[:, None, None, :]

    def attend(query, key, value, rate=0.0, seed=None):
        if query.dtype not in ("bfloat16", "float16"):
            raise ValueError(
                f"attention=cudnn computes in bfloat16 or float16, not in {query.dtype}; "
                "pass --bf16, or --attention=ops."
            )
        return jax.nn.dot_product_attention(
            query, key, value, mask=mask, implementation="cudnn"
        )

    return attend
