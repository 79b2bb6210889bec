"""A tiny masked LM whose weights matter."""

from unittest import mock

import keras
import pytest
import tiny_folder

from bert_tf import Model
from bert_tf.analysis.masked import MaskedLM


@pytest.fixture(scope="session")
def masked_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("masked") / "masked"
    with mock.patch.object(tiny_folder, "VOCAB", [*tiny_folder.VOCAB, "##ly"]):
        tiny_folder.write_pretrained(path)
    return path


@pytest.fixture(scope="session")
def model(masked_folder):
    model = Model(str(masked_folder), task="fill_mask")
    keras.utils.set_random_seed(5)
    for weight in model.keras_model.weights:
        if len(weight.shape) == 2:
            weight.assign(keras.random.normal(weight.shape, stddev=0.4))
    return model


@pytest.fixture(scope="session")
def masked_lm(model):
    return MaskedLM(model)
