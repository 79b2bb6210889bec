"""A model that rounds in training computes what LiteRT makes of its file."""

import keras
import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf import light
from bert_tf.models.rounding import round_to_eight_bits
from bert_tf.serving import exporting

TEXTS = ["it was good", "a very poor film .", "bad"]


@pytest.mark.slow
def test_it_is_nearer_to_the_file_than_the_model_without(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="pip install -e '.[light]'")
    keras.utils.set_random_seed(0)
    config = bert_tf.BertConfig.from_size("tiny", vocab_size=len(tiny_folder.VOCAB))
    tiny_folder.write(tmp_path / "start", config)
    model = bert_tf.Classifier.from_pretrained(tmp_path / "start", num_labels=3)
    for weight in model.weights:  # As large as those of a trained model.
        if len(weight.shape) == 2:
            weight.assign(3.0 * weight)
    model.save_pretrained(tmp_path / "model", labels=["a", "b", "c"])
    exporting.export(
        exporting.ExportConfig(
            model=str(tmp_path / "model"),
            output_dir=str(tmp_path / "phone"),
            format="tflite",
            quantize="int8",
            dynamic_length=True,
            max_seq_length=16,
        )
    )
    file = scores_of(light.Model(tmp_path / "phone"))
    whole = bert_tf.Model(str(tmp_path / "model"), max_seq_length=16)
    plain = scores_of(whole)
    rounding = bert_tf.Model(str(tmp_path / "model"), max_seq_length=16)
    round_to_eight_bits(rounding.keras_model)
    rounded = scores_of(rounding)
    assert np.abs(rounded - file).max() < 0.3 * np.abs(plain - file).max()


def scores_of(model):
    return np.array([list(p["scores"].values()) for p in model.predict(TEXTS)])


def test_all_kernels_of_the_encoder_round():
    backbone = bert_tf.BertBackbone(tiny_folder.CONFIG)
    model = bert_tf.Classifier(backbone, 2)
    round_to_eight_bits(model)
    rounding = [
        layer for layer in model._flatten_layers() if getattr(layer, "rounded", False)
    ]
    per_layer = 6  # Query, key, value, the output of attention, and feed-forward.
    assert len(rounding) == per_layer * tiny_folder.CONFIG.num_hidden_layers + 2
