"""Reading and writing model folders, and the errors for invalid ones."""

import json
import logging
import os
import pathlib
import re
import time

import keras
import numpy as np
import pytest

from bert_tf.checkpoints import dialects, folder, formats, layouts, weights
from bert_tf.config import BertConfig, read_config
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "é", "的"]
LABELS = {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}}
CONFIG = BertConfig(
    vocab_size=11,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=10,
    max_position_embeddings=17,
    extra=LABELS,
)
DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "checkpoints"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")


def classifier(labels=2, config=CONFIG):
    return Classifier(BertBackbone(config), labels)


def values(model):
    return weights.read_model(model)


def batch(reference):
    return {
        "input_ids": np.array(reference["sequences"], np.int32),
        "segment_ids": np.array(reference["token_types"], np.int32),
    }


def assert_same(received, expected):
    assert received.keys() == expected.keys()
    for path, array in expected.items():
        np.testing.assert_array_equal(received[path], array, err_msg=path)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(5)
    return classifier()


@pytest.fixture
def saved(tmp_path, trained):
    """The path of a folder with `trained`."""
    contents = folder.ModelFolder(
        CONFIG, VOCAB, {"do_lower_case": True}, {"task": "classification"}
    )
    folder.write(tmp_path / "saved", trained, contents)
    return tmp_path / "saved"


def change(path, **values):
    """Changes keys of a JSON file; None removes a key."""
    new = json.loads(path.read_text()) | values
    kept = {key: value for key, value in new.items() if value is not None}
    path.write_text(json.dumps(kept))


def rewrite(saved, drop=(), **new):
    """Writes the folder's arrays again, without those in `drop`, with new ones."""
    arrays = dict(formats.read_safetensors(saved / "model.safetensors"))
    arrays = {name: array for name, array in arrays.items() if name not in drop}
    formats.write_safetensors(saved / "model.safetensors", arrays | new)


class TestRoundTrip:
    def test_weights_are_equal(self, saved, trained):
        model = classifier()
        report = folder.load_weights(saved, model)
        assert_same(values(model), values(trained))
        assert (len(report.loaded), report.new, report.unexpected) == (41, [], [])

    def test_the_rest_is_equal(self, saved):
        read = folder.read(saved)
        assert read.vocab == VOCAB
        assert read.settings == {"task": "classification"}
        assert {key: read.config.extra[key] for key in LABELS} == LABELS
        assert read.config == BertConfig.from_dict(
            CONFIG.to_dict()
            | {"architectures": ["BertForSequenceClassification"], "dtype": "float32"}
        )

    def test_no_partial_files_are_left(self, saved):
        assert sorted(os.listdir(saved)) == [
            "config.json",
            "model.safetensors",
            "tokenizer_config.json",
            "vocab.txt",
        ]

    def test_second_writing_is_identical(self, saved, trained, tmp_path):
        folder.write(tmp_path / "again", trained, folder.read(saved))
        for file in os.listdir(saved):
            first, second = (saved / file), (tmp_path / "again" / file)
            assert first.read_bytes() == second.read_bytes(), file

    def test_config_comes_last(self, saved, trained, tmp_path, monkeypatch):
        def fail(path, config):
            raise OSError("disk full")

        monkeypatch.setattr(folder, "write_config", fail)
        with pytest.raises(OSError, match="disk full"):
            folder.write(tmp_path / "new", trained, folder.read(saved))
        assert "model.safetensors" in os.listdir(tmp_path / "new")
        assert "config.json" not in os.listdir(tmp_path / "new")

    def test_arrays_have_hugging_faces_names_and_layout(self, saved, trained):
        arrays = formats.read_safetensors(saved / "model.safetensors")
        assert arrays["bert.encoder.layer.1.intermediate.dense.weight"].shape == (10, 6)
        np.testing.assert_array_equal(
            arrays["classifier.weight"], values(trained)["classifier/kernel"].T
        )

    def test_the_files_have_the_keys_of_transformers(self, saved):
        config = json.loads((saved / "config.json").read_text())
        assert config["model_type"] == "bert"
        assert config["architectures"] == ["BertForSequenceClassification"]
        assert config["id2label"] == {"0": "no", "1": "yes"}
        assert config["dtype"] == "float32"
        assert json.loads((saved / "tokenizer_config.json").read_text()) == {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "model_max_length": 17,
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
        }

    def test_keys_that_no_longer_apply_are_removed(self, saved, trained, tmp_path):
        read = folder.read(saved)
        read.tokenizer |= {"name_or_path": "/home/x", "model_max_length": 10**30}
        read.config.extra["torch_dtype"] = "float16"
        folder.write(tmp_path / "new", trained, read, architecture="BertModel")
        again = folder.read(tmp_path / "new")
        assert "name_or_path" not in again.tokenizer
        assert again.tokenizer["model_max_length"] == 17
        assert "torch_dtype" not in again.config.extra
        assert again.config.extra["architectures"] == ["BertModel"]


class TestRead:
    def test_vocabulary_larger_than_the_model(self, saved):
        change(saved / "config.json", vocab_size=9)
        with pytest.raises(ValueError, match="has 10 tokens, but the model has only 9"):
            folder.read(saved)

    @pytest.mark.parametrize(("piece", "lower"), [("Word", False), ("word", True)])
    def test_lower_case_is_derived_from_the_vocabulary(
        self, saved, caplog, piece, lower
    ):
        (saved / "tokenizer_config.json").unlink()
        (saved / "vocab.txt").write_text("\n".join([*VOCAB, piece]))
        with caplog.at_level(logging.WARNING):
            assert folder.read(saved).tokenizer == {"do_lower_case": lower}
        assert "does not give do_lower_case" in caplog.text

    def test_tokenizer_json_alone(self, saved):
        (saved / "vocab.txt").unlink()
        (saved / "tokenizer_config.json").unlink()
        ids = {piece: number for number, piece in enumerate(VOCAB)}
        shuffled = dict(sorted(ids.items()))
        fast = {
            "normalizer": {
                "type": "BertNormalizer",
                "lowercase": False,
                "strip_accents": None,
                "handle_chinese_chars": True,
            },
            "model": {
                "type": "WordPiece",
                "max_input_chars_per_word": 100,
                "vocab": shuffled,
            },
        }
        (saved / "tokenizer.json").write_text(json.dumps(fast))
        read = folder.read(saved)
        assert read.vocab == VOCAB
        assert read.tokenizer == {
            "do_lower_case": False,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
        }
        fast["model"]["vocab"]["a"] = 77
        (saved / "tokenizer.json").write_text(json.dumps(fast))
        with pytest.raises(ValueError, match="ids in .*tokenizer.json are not 0, 1"):
            folder.read(saved)

    def test_tokenizer_json_of_another_model(self, saved):
        (saved / "vocab.txt").unlink()
        (saved / "tokenizer.json").write_text('{"model": {"type": "BPE"}}')
        with pytest.raises(ValueError, match="holds a 'BPE' model"):
            folder.read(saved)

    def test_no_vocabulary(self, saved):
        (saved / "vocab.txt").unlink()
        with pytest.raises(FileNotFoundError, match="holds no vocab.txt"):
            folder.read(saved)

    def test_invalid_tokenizer_config(self, saved):
        (saved / "tokenizer_config.json").write_text("{")
        with pytest.raises(ValueError, match="tokenizer_config.json is not JSON"):
            folder.read(saved)
        (saved / "tokenizer_config.json").write_text("[]")
        with pytest.raises(ValueError, match="must hold a JSON object"):
            folder.read(saved)

    def test_another_tokenizer_is_rejected(self, saved):
        change(saved / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer")
        with pytest.raises(ValueError, match="only BERT's own tokenizer"):
            folder.read(saved)


class TestLoadWeights:
    """Strict for the encoder; a new head is logged and is no error."""

    def test_bare_encoder_and_a_new_head(self, saved, trained, caplog):
        rewrite(saved, drop=("classifier.weight", "classifier.bias"))
        model = classifier(labels=3)
        head = values(model)["classifier/kernel"]
        with caplog.at_level(logging.WARNING):
            report = folder.load_weights(saved, model, new_heads=True)
        assert report.missing == ["classifier/kernel", "classifier/bias"]
        assert "2 missing: classifier/kernel, classifier/bias" in caplog.text
        after = values(model)
        np.testing.assert_array_equal(after["classifier/kernel"], head)
        np.testing.assert_array_equal(
            after["bert/pooler/dense/kernel"],
            values(trained)["bert/pooler/dense/kernel"],
        )

    def test_other_number_of_labels(self, saved):
        model = classifier(labels=3)
        report = folder.load_weights(saved, model, new_heads=True)
        assert report.misshaped == {
            "classifier/kernel": ((6, 3), (6, 2)),
            "classifier/bias": ((3,), (2,)),
        }

    @pytest.mark.parametrize("labels", [2, 3])
    def test_untrained_head_does_not_predict(self, saved, labels):
        if labels == 2:
            rewrite(saved, drop=("classifier.weight", "classifier.bias"))
        with pytest.raises(ValueError, match="no such trained head: fine-tune them"):
            folder.load_weights(saved, classifier(labels))

    def test_missing_pooler_is_logged(self, saved, caplog):
        rewrite(saved, drop=("bert.pooler.dense.weight", "bert.pooler.dense.bias"))
        report = folder.load_weights(saved, classifier())
        assert report.new == ["bert/pooler/dense/kernel", "bert/pooler/dense/bias"]
        assert "2 missing: bert/pooler/dense/kernel" in caplog.text

    def test_heads_that_the_model_does_not_have_are_reported(self, saved):
        rewrite(saved, **{"cls.predictions.bias": np.zeros(11, np.float32)})
        backbone = BertBackbone(CONFIG)
        report = folder.load_weights(saved, backbone)
        assert report.new == []
        assert sorted(report.unexpected) == [
            "classifier/bias",
            "classifier/kernel",
            "cls/predictions/output_bias",
        ]

    @pytest.mark.parametrize("new_heads", [True, False])
    def test_wrong_encoder_is_one_error_and_changes_nothing(self, saved, new_heads):
        query = "bert.encoder.layer.0.attention.self.query"
        rewrite(
            saved,
            drop=(f"{query}.bias",),
            **{
                f"{query}.weight": np.zeros((6, 5), np.float32),
                "bert.encoder.layer.2.output.dense.bias": np.zeros(6, np.float32),
            },
        )
        model = classifier()
        before = values(model)
        ours = "bert/encoder/layer_0/attention/self/query"
        expected = (
            f"1 missing: {ours}/bias; 1 of another shape: {ours}/kernel [5, 6] for "
            "[6, 6]; 1 not used: bert/encoder/layer_2/output/dense/bias."
        )
        with pytest.raises(ValueError, match=re.escape(expected)):
            folder.load_weights(saved, model, new_heads=new_heads)
        assert_same(values(model), before)

    def test_file_with_more_layers_is_rejected(self, saved):
        config = BertConfig.from_dict(CONFIG.to_dict() | {"num_hidden_layers": 1})
        with pytest.raises(ValueError, match="16 not used: bert/encoder/layer_1"):
            folder.load_weights(saved, classifier(config=config))

    def test_truncated_weights(self, saved):
        file = saved / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(ValueError, match="cut short or corrupt"):
            folder.load_weights(saved, classifier())

    def test_pickle_is_rejected_with_advice(self, saved):
        (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
        with pytest.raises(ValueError, match="a pickle.*safe_serialization=True"):
            folder.load_weights(saved, classifier())

    def test_no_weights(self, saved):
        (saved / "model.safetensors").unlink()
        with pytest.raises(FileNotFoundError, match="holds no model.safetensors"):
            folder.load_weights(saved, classifier())

    def test_sharded_weights(self, saved, trained):
        arrays = formats.read_safetensors(saved / "model.safetensors")
        files = {
            name: f"model-{1 + ('layer' in name)}.safetensors"
            for name in sorted(arrays)
        }
        for file in sorted(set(files.values())):
            part = {name: arrays[name] for name in arrays if files[name] == file}
            formats.write_safetensors(saved / file, part)
        (saved / "model.safetensors").unlink()
        (saved / "model.safetensors.index.json").write_text(
            json.dumps({"weight_map": files})
        )
        model = classifier()
        folder.load_weights(saved, model)
        assert_same(values(model), values(trained))

    def test_bfloat16_model_round_trips(self, saved, tmp_path):
        contents = folder.read(saved)
        small = Classifier(BertBackbone(CONFIG, dtype="bfloat16"), 2)
        folder.load_weights(saved, small)
        folder.write(tmp_path / "small", small, contents)
        written = json.loads((tmp_path / "small" / "config.json").read_text())
        assert written["dtype"] == "bfloat16"
        again = Classifier(BertBackbone(CONFIG, dtype="bfloat16"), 2)
        folder.load_weights(tmp_path / "small", again)
        assert_same(values(again), values(small))


class TestNotFinite:
    NAME = "bert.encoder.layer.1.output.dense.bias"

    def spoil(self, saved, value, name=NAME):
        arrays = formats.read_safetensors(saved / "model.safetensors")
        array = np.array(arrays[name])
        array.flat[-1] = value
        rewrite(saved, **{name: array})

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("new_heads", [True, False])
    def test_the_array_and_the_file_are_named(self, saved, value, new_heads):
        self.spoil(saved, value)
        model = classifier()
        before = values(model)
        with pytest.raises(ValueError) as error:
            folder.load_weights(saved, model, new_heads=new_heads)
        assert str(error.value).startswith(
            f"{saved}/model.safetensors holds NaN or infinite numbers in "
            "bert/encoder/layer_1/output/dense/bias, so all outputs would be NaN."
        )
        assert_same(values(model), before)

    def test_integers(self, saved):
        rewrite(saved, **{self.NAME: np.ones(6, np.int8)})
        with pytest.raises(
            ValueError, match="model.safetensors holds integers in bert/enc"
        ):
            folder.load_weights(saved, classifier())

    def test_more_than_float32_holds(self, saved):
        rewrite(saved, **{self.NAME: np.full(6, 1e300)})
        with pytest.raises(ValueError, match="NaN or infinite"):
            folder.load_weights(saved, classifier())

    def test_a_head_that_is_not_loaded_may_hold_anything(self, saved):
        self.spoil(saved, np.nan, "classifier.weight")
        report = folder.load_weights(saved, BertBackbone(CONFIG))
        assert "classifier/kernel" in report.unexpected

    def test_the_shard_is_named(self, saved):
        self.spoil(saved, np.nan)
        arrays = formats.read_safetensors(saved / "model.safetensors")
        names = {name: "1" if "layer.1" in name else "2" for name in arrays}
        for number in "12":
            part = {name: arrays[name] for name in arrays if names[name] == number}
            formats.write_safetensors(saved / f"{number}.safetensors", part)
        (saved / "model.safetensors").unlink()
        files = {name: f"{number}.safetensors" for name, number in names.items()}
        index = saved / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": files}))
        with pytest.raises(ValueError, match=f"{saved}/1.safetensors holds NaN"):
            folder.load_weights(saved, classifier())

    def test_the_checkpoint_is_named(self, saved, tmp_path):
        self.spoil(saved, np.nan)
        arrays = layouts.read_arrays(saved)
        folder.write_google(tmp_path / "google", arrays, folder.read(saved))
        with pytest.raises(ValueError, match="google/bert_model.ckpt holds NaN"):
            folder.load_weights(tmp_path / "google", classifier())


class TestSizes:
    """Sizes that are not the weights' are found before a model is built."""

    @pytest.mark.parametrize(
        ("key", "value", "size"),
        [
            ("vocab_size", 9_000_000, "9,000,000 in the configuration, but 11 in the"),
            ("num_hidden_layers", 1000, "1,000 in the configuration, but 2 in the"),
            ("num_hidden_layers", 1, "1 in the configuration, but 2 in the"),
            ("hidden_size", 99_999, "99,999 in the configuration, but 6 in the"),
            ("intermediate_size", 9, "9 in the configuration, but 10 in the"),
            ("max_position_embeddings", 10**6, "1,000,000 in .*, but 17 in the"),
            ("type_vocab_size", 5, "5 in the configuration, but 2 in the weights"),
        ],
    )
    def test_against_the_header(self, saved, tmp_path, key, value, size):
        google = tmp_path / "google"
        folder.write_google(google, layouts.read_arrays(saved), folder.read(saved))
        for file in (saved / "config.json", google / "bert_config.json"):
            change(file, **{key: value})
            start = time.perf_counter()
            with pytest.raises(ValueError, match=f"{key} is {size}"):
                folder.read(file.parent)
            assert time.perf_counter() - start < 1

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            *(("vocab_size", x) for x in (10**9, 0, True, "11", 11.0, [11], None)),
            ("num_hidden_layers", 10**6),
            ("hidden_size", 10**6),
            ("layer_norm_eps", 1e300),
            ("initializer_range", -1),
        ],
    )
    def test_out_of_range(self, saved, key, value):
        config = json.loads((saved / "config.json").read_text()) | {key: value}
        (saved / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=f"config.json: {key} must be"):
            folder.read(saved)

    def test_without_weights_there_is_nothing_to_compare(self, saved):
        (saved / "model.safetensors").unlink()
        change(saved / "config.json", num_hidden_layers=7)
        assert folder.read(saved).config.num_hidden_layers == 7


class TestTypes:
    @pytest.mark.parametrize(
        ("file", "values", "message"),
        [
            ("config.json", {"id2label": ["a"]}, "id2label must be a JSON object"),
            ("config.json", {"id2label": {"a": "b"}}, "id2label must give a string"),
            ("config.json", {"id2label": {"0": 5}}, "id2label must give .* '0': 5"),
            ("config.json", {"id2label": {"0": "a", "00": "b"}}, "the same number"),
            ("config.json", {"label2id": 3}, "label2id must be a JSON object"),
            (
                "config.json",
                {"architectures": "Bert"},
                "architectures must be a JSON l",
            ),
            (
                "config.json",
                {"architectures": [3]},
                r"architectures\[0\] must be a str",
            ),
            ("config.json", {"problem_type": 1}, "problem_type must be a string"),
            ("config.json", {"bert_tf": [1]}, "bert_tf must be a JSON object"),
            ("config.json", {"bert_tf": {"task": 1}}, "bert_tf: task must be a string"),
            (
                "config.json",
                {"bert_tf": {"columns": {"text": {}}}},
                "columns must give",
            ),
            ("config.json", {"bert_tf": {"max_seq_length": "9"}}, "a whole number"),
            ("tokenizer_config.json", {"do_lower_case": "no"}, "must be true or false"),
            ("tokenizer_config.json", {"tokenizer_class": 3}, "must be a string"),
            ("tokenizer_config.json", {"model_max_length": []}, "must be a number"),
        ],
    )
    def test_wrong_types_name_file_and_key(self, saved, file, values, message):
        change(saved / file, **values)
        with pytest.raises(ValueError, match=message) as error:
            folder.read(saved)
        assert str(error.value).startswith(f"{saved}/{file}: ")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"model": 3}, "tokenizer.json: model must be a JSON object"),
            (
                {"normalizer": "Bert"},
                "tokenizer.json: normalizer must be a JSON object",
            ),
            (
                {"model": {"max_input_chars_per_word": 9}},
                "model: vocab must be a JSON o",
            ),
            (
                {"model": {"max_input_chars_per_word": 9, "vocab": {"a": "0"}}},
                "the id of 'a' must be a whole number; received '0'",
            ),
        ],
    )
    def test_tokenizer_json(self, saved, values, message):
        if "model" in values:
            (saved / "vocab.txt").unlink()
        (saved / "tokenizer.json").write_text(json.dumps(values))
        with pytest.raises(ValueError, match=message):
            folder.read(saved)

    @pytest.mark.parametrize("name", ["vocab.txt", "tokenizer_config.json"])
    def test_a_folder_in_place_of_a_file(self, saved, name):
        (saved / name).unlink()
        (saved / name).mkdir()
        with pytest.raises(IsADirectoryError, match=f"{name} is a folder, but must"):
            folder.read(saved)


@needs_data
class TestPublished:
    """Files that other programs wrote, and outputs of PyTorch in float64."""

    def test_current_layout(self):
        path = DATA / "tiny-bert-safetensors"
        read = folder.read(path)
        assert (read.config.hidden_size, len(read.vocab)) == (32, 256)
        assert read.tokenizer["do_lower_case"] is False
        backbone = BertBackbone(read.config)
        report = folder.load_weights(path, backbone)
        assert len(report.loaded) == 37
        assert report.new == ["bert/pooler/dense/kernel", "bert/pooler/dense/bias"]

    def test_hidden_states_and_pooler_equal_pytorchs(self):
        made = DATA / "tiny-bert-with-reference-outputs"
        expected = json.loads((made / "tiny_bert_hidden.json").read_text())
        backbone = BertBackbone(read_config(made / "tiny_bert_config.json"))
        folder.load_weights(made / "tiny_bert.safetensors", backbone)
        outputs = backbone(batch(expected))
        np.testing.assert_allclose(
            outputs["sequence_output"], expected["hidden"], atol=1e-5
        )
        np.testing.assert_allclose(
            outputs["pooled_output"], expected["pooler"], atol=1e-5
        )

    def test_logits_equal_pytorchs(self):
        made = DATA / "tiny-bert-with-reference-outputs"
        expected = json.loads((made / "tiny_bert_seqcls_logits.json").read_text())
        config = read_config(made / "tiny_bert_seqcls_config.json")
        model = Classifier(BertBackbone(config), len(config.extra["id2label"]))
        folder.load_weights(made / "tiny_bert_seqcls.safetensors", model)
        np.testing.assert_allclose(
            model(batch(expected)), expected["logits"], atol=1e-5
        )

    def test_pickle_only(self):
        path = DATA / "bert-xsmall-dummy-hf"
        with pytest.raises(ValueError, match="pytorch_model.bin only, a pickle"):
            folder.load_weights(path, BertBackbone(folder.read(path).config))

    def test_renaming_twice_changes_nothing(self):
        made = DATA / "tiny-bert-with-reference-outputs"
        theirs = formats.read_safetensors(made / "tiny_bert_seqcls.safetensors")
        back = dialects.to_huggingface(dialects.from_huggingface(theirs))
        assert_same(back, theirs)
