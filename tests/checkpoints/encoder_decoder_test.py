"""The folder of an encoder and a decoder: names, sizes, tokenizers, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import tiny
import tiny_seq2seq

from bert_tf.checkpoints import dialects, encoder_decoder, formats, weights
from bert_tf.checkpoints import folder as folders
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.seq2seq import Bert2Bert

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MATRIX = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
NAMES = {  # Hugging Face's name and ours, for one of each kind.
    "encoder.embeddings.word_embeddings.weight": "bert/embeddings/word_embeddings",
    "encoder.encoder.layer.3.attention.self.query.weight": (
        "bert/encoder/layer_3/attention/self/query/kernel"
    ),
    "encoder.pooler.dense.bias": "bert/pooler/dense/bias",
    "decoder.bert.embeddings.word_embeddings.weight": (
        "decoder/embeddings/word_embeddings"
    ),
    "decoder.bert.embeddings.LayerNorm.weight": "decoder/embeddings/LayerNorm/gamma",
    "decoder.bert.encoder.layer.11.attention.output.dense.weight": (
        "decoder/layer_11/attention/output/dense/kernel"
    ),
    "decoder.bert.encoder.layer.0.crossattention.self.query.weight": (
        "decoder/layer_0/crossattention/self/query/kernel"
    ),
    "decoder.bert.encoder.layer.0.crossattention.output.LayerNorm.bias": (
        "decoder/layer_0/crossattention/output/LayerNorm/beta"
    ),
    "decoder.cls.predictions.transform.dense.weight": (
        "decoder/cls/predictions/transform/dense/kernel"
    ),
    "decoder.cls.predictions.bias": "decoder/cls/predictions/output_bias",
}


def vocab(size):
    return [*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), size))]


def write(path, shared=False):
    """Writes a tiny model, and returns it."""
    model = tiny_seq2seq.model(shared=shared)
    sizes = model.decoder.config
    decoder = folders.ModelFolder(
        sizes, vocab(sizes.vocab_size), {"do_lower_case": False}
    )
    contents = folders.ModelFolder(
        tiny.CONFIG, vocab(80), {"do_lower_case": True}, {"task": "mine"}, decoder
    )
    folders.write(path, model, contents, encoder_decoder.ARCHITECTURE)
    return model


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    return path, write(path)


@pytest.fixture
def saved(tmp_path, written):
    shutil.copytree(written[0], tmp_path / "saved")
    return tmp_path / "saved"


def change(path, part="", **values):
    """Changes keys of config.json, or of a part of it; None removes a key."""
    file = path / "config.json"
    whole = json.loads(file.read_text())
    target = whole[part] if part else whole
    target |= values
    for key in [key for key, value in values.items() if value is None]:
        del target[key]
    file.write_text(json.dumps(whole))


class TestNames:
    @pytest.mark.parametrize(("theirs", "ours"), NAMES.items())
    def test_map_both_ways(self, theirs, ours):
        forth = dialects.from_huggingface({theirs: MATRIX})
        assert list(forth) == [ours]
        np.testing.assert_array_equal(
            forth[ours], MATRIX.T if ours.endswith("/kernel") else MATRIX
        )

    def test_of_a_whole_model(self):
        paths = {name: MATRIX for name in NAMES.values()}
        names = dialects.to_huggingface(paths)
        assert names.keys() == NAMES.keys()
        assert dialects.from_huggingface(names).keys() == paths.keys()

    def test_the_decoder_may_have_its_table_under_the_heads_name(self):
        words = "decoder.bert.embeddings.word_embeddings.weight"
        head = "decoder.cls.predictions.decoder.weight"
        table = "decoder/embeddings/word_embeddings"
        for names in ((words, head), (words,), (head,)):
            arrays = dialects.from_huggingface({name: MATRIX for name in names})
            assert list(arrays) == [table]
        with pytest.raises(ValueError, match="cls.predictions.decoder.weight differs"):
            dialects.from_huggingface({words: MATRIX, head: MATRIX + 1})


@pytest.mark.parametrize(
    ("layers", "wanted", "chosen"),
    [
        (12, 12, list(range(12))),
        (12, 6, [0, 2, 4, 6, 8, 11]),
        (6, 1, [0]),
        (2, 2, [0, 1]),
    ],
)
def test_layers_are_spread(layers, wanted, chosen):
    assert encoder_decoder.spread(layers, wanted) == chosen


class TestReadAndWrite:
    def test_what_is_written_is_read(self, written):
        path, model = written
        folder = folders.read(path)
        assert folder.settings == {"task": "mine"} and len(folder.vocab) == 80
        assert folder.config.extra["architectures"] == ["EncoderDecoderModel"]
        decoder = folder.decoder
        assert decoder.settings == {"shared": False} and len(decoder.vocab) == 61
        assert (
            not decoder.tokenizer["do_lower_case"] and folder.tokenizer["do_lower_case"]
        )
        assert decoder.config.num_attention_heads == 7
        loaded = Bert2Bert(BertBackbone(folder.config), decoder.config)
        report = folders.load_weights(path, loaded)
        assert not report.new and not report.unexpected
        for name, array in weights.read_model(loaded).items():
            np.testing.assert_array_equal(array, weights.read_model(model)[name])

    def test_config_json_is_that_of_transformers(self, written):
        values = json.loads((written[0] / "config.json").read_text())
        assert (
            values["model_type"] == "encoder-decoder" and values["is_encoder_decoder"]
        )
        assert values["architectures"] == ["EncoderDecoderModel"]
        assert [
            values[f"{name}_token_id"] for name in ("pad", "eos", "decoder_start")
        ] == [0, 3, 2]
        encoder, decoder = values["encoder"], values["decoder"]
        assert encoder["model_type"] == decoder["model_type"] == "bert"
        assert decoder["is_decoder"] and decoder["add_cross_attention"]
        assert "is_decoder" not in encoder and "bert_tf" not in encoder
        assert (encoder["vocab_size"], decoder["vocab_size"]) == (83, 61)
        assert values["bert_tf"] == {"task": "mine"}

    def test_a_shared_decoder_is_written_with_copies(self, tmp_path):
        write(tmp_path, shared=True)
        assert folders.read(tmp_path).decoder.settings == {"shared": True}
        arrays = formats.read_safetensors(tmp_path / "model.safetensors")
        name = "encoder.layer.1.output.dense.weight"
        np.testing.assert_array_equal(
            arrays[f"encoder.{name}"], arrays[f"decoder.bert.{name}"]
        )
        changed = dict(arrays) | {f"decoder.bert.{name}": arrays[f"encoder.{name}"] + 1}
        formats.write_safetensors(tmp_path / "model.safetensors", changed)
        with pytest.raises(
            ValueError, match="decoder/layer_1/output/dense/kernel differs"
        ):
            folders.load_weights(tmp_path, tiny_seq2seq.model(shared=True))

    def test_an_encoder_alone_is_written_without_a_decoder(self, written, tmp_path):
        contents = folders.read(written[0])
        folders.write(tmp_path, written[1].backbone, contents, "BertModel")
        assert {file.name for file in tmp_path.iterdir()} == {
            *("config.json", "model.safetensors"),
            *("tokenizer_config.json", "vocab.txt"),
        }
        folder = folders.read(tmp_path)
        assert folder.decoder is None and len(folder.vocab) == 80
        folders.load_weights(tmp_path, BertBackbone(folder.config))

    def test_one_tokenizer_by_transformers_is_that_of_both(self, tmp_path, caplog):
        write(tmp_path, shared=True)
        shutil.rmtree(tmp_path / "decoder")
        change(tmp_path, bert_tf=None)
        folder = folders.read(tmp_path)
        assert folder.decoder.vocab == folder.vocab
        assert (
            "no tokenizer in decoder/; targets are read with that of the" in caplog.text
        )


class TestBadInput:
    @pytest.mark.parametrize(
        ("part", "values", "message"),
        [
            (
                "decoder",
                {"model_type": "gpt2"},
                "the decoder is a 'gpt2' model; bert_tf",
            ),
            ("encoder", {"model_type": "roberta"}, "the encoder is a 'roberta' model"),
            (
                "decoder",
                {"add_cross_attention": False},
                "add_cross_attention must be true",
            ),
            ("decoder", {"is_decoder": None}, "decoder: is_decoder must be true"),
            (
                "decoder",
                {"hidden_size": 28},
                "hidden_size 21, the decoder 28; .*enc_to_dec",
            ),
            ("decoder", {"hidden_act": "silu"}, "decoder: hidden_act must be one of"),
            (
                "decoder",
                {"vocab_size": 60},
                "vocab_size is 60 in the conf.* but 61 in the",
            ),
            (
                "decoder",
                {"num_hidden_layers": 2},
                "num_hidden_layers is 2 .* but 3 in the",
            ),
            (
                "decoder",
                {"bert_tf": {"shared": 1}},
                "decoder: shared must be true or false",
            ),
            ("", {"decoder": None}, "decoder must be a JSON object"),
            (
                "",
                {"decoder_start_token_id": 5},
                r"start_token_id is 5, but \[CLS\] has id 2",
            ),
            ("", {"eos_token_id": 2}, r"eos_token_id is 2, but \[SEP\] has id 3"),
        ],
    )
    def test_config_json(self, saved, part, values, message):
        change(saved, part, **values)
        with pytest.raises(ValueError, match=message) as error:
            folders.read(saved)
        assert "\n" not in str(error.value) and str(saved) in str(error.value)

    def test_no_tokenizer_of_the_decoder(self, saved):
        shutil.rmtree(saved / "decoder")
        with pytest.raises(
            FileNotFoundError, match="has no folder decoder/ with vocab.txt"
        ):
            folders.read(saved)

    def test_no_vocabulary_of_the_decoder(self, saved):
        (saved / "decoder" / "vocab.txt").unlink()
        with pytest.raises(FileNotFoundError, match="decoder holds no vocab.txt"):
            folders.read(saved)

    def test_a_vocabulary_larger_than_the_table(self, saved):
        with (saved / "decoder" / "vocab.txt").open("a") as file:
            file.write("one\n")
        message = "decoder has 62 tokens, but the model has only 61"
        with pytest.raises(ValueError, match=message):
            folders.read(saved)

    def test_weights_that_are_missing(self, saved):
        arrays = dict(formats.read_safetensors(saved / "model.safetensors"))
        del arrays["decoder.bert.encoder.layer.2.crossattention.self.key.bias"]
        formats.write_safetensors(saved / "model.safetensors", arrays)
        with pytest.raises(
            ValueError, match="decoder/layer_2/crossattention/self/key/bias"
        ):
            folders.load_weights(saved, tiny_seq2seq.model())
