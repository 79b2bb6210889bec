"""The model that a run builds, by the settings of training."""

import types

import pytest
import tiny_folder

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.run import session
from bert_tf.training.config import TrainConfig


def build(**settings):
    job = types.SimpleNamespace(
        task=types.SimpleNamespace(
            build=lambda backbone: backbone,
            load_start=lambda model, path: None,
            options=types.SimpleNamespace(longest=(128,)),
        ),
        folder=ModelFolder(tiny_folder.CONFIG, tiny_folder.VOCAB, {}),
        weights=None,
    )
    return session._build(job, TrainConfig(**settings))


@pytest.mark.parametrize(("drops", "rate"), [(True, 0.1), (False, 0.0)])
def test_attention_dropout(drops, rate):
    (layer,) = build(attention_dropout=drops).encoder_layers
    assert layer.self_attention.dropout.rate == rate
    assert layer.attention_output.dropout.rate == 0.1


def test_a_kernel_of_another_engine_is_refused():
    with pytest.raises(
        ValueError, match="attention=splash is a kernel of JAX, and the"
    ):
        build(attention="splash", attention_dropout=False)
