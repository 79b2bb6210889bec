"""BertConfig: values it accepts and rejects, and the file it is stored in."""

import json

import pytest

from bert_tf.config import BertConfig, read_config, write_config


def test_defaults_are_bert_base():
    config = BertConfig()
    assert config == BertConfig.from_size("base")
    assert (config.hidden_size, config.num_hidden_layers) == (768, 12)
    assert config.layer_norm_eps == 1e-12


@pytest.mark.parametrize(
    ("size", "layers", "hidden", "heads", "intermediate"),
    [
        ("tiny", 2, 128, 2, 512),
        ("mini", 4, 256, 4, 1024),
        ("small", 4, 512, 8, 2048),
        ("medium", 8, 512, 8, 2048),
        ("base", 12, 768, 12, 3072),
        ("large", 24, 1024, 16, 4096),
    ],
)
def test_sizes_are_the_published_ones(size, layers, hidden, heads, intermediate):
    config = BertConfig.from_size(size, vocab_size=7)
    assert config == BertConfig(
        vocab_size=7,
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=intermediate,
    )


def test_overrides_win_over_the_size():
    assert BertConfig.from_size("tiny", intermediate_size=5).intermediate_size == 5


def test_unknown_size_lists_the_known_sizes():
    with pytest.raises(ValueError, match="tiny, mini, .* received 'huge'"):
        BertConfig.from_size("huge")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "vocab_size",
            0,
            "vocab_size must be a whole number from 1 to 10,000,000; .* 0",
        ),
        ("vocab_size", 3.5, "whole number"),
        ("vocab_size", "30522", "received '30522'"),
        ("num_hidden_layers", True, "received True"),
        ("hidden_size", 770, r"770 and 12. Try hidden_size=768"),
        ("hidden_size", 5, r"5 and 12. Try hidden_size=12"),
        ("hidden_act", "swish", "gelu, gelu_new, relu; received 'swish'"),
        ("hidden_act", None, "hidden_act must be a str"),
        ("hidden_dropout_prob", 1.0, "below 1; received 1.0"),
        ("hidden_dropout_prob", None, "received None"),
        ("attention_probs_dropout_prob", -0.1, "received -0.1"),
        ("classifier_dropout", 2, "classifier_dropout must be"),
        ("layer_norm_eps", 0.0, "layer_norm_eps must be a positive number"),
        ("initializer_range", float("nan"), "received nan"),
    ],
)
def test_an_error_names_the_key_and_the_value(key, value, message):
    with pytest.raises(ValueError, match=message):
        BertConfig.from_dict({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("position_embedding_type", "relative_key"),
        ("model_type", "roberta"),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"bits": 4}),
    ],
)
def test_models_that_are_not_bert_are_rejected(key, value):
    with pytest.raises(ValueError, match=f"{key} must be .* or absent; received"):
        BertConfig.from_dict({key: value})


def test_our_own_quantisation_describes_a_file_and_no_model():
    values = {"quantization_config": {"quant_method": "bert_tf_int8"}}
    assert BertConfig.from_dict(values).extra == {}
    with pytest.raises(ValueError, match="quantization_config must be"):
        BertConfig(extra=values)
    values["quantization_config"]["bits"] = 4
    with pytest.raises(ValueError, match="quantization_config must be"):
        BertConfig.from_dict(values)


def test_values_that_mean_plain_bert_are_kept():
    values = {"is_decoder": False, "position_embedding_type": "absolute"}
    assert BertConfig.from_dict(values).extra == values


def test_extra_does_not_bypass_the_checks():
    with pytest.raises(ValueError, match="is_decoder must be False"):
        BertConfig(extra={"is_decoder": True})
    with pytest.raises(ValueError, match="extra holds 'hidden_size'"):
        BertConfig(extra={"hidden_size": 5})


def test_head_dropout_defaults_to_hidden_dropout():
    assert BertConfig(hidden_dropout_prob=0.3).head_dropout_prob == 0.3
    assert BertConfig(classifier_dropout=0.0).head_dropout_prob == 0.0


def test_tanh_gelu_has_two_names():
    config = BertConfig.from_dict({"hidden_act": "gelu_pytorch_tanh"})
    assert config.hidden_act == "gelu_new"


def test_file_round_trip_keeps_unknown_keys(tmp_path):
    config = BertConfig.from_size("tiny", extra={"id2label": {"0": "été"}})
    write_config(tmp_path / "config.json", config)
    assert read_config(tmp_path) == config
    assert read_config(tmp_path / "config.json") == config
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert written["model_type"] == "bert"
    assert written["id2label"] == {"0": "été"}
    assert "extra" not in written


def test_bert_config_json_is_read(tmp_path):
    (tmp_path / "bert_config.json").write_text('{"vocab_size": 11, "pooler_type": "x"}')
    config = read_config(tmp_path)
    assert config == BertConfig(vocab_size=11, extra={"pooler_type": "x"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "config.json is not JSON"),
        (b"\xff{}", "config.json is not UTF-8 at byte 0"),
        (b"[1]", r"config.json must hold a JSON object, {…}; received \[1\]"),
        (b'{"vocab_size": -1}', "config.json: vocab_size must be"),
    ],
)
def test_errors_name_the_file(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config.json and no bert_config"):
        read_config(tmp_path)
    with pytest.raises(FileNotFoundError, match="no configuration file .*absent.json"):
        read_config(tmp_path / "absent.json")


class TestLayersThatDiffer:
    """Pruned models: entries for each layer, and a model_type that others refuse."""

    CONFIG = BertConfig(
        num_hidden_layers=2,
        hidden_size=21,
        num_attention_heads=3,
        intermediate_size=29,
        layer_num_attention_heads=[3, 1],
        layer_intermediate_size=[8, 29],
    )

    def test_file_round_trip(self, tmp_path):
        write_config(tmp_path / "config.json", self.CONFIG)
        assert read_config(tmp_path) == self.CONFIG
        assert hash(read_config(tmp_path)) == hash(self.CONFIG)
        written = json.loads((tmp_path / "config.json").read_text())
        assert written["model_type"] == "bert_tf"
        assert written["attention_head_size"] == 7
        assert written["layer_num_attention_heads"] == [3, 1]
        assert written["layer_intermediate_size"] == [8, 29]
        assert BertConfig.from_dict(written).extra == {}

    def test_shapes(self):
        assert self.CONFIG.layer_shapes == [(3, 8), (1, 29)]
        assert BertConfig.from_size("tiny").layer_shapes == [(2, 512)] * 2
        assert BertConfig.from_size("tiny").is_plain
        assert not self.CONFIG.is_plain

    def test_plain_keys_where_they_can_say_it(self):
        plain = self.CONFIG.with_layers([(3, 8)] * 4)
        assert plain == BertConfig(
            num_hidden_layers=4,
            hidden_size=21,
            num_attention_heads=3,
            intermediate_size=8,
        )
        assert plain.to_dict()["model_type"] == "bert"
        assert not {"layer_intermediate_size", "attention_head_size"} & {
            *plain.to_dict()
        }
        # As many heads in all layers, but fewer than hidden_size / head size.
        assert not self.CONFIG.with_layers([(2, 8)] * 4).is_plain
        assert not self.CONFIG.with_layers([(3, 8), (3, 9)]).is_plain

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"layer_num_attention_heads": [3, 1, 2]},
                r"layer_num_attention_heads must be a list .* 2 layers .* \[3, 1, 2\]",
            ),
            ({"num_hidden_layers": 3}, r"each of the 3 layers .* received \[3, 1\]"),
            (
                {"layer_intermediate_size": 8},
                "layer_intermediate_size must be .* received 8",
            ),
            (
                {"layer_num_attention_heads": [3, 0]},
                r"heads\[1\] must be .* 1 to 3, .* 0",
            ),
            (
                {"layer_num_attention_heads": [4, 1]},
                r"heads\[0\] must be .* 1 to 3, .* 4",
            ),
            ({"layer_num_attention_heads": [3, True]}, r"heads\[1\] .* received True"),
            (
                {"layer_intermediate_size": [8, 30]},
                r"size\[1\] must be .* 1 to 29, .* 30",
            ),
            ({"layer_intermediate_size": [8, 8.0]}, r"size\[1\] .* received 8.0"),
            (
                {"layer_intermediate_size": None},
                "'bert_tf' needs layer_intermediate_size",
            ),
            ({"model_type": "bert"}, "needs model_type 'bert_tf'; received 'bert'"),
            (
                {"attention_head_size": 6},
                r"attention_head_size must be 7, .* received 6",
            ),
        ],
    )
    def test_bad_entries(self, changes, message):
        with pytest.raises(ValueError, match=message):
            BertConfig.from_dict(self.CONFIG.to_dict() | changes)

    def test_one_kind_of_entries_alone(self):
        with pytest.raises(
            ValueError, match="layer_intermediate_size .* received None"
        ):
            BertConfig(num_hidden_layers=1, layer_num_attention_heads=[1])


def test_a_plain_configuration_is_written_as_ever():
    config = BertConfig.from_size("tiny", extra={"id2label": {"0": "a"}})
    assert json.dumps(config.to_dict()) == (
        '{"model_type": "bert", "vocab_size": 30522, "hidden_size": 128, '
        '"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512, '
        '"hidden_act": "gelu", "hidden_dropout_prob": 0.1, '
        '"attention_probs_dropout_prob": 0.1, "max_position_embeddings": 512, '
        '"type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, '
        '"classifier_dropout": null, "id2label": {"0": "a"}}'
    )
