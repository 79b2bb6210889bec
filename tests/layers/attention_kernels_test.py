"""Kernels of JAX compute what plain products compute; where they cannot, they say so."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import tiny

from bert_tf.layers import attention_kernels
from bert_tf.models.backbone import BertBackbone

ROOT = pathlib.Path(__file__).parents[2]

# Two rows of 256 tokens with several examples and padding, and a row of padding alone.
SETUP = """
import functools
import json
import jax
import jax.numpy as jnp
import numpy as np
from bert_tf.config import BertConfig
from bert_tf.layers import attention_kernels
from bert_tf.layers.attention import Attention, attention_bias
from bert_tf.models.backbone import BertBackbone

ids = np.zeros((3, 256), np.int32)
for row, lengths in enumerate([(100, 28, 70, 20), (1, 254)]):
    ends = np.cumsum(lengths)
    for number, (length, end) in enumerate(zip(lengths, ends), start=1):
        ids[row, end - length : end] = number
random = np.random.default_rng(0)
normal = lambda *shape: jnp.asarray(random.normal(size=shape), jnp.float32)
far = lambda a, b, where=1: float(np.abs((np.asarray(a) - b) * where).max())
say = lambda *words: print(json.dumps(words))
splash = functools.partial(attention_kernels.make, "splash", interpret=True)
"""

LAYER = """
layer = Attention(96, 3, dropout=0.0, initializer_range=0.5)
layer.build(None)
hidden, real = normal(ids.size, 96), (ids > 0).reshape(-1, 1)
weights = [normal(*w.shape) for w in layer.trainable_variables]
bias, cotangent = attention_bias(ids), normal(ids.size, 96) * real

@functools.partial(jax.jit, static_argnums=2)
def compute(weights, hidden, by_kernel):
    attend = splash(jnp.asarray(ids)) if by_kernel else None
    def outputs(weights, hidden):
        values, _ = layer.stateless_call(weights, [], hidden, bias, attend=attend)
        return values[0]
    values, pull = jax.vjp(outputs, weights, hidden)
    return values, pull(cotangent)

(plain, slopes), (kernel, by_kernel) = (compute(weights, hidden, k) for k in (False, True))
assert np.isfinite(kernel).all()
say("padding is finite", bool(np.isfinite(kernel).all()))
say("outputs", far(kernel, plain, real))
# Each part's own size is no measure: the bias of the key has no gradient but rounding.
size = max(far(slope, 0) for slope in jax.tree.leaves(slopes))
say("gradients", max(map(far, *map(jax.tree.leaves, (by_kernel, slopes)))) / size)
"""

MODEL = """
config = BertConfig.from_size("tiny", vocab_size=50, attention_probs_dropout_prob=0.0)
plain = BertBackbone(config, gradient_checkpointing=True)
attention_kernels.make = lambda kernel, ids, count: splash(ids) if kernel == "splash" else None
kernel = BertBackbone(config, gradient_checkpointing=True, attention="splash")
kernel.set_weights(plain.get_weights())
starts = [n for n in range(1, ids.size) if ids.flat[n] and ids.flat[n] != ids.flat[n - 1]]
rows = {
    "input_ids": random.integers(1, 50, ids.shape),
    "segment_ids": np.zeros_like(ids),
    "position_ids": np.zeros_like(ids),
    "sequence_ids": ids,
    "first_token": np.array([0, *starts]),
    "dropout_seed": np.array([1, 2]),
}
for at in (None, rows["first_token"]):
    for training in (False, True):
        a, b = (m.compute(rows, training=training, at=at) for m in (plain, kernel))
        for name in sorted(a.keys() - {"hidden_states", "attention_probabilities"}):
            where = (ids > 0)[:, :, None] if name == "sequence_output" else 1
            say(f"{name} {training}", far(a[name], b[name], where))
    say("probabilities", b["attention_probabilities"])
attentions = kernel.with_intermediates()(rows)["attention_probabilities"]
say("sum of probabilities", float(attentions[1][0, :, :100, :100].sum(-1).mean()))
"""


REFUSALS = """
def refuse(function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        say("refused", str(error))

refuse(attention_kernels.check, "splash", 0.0)
refuse(attention_kernels.check, "cudnn", 0.0)
attention_kernels.DEVICES["splash"] = "cpu"  # As on a TPU.
refuse(attention_kernels.check, "cudnn", 0.0)
refuse(attention_kernels.check, "splash", 0.1)
refuse(attention_kernels.make, "splash", jnp.zeros([2, 192], "int32"))
states = 3 * [jnp.zeros([2, 128, 1, 8])]
refuse(attention_kernels.make("cudnn", jnp.zeros([2, 128], "int32")), *states)
"""


@pytest.fixture(scope="module")
def said():
    """Returns [what, value] of each line of the programs, which run in one process."""
    pytest.importorskip("jax")
    keras_by_jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SETUP + REFUSALS + LAYER + MODEL],
        env=os.environ | keras_by_jax | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_splash_equals_plain_attention_with_its_gradients(said):
    values = dict(said)
    assert values["outputs"] < 1e-5
    assert values["gradients"] < 1e-5
    assert values["padding is finite"]


@pytest.mark.slow
def test_splash_in_a_model_with_dropout_and_checkpointing(said):
    values = dict(said)
    for name in ("sequence_output", "pooled_output", "output_at"):
        for training in (False, True):
            assert values[f"{name} {training}"] < 1e-5
    assert values["probabilities"] == [None, None]
    # Where they are asked for, no kernel computes.
    assert values["sum of probabilities"] == pytest.approx(1)


@pytest.mark.slow
def test_what_a_kernel_cannot_do_is_refused(said):
    refused = [value for name, value in said if name == "refused"]
    by_ops = "pass --attention=ops."
    assert refused[0] == (
        f"attention=splash is a kernel for a TPU, and JAX computes on a CPU; {by_ops}"
    )
    assert refused[1] == (
        f"attention=cudnn is a kernel for a GPU, and JAX computes on a CPU; {by_ops}"
    )
    assert refused[2].endswith("pass --attention=splash.")
    assert refused[3] == (
        "attention=splash drops no attention probabilities, but the model has "
        "attention_probs_dropout_prob=0.1; pass --noattention_dropout, or "
        "--attention=ops."
    )
    assert refused[4] == (
        "attention=splash needs rows of a multiple of 128 tokens; received 192. Pass "
        "--max_seq_length=256, or --attention=ops."
    )
    assert refused[5] == (
        "attention=cudnn computes in bfloat16 or float16, not in float32; pass --bf16, or "
        "--attention=ops."
    )


def test_another_engine_is_refused():
    with pytest.raises(ValueError, match="is tensorflow; pass --engine=jax, or --atte"):
        BertBackbone(tiny.CONFIG, attention="splash")
    choices = "one of ops, by_example, splash, cudnn; received 'flash'"
    with pytest.raises(ValueError, match=choices):
        BertBackbone(tiny.CONFIG, attention="flash")
    assert attention_kernels.make("ops", None) is None
