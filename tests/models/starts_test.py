"""What an encoder and a decoder start from, and the folders that they are saved in."""

import dataclasses
import logging
import pathlib

import numpy as np
import pytest
import tiny
import tiny_folder

from bert_tf import Bert2Bert, BertBackbone, BertTokenizer
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts, weights
from bert_tf.models import starts
from bert_tf.models.pretraining import BertPretrainer

TARGETS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "film", "das", "good", "ist"]
BATCH = {
    "input_ids": np.array([[2, 11, 12, 3]]),
    "target_ids": np.array([[2, 4, 6, 3]]),
}
TABLE = "decoder/embeddings/word_embeddings"
BIAS = "decoder/cls/predictions/output_bias"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """Folders: bert of 4 layers with both heads, encoder of another width without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        config = dataclasses.replace(tiny_folder.CONFIG, num_hidden_layers=4)
        parts = folders.ModelFolder(config, tiny_folder.VOCAB, {"do_lower_case": True})
        bert = tiny.fill(BertPretrainer(BertBackbone(config)), 1)
        folders.write("bert", bert, parts, "BertForPreTraining")
        tiny_folder.write("encoder")
        wide = dataclasses.replace(tiny_folder.CONFIG, hidden_size=14)
        tiny_folder.write("wide", wide)
        yield pathlib.Path.cwd()


def start(name="bert", **options):
    """Returns a new model, {path: its array}, and {path: array} of its BERT."""
    model = Bert2Bert.from_pretrained(name, **options)
    bert = layouts.read_arrays(options.get("decoder_model") or name)
    return model, weights.read_model(model), bert


def tokenizer(vocab):
    return BertTokenizer(vocab)


class TestBert2Bert:
    def test_layers_embeddings_and_head_are_bert_s(self):
        model, own, bert = start()
        for path, array in own.items():
            if path.startswith("bert/"):
                np.testing.assert_array_equal(array, bert[path], err_msg=path)
            elif path.startswith("decoder/cls/"):
                np.testing.assert_array_equal(
                    array, bert[path.removeprefix("decoder/")]
                )
            elif path.startswith("decoder/embeddings/"):
                np.testing.assert_array_equal(
                    array, bert[path.replace("decoder", "bert")]
                )
            elif "crossattention" not in path:
                old = path.replace("decoder/", "bert/encoder/")
                np.testing.assert_array_equal(array, bert[old], err_msg=path)
        assert model.decoder.config.num_hidden_layers == 4
        new = own["decoder/layer_0/crossattention/self/query/kernel"]
        assert not np.allclose(
            new, bert["bert/encoder/layer_0/attention/self/query/kernel"]
        )

    def test_fewer_layers_are_the_first_the_last_and_evenly_between(self, caplog):
        caplog.set_level(logging.INFO, "bert_tf")
        _, own, bert = start(decoder_layers=3)
        for layer, old in enumerate((0, 1, 3)):
            np.testing.assert_array_equal(
                own[f"decoder/layer_{layer}/output/dense/kernel"],
                bert[f"bert/encoder/layer_{old}/output/dense/kernel"],
            )
        assert (
            "the decoder starts from bert: its layers 0, 1, 3, the embeddings of 19 of "
            "19 tokens, the head of masked words; its attention to the source is new."
        ) in caplog.text

    def test_words_of_both_vocabularies_keep_their_embeddings(self):
        model, own, bert = start(target_tokenizer=tokenizer(TARGETS))
        assert own[TABLE].shape == (8, 12) and own[BIAS].shape == (8,)
        table = bert["bert/embeddings/word_embeddings"]
        bias = bert["cls/predictions/output_bias"]
        for number, token in enumerate(TARGETS):
            if token in tiny_folder.VOCAB:
                old = tiny_folder.VOCAB.index(token)
                np.testing.assert_array_equal(own[TABLE][number], table[old])
                assert own[BIAS][number] == bias[old]
        new = own[TABLE][[5, 7]]
        assert np.isfinite(new).all() and 0.1 < new.std() / table.std() < 3
        assert not own[BIAS][[5, 7]].any()
        assert model.decoder.folder.vocab == TARGETS

    def test_another_bert_for_the_decoder(self):
        model, own, bert = start(decoder_model="encoder")
        assert model.decoder.config.num_hidden_layers == 1
        np.testing.assert_array_equal(
            own[TABLE], bert["bert/embeddings/word_embeddings"]
        )
        np.testing.assert_array_equal(own[BIAS], 0)  # The encoder has no head.

    @pytest.mark.parametrize("named", [True, False])
    def test_a_random_encoder_may_have_a_decoder_that_starts_from_a_bert(
        self, named, caplog
    ):
        caplog.set_level(logging.INFO, "bert_tf")
        model = Bert2Bert.from_pretrained("bert")
        tiny.fill(model, 5)
        before = weights.read_model(model)
        starts.load(
            model, None, tiny_folder.VOCAB, decoder_model="bert" if named else ""
        )
        own, bert = weights.read_model(model), layouts.read_arrays("bert")
        for path, array in own.items():
            if path.startswith("bert/") or "crossattention" in path or not named:
                np.testing.assert_array_equal(array, before[path], err_msg=path)
        table = bert["bert/embeddings/word_embeddings"] if named else before[TABLE]
        np.testing.assert_array_equal(own[TABLE], table)
        said = "from bert: its layers" if named else "from random weights."
        assert f"the decoder starts {said}" in caplog.text


class TestOtherDecoders:
    def test_bertshare_has_the_layers_of_the_encoder(self, caplog):
        caplog.set_level(logging.INFO, "bert_tf")
        model, own, bert = start(decoder="bertshare")
        assert TABLE not in own and model.shared
        assert model.decoder.decoder_layers[3].inner is model.backbone.encoder_layers[3]
        np.testing.assert_array_equal(own[BIAS], bert["cls/predictions/output_bias"])
        assert "the encoder's layers 0, 1, 2, 3" in caplog.text

    def test_bert2rnd_is_random(self, caplog):
        caplog.set_level(logging.INFO, "bert_tf")
        _, own, bert = start(decoder="bert2rnd")
        table = bert["bert/embeddings/word_embeddings"]
        np.testing.assert_array_equal(own["bert/embeddings/word_embeddings"], table)
        assert np.abs(own[TABLE] - table).min(1).max() > 0.001
        assert "the decoder starts from random weights" in caplog.text


class TestFolders:
    @pytest.mark.parametrize("decoder", ["bert2bert", "bertshare"])
    def test_saved_and_loaded(self, tmp_path, decoder):
        options = (
            {} if decoder == "bertshare" else {"target_tokenizer": tokenizer(TARGETS)}
        )
        model, own, _ = start(decoder=decoder, decoder_layers=2, **options)
        model.save_pretrained(tmp_path / "saved")
        files = {file.name for file in (tmp_path / "saved").iterdir()}
        assert files == {
            *("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"),
            "decoder",
        }
        loaded = Bert2Bert.from_pretrained(tmp_path / "saved")
        assert loaded.shared == (decoder == "bertshare")
        for path, array in weights.read_model(loaded).items():
            np.testing.assert_array_equal(array, own[path], err_msg=path)
        loaded.save_pretrained(tmp_path / "saved")  # In place of the first.
        again = Bert2Bert.from_pretrained(tmp_path / "saved")
        np.testing.assert_array_equal(again(BATCH)["logits"], model(BATCH)["logits"])
        vocab = tiny_folder.VOCAB if decoder == "bertshare" else TARGETS
        assert again.decoder.folder.vocab == vocab
        assert again.backbone.folder.vocab == tiny_folder.VOCAB

    def test_the_encoder_alone_is_read_from_such_a_folder(self, tmp_path):
        model, _, _ = start()
        model.save_pretrained(tmp_path / "saved")
        encoder = BertBackbone.from_pretrained(tmp_path / "saved")
        np.testing.assert_array_equal(
            encoder(BATCH)["sequence_output"], model.backbone(BATCH)["sequence_output"]
        )
        encoder.save_pretrained(tmp_path / "alone")
        assert folders.read(tmp_path / "alone").decoder is None

    def test_a_keras_file_keeps_both_vocabularies(self, tmp_path):
        import keras

        model, _, _ = start(target_tokenizer=tokenizer(TARGETS))
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        loaded.save_pretrained(tmp_path / "saved")
        folder = folders.read(tmp_path / "saved")
        assert (folder.vocab, folder.decoder.vocab) == (tiny_folder.VOCAB, TARGETS)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"decoder_model": "wide"}, "decoder has hidden_size 14, the encoder 12"),
            ({"decoder_layers": 5}, "decoder_layers must be at most 4, .* received 5"),
            ({"decoder": "gpt"}, "decoder must be one of bert2bert, .* received 'gpt'"),
            (
                {"decoder": "bertshare", "target_tokenizer": BertTokenizer(TARGETS)},
                "its vocabulary, of 21 rows; received 8",
            ),
        ],
    )
    def test_decoders_that_do_not_fit(self, options, message):
        with pytest.raises(ValueError, match=message) as error:
            start(**options)
        assert "\n" not in str(error.value)

    def test_a_folder_with_a_decoder_has_one_already(self, tmp_path):
        model, _, _ = start("encoder")
        model.save_pretrained(tmp_path / "saved")
        with pytest.raises(ValueError, match="a trained decoder; drop decoder_layers"):
            Bert2Bert.from_pretrained(tmp_path / "saved", decoder_layers=1)
        with pytest.raises(
            ValueError, match="an encoder and a decoder already; choose"
        ):
            start("encoder", decoder_model=str(tmp_path / "saved"))

    def test_no_tokenizer(self, tmp_path):
        model = Bert2Bert(BertBackbone(tiny_folder.CONFIG), tiny_folder.CONFIG)
        model.backbone.folder = folders.read("encoder")
        with pytest.raises(ValueError, match="pass target_tokenizer=bert_tf.BertTok"):
            model.save_pretrained(tmp_path / "saved")
        large = tokenizer([*tiny_folder.VOCAB, "x", "y", "z"])
        with pytest.raises(ValueError, match="target_tokenizer has 22 tokens, but"):
            model.save_pretrained(tmp_path / "saved", target_tokenizer=large)
        assert not (tmp_path / "saved").exists()

    def test_weights_of_another_size(self):
        config = dataclasses.replace(tiny_folder.CONFIG, intermediate_size=15)
        model = Bert2Bert(BertBackbone(tiny_folder.CONFIG), config)
        with pytest.raises(ValueError, match="of encoder do not fit the decoder: .*15"):
            starts.load_decoder(model, "encoder", tiny_folder.VOCAB)
