"""A tiny masked LM whose weights matter."""

import keras
import pytest

from bert_tf import Model
from bert_tf.analysis.masked import MaskedLM


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
