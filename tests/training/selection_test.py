"""Which variables train, and how fast: paths, factors and counts by hand."""

import pytest
import tiny

from bert_tf.training import selection


def trained(model):
    return {weight.path for weight in model.trainable_weights}


class TestFreeze:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", (False, 0)),
            ("embeddings", (True, 0)),
            ("3", (False, 3)),
            ("embeddings,3", (True, 3)),
            ("12, embeddings", (True, 12)),
        ],
    )
    def test_texts_are_read(self, text, expected):
        assert selection.parse_freeze(text) == expected

    @pytest.mark.parametrize("text", ["head", "-1", "1,2", "embeddings 3", "2.5", ","])
    def test_other_texts_are_an_error(self, text):
        with pytest.raises(ValueError, match=f"embeddings,3; received {text!r}"):
            selection.parse_freeze(text)

    def test_more_layers_than_the_model_has(self):
        selection.check_freeze("embeddings,2", 2)
        with pytest.raises(ValueError, match="names 3 layers, .* has only 2; lower"):
            selection.check_freeze("embeddings,3", 2)

    def test_lowest_layers_and_embeddings(self, caplog):
        model = tiny.classifier()
        paths = trained(model)
        with caplog.at_level("INFO", "bert_tf"):
            selection.select(model, freeze="embeddings,1")
        assert paths - trained(model) == {
            path
            for path in paths
            if path.startswith(("bert/embeddings/", "bert/encoder/layer_0/"))
        }
        # Of 5 + 2 · 16 + 2 + 2 variables. H = 21, I = 29, and 83 + 71 + 2 rows.
        layer = 4 * (21 * 21 + 21) + 2 * 21 * 29 + 29 + 21 + 4 * 21
        embeddings = (83 + 71 + 2) * 21 + 2 * 21
        heads = 21 * 21 + 21 + 21 * 5 + 5
        trained_count, count = layer + heads, embeddings + 2 * layer + heads
        assert caplog.messages == [
            f"training 20 of 41 variables, {trained_count:,} of {count:,} parameters."
        ]

    def test_layers_alone(self):
        model = tiny.classifier()
        selection.select(model, freeze="2")
        assert not any("/encoder/" in path for path in trained(model))
        assert "bert/embeddings/word_embeddings" in trained(model)
        assert "bert/pooler/dense/kernel" in trained(model)

    def test_nothing_is_logged_if_all_train(self, caplog):
        model = tiny.classifier()
        with caplog.at_level("INFO", "bert_tf"):
            selection.select(model)
        assert len(trained(model)) == len(model.weights)
        assert caplog.messages == []


def test_rates_fall_from_the_head_to_the_embeddings():
    """As in ELECTRA's code; with three layers the exponents are 0, (1), 2, 3, 4, 5."""
    factors = selection.learning_rate_factors(
        [
            "classifier/kernel",
            "bert/pooler/dense/bias",
            "bert/encoder/layer_2/output/dense/kernel",
            "bert/encoder/layer_1/attention/self/query/lora_kernel_a",
            "bert/encoder/layer_0/attention/self/query/kernel",
            "bert/embeddings/LayerNorm/gamma",
        ],
        0.5,
    )
    assert list(factors.values()) == [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]


def test_every_path_of_the_model_has_a_factor():
    model = tiny.classifier()
    paths = [weight.path for weight in model.weights]
    factors = selection.learning_rate_factors(paths, 0.5)
    assert sorted(set(factors.values())) == [0.0625, 0.125, 0.25, 0.5, 1.0]
    assert {path for path in paths if factors[path] == 1.0} == {
        path for path in paths if not path.startswith("bert/")
    }
    assert factors["bert/embeddings/word_embeddings"] == 0.0625
