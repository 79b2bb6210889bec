"""from_pretrained and save_pretrained: which head is loaded, and what is written."""

import json
import logging
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.models import lora

TEXTS = ["the film is good", "it was bad ,", "very fine ?", "poor film"]
LABELS = np.array([1, 0, 1, 0])
FILES = {"config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder with the pretrained model "bert"."""
    monkeypatch.chdir(tmp_path)
    tiny_folder.write_pretrained("bert")


@pytest.fixture
def batch():
    return bert_tf.BertTokenizer.from_pretrained("bert")(TEXTS)


def classifier(name="bert", **options):
    return bert_tf.Classifier.from_pretrained(name, **options)


def config(path):
    return json.loads((pathlib.Path(path) / "config.json").read_text())


def softmax(logits):
    return tf.nn.softmax(logits).numpy()


class TestFromTextToFolder:
    def test_as_keras_users_do_it(self, batch):
        keras.utils.set_random_seed(1)
        model = classifier(num_labels=2)
        model.compile(keras.optimizers.AdamW(1e-2), LOSS, metrics=["accuracy"])
        history = model.fit(batch, LABELS, epochs=30, verbose=0).history
        assert history["accuracy"][-1] == 1 and history["loss"][-1] < 0.3
        model.save_pretrained("films", labels=["bad", "good"])
        assert {file.name for file in pathlib.Path("films").iterdir()} == FILES
        assert config("films")["architectures"] == ["BertForSequenceClassification"]
        predictions = bert_tf.Model.from_pretrained("films").predict(TEXTS)
        assert [each["label"] for each in predictions] == ["good", "bad", "good", "bad"]
        expected = softmax(model(batch))
        for row, each in zip(expected, predictions):
            assert list(each["scores"]) == ["bad", "good"]
            np.testing.assert_allclose(list(each["scores"].values()), row, atol=1e-5)

    @pytest.mark.slow
    def test_fit_on_data_sets_in_half_precision(self, batch):
        keras.utils.set_random_seed(1)
        tokenizer = bert_tf.BertTokenizer.from_pretrained("bert")
        model = classifier(num_labels=2, dtype="mixed_bfloat16")
        model.compile(keras.optimizers.AdamW(1e-2), LOSS, metrics=["accuracy"])
        texts = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(2)
        model.fit(texts.map(lambda x, y: (tokenizer(x), y)), epochs=15, verbose=0)
        model.fit(batch, tf.constant(LABELS), epochs=10, verbose=0)
        scores = model.evaluate(batch, LABELS, verbose=0, return_dict=True)
        assert scores["accuracy"] == 1 and scores["loss"] < 0.2
        model.save_pretrained("films")
        loaded = bert_tf.Model("films")
        np.testing.assert_allclose(
            loaded.keras_model(batch), model(batch), atol=0.05, rtol=0.05
        )

    def test_the_encoder_is_the_folders(self, batch):
        expected = bert_tf.BertBackbone(tiny_folder.CONFIG)
        folders.load_weights("bert", expected)
        for model in (
            bert_tf.BertBackbone.from_pretrained("bert"),
            classifier(num_labels=3).backbone,
            bert_tf.BertPretrainer.from_pretrained("bert").backbone,
        ):
            np.testing.assert_array_equal(
                model(batch)["pooled_output"], expected(batch)["pooled_output"]
            )


class TestHead:
    def test_it_is_new_if_the_folder_has_none(self, caplog):
        tiny_folder.write("bare")
        classifier("bare", num_labels=3)
        (line,) = [x.getMessage() for x in caplog.records if "head" in x.getMessage()]
        assert line == (
            "bare: the head of Classifier is new, because the folder has none; train it "
            "before you predict."
        )

    def test_it_is_the_folders_with_the_labels(self, caplog, batch):
        model = classifier(num_labels=3)
        model.save_pretrained("films", labels=["bad", "good", "mixed"])
        caplog.clear()
        again = classifier("films")
        np.testing.assert_array_equal(again(batch), model(batch))
        assert not [x for x in caplog.records if x.levelno >= logging.WARNING]
        again.save_pretrained("copy")
        assert config("copy") == config("films")
        for name in FILES:
            theirs, ours = (
                pathlib.Path(x, name).read_bytes() for x in ("films", "copy")
            )
            assert theirs == ours

    def test_another_number_of_labels_is_a_new_head(self, caplog):
        classifier(num_labels=3).save_pretrained("films", labels=["a", "b", "c"])
        model = classifier("films", num_labels=2)
        assert model.num_labels == 2
        assert (
            "films: the head of Classifier is new, because classifier/kernel of the "
            "folder has shape [12, 3] instead of [12, 2]"
        ) in caplog.text
        model.save_pretrained("copy")
        assert config("copy")["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}

    def test_the_head_of_another_task_is_not_taken(self, caplog):
        bert_tf.TokenClassifier.from_pretrained("bert", num_labels=2).save_pretrained(
            "tags", labels=["O", "B-X"]
        )
        model = classifier("tags", num_labels=2)
        assert "is for BertForTokenClassification; train it" in caplog.text
        model.save_pretrained("copy")
        assert config("copy")["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}

    def test_settings_stay_with_the_head(self):
        classifier(num_labels=2).save_pretrained("films")
        values = config("films") | {"bert_tf": {"max_seq_length": 9}}
        pathlib.Path("films/config.json").write_text(json.dumps(values))
        classifier("films").save_pretrained("kept")
        assert config("kept")["bert_tf"] == {"max_seq_length": 9}
        classifier("films", num_labels=4).save_pretrained("new")
        assert "bert_tf" not in config("new")

    def test_the_problem_type_is_what_the_user_says(self):
        model = classifier(num_labels=2)
        model.save_pretrained("many", problem_type="multi_label_classification")
        (prediction,) = bert_tf.Model("many").predict(["it is"])
        assert prediction.keys() == {"labels", "scores"}
        classifier(num_labels=1).save_pretrained("number")
        (prediction,) = bert_tf.Model("number").predict(["it is"])
        assert prediction.keys() == {"score"}


class TestEveryModel:
    @pytest.mark.parametrize(
        ("name", "arguments", "record", "keys"),
        [
            ("TokenClassifier", {"num_labels": 2}, "it is", {"entities"}),
            (
                "SpanPredictor",
                {},
                {"question": "is it", "context": "the film"},
                {"answer", "start", "end", "score"},
            ),
            (
                "ChoiceScorer",
                {},
                {"question": "is it", "choices": ["good", "bad"]},
                {"choice", "scores"},
            ),
            ("Embedder", {"pooling": "cls"}, "it is", {"embedding"}),
            ("BertPretrainer", {}, "it [MASK]", {"tokens"}),
            ("MaskFiller", {}, "it [MASK]", {"tokens"}),
        ],
    )
    def test_its_folder_predicts_and_loads_again(self, name, arguments, record, keys):
        kind = getattr(bert_tf, name)
        model = kind.from_pretrained("bert", **arguments)
        model.save_pretrained("saved")
        assert bert_tf.Model("saved").predict([record])[0].keys() == keys
        again = kind.from_pretrained("saved")
        for ours, theirs in zip(again.weights, model.weights, strict=True):
            # The pooler of models without one is new.
            if "pooler" not in ours.path or not getattr(again, "unused_scopes", ()):
                np.testing.assert_array_equal(ours, theirs)

    def test_settings_of_embeddings_are_kept(self):
        model = bert_tf.Embedder.from_pretrained("bert", pooling="cls", normalize=False)
        model.save_pretrained("saved")
        again = bert_tf.Embedder.from_pretrained("saved")
        assert (again.pooling, again.normalize) == ("cls", False)
        classifier("saved", num_labels=2).save_pretrained("classes")
        assert "label" in bert_tf.Model("classes").predict(["it"])[0]

    @pytest.mark.parametrize("name", ["BertBackbone", "TokenStates"])
    def test_without_a_head(self, name):
        getattr(bert_tf, name).from_pretrained("bert").save_pretrained("saved")
        assert config("saved")["architectures"] == ["BertModel"]
        features = bert_tf.Model("saved", task="features").predict(["it is"])
        assert len(features) == 1
        bert_tf.BertBackbone.from_pretrained("saved")

    def test_defaults_come_from_the_folder(self):
        filler = bert_tf.MaskFiller.from_pretrained("bert")
        assert (filler.vocab_size, filler.top_k) == (len(tiny_folder.VOCAB), 5)
        states = bert_tf.TokenStates.from_pretrained("bert", layers=[0, -1])
        assert states.layer_numbers == [0, -1]


class TestSaving:
    def test_a_saved_model_is_replaced_as_a_whole(self):
        bert_tf.Embedder.from_pretrained("bert").save_pretrained("out")
        assert pathlib.Path("out/modules.json").exists()
        classifier(num_labels=2).save_pretrained("out")
        assert {file.name for file in pathlib.Path("out").iterdir()} == FILES
        assert sorted(file.name for file in pathlib.Path().iterdir()) == ["bert", "out"]

    def test_adapters_are_merged(self, batch):
        model = classifier(num_labels=2)
        lora.add_adapters(model, 2, 8.0)
        for weight in model.trainable_variables:
            weight.assign(weight + 0.1)
        model.save_pretrained("films")
        np.testing.assert_allclose(classifier("films")(batch), model(batch), atol=1e-5)

    def test_half_precision_is_written_whole(self, batch):
        model = classifier(num_labels=2, dtype="bfloat16")
        model.save_pretrained("films")
        assert config("films")["dtype"] == "float32"
        again = classifier("films", dtype="bfloat16")
        np.testing.assert_array_equal(again(batch), model(batch))

    def test_a_tokenizer_for_a_model_that_was_built(self):
        model = bert_tf.Classifier(bert_tf.BertBackbone(tiny_folder.CONFIG), 2)
        tokenizer = bert_tf.BertTokenizer(tiny_folder.VOCAB, lower_case=False)
        model.save_pretrained("films", tokenizer=tokenizer)
        again = bert_tf.BertTokenizer.from_pretrained("films")
        assert (again.vocab, again.lower_case) == (tiny_folder.VOCAB, False)
        assert not again.strip_accents and not again.keep_special_tokens
        assert again.model_max_length == 24


class TestBadInput:
    def test_a_missing_name(self):
        with pytest.raises(FileNotFoundError, match=r"there is no folder ./berd"):
            classifier("./berd", num_labels=2)
        with pytest.raises(FileNotFoundError, match=r"there is no folder ./berd"):
            bert_tf.BertTokenizer.from_pretrained("./berd")

    def test_a_folder_without_vocabulary(self):
        pathlib.Path("bert/vocab.txt").unlink()
        for kind in (bert_tf.BertTokenizer, bert_tf.BertBackbone):
            with pytest.raises(
                FileNotFoundError, match=r"^bert holds no vocab\.txt\.$"
            ):
                kind.from_pretrained("bert")

    def test_no_number_of_labels(self):
        with pytest.raises(
            ValueError, match="^bert has no head for Classifier: pass num_labels=…"
        ):
            classifier()

    def test_another_pooling(self):
        with pytest.raises(ValueError, match="pooling must be one of mean, cls"):
            bert_tf.Embedder.from_pretrained("bert", pooling="median")

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            (
                {"labels": "ab"},
                TypeError,
                "labels must be a list of names; received 'ab'",
            ),
            (
                {"labels": [0, 1]},
                TypeError,
                r"labels\[0\] must be a string; received 0",
            ),
            ({"labels": ["a"]}, ValueError, "has 2 labels.* received 'a'"),
            ({"labels": ["a", "a"]}, ValueError, "as many different names"),
            (
                {"problem_type": "many"},
                ValueError,
                "problem_type must be one of single",
            ),
            (
                {
                    "tokenizer": bert_tf.BertTokenizer(
                        [*tiny_folder.VOCAB, "x", "y", "z"]
                    )
                },
                ValueError,
                "the tokenizer has 22 tokens, but the model only 21",
            ),
        ],
    )
    def test_arguments(self, options, error, message):
        with pytest.raises(error, match=message):
            classifier(num_labels=2).save_pretrained("films", **options)
        assert not pathlib.Path("films").exists()

    def test_labels_of_a_model_without_any(self):
        model = bert_tf.SpanPredictor.from_pretrained("bert")
        with pytest.raises(
            ValueError, match="SpanPredictor has no labels; drop labels"
        ):
            model.save_pretrained("out", labels=["a"])

    def test_no_tokenizer(self):
        model = bert_tf.Classifier(bert_tf.BertBackbone(tiny_folder.CONFIG), 2)
        with pytest.raises(
            ValueError, match="does not know its vocabulary.*tokenizer="
        ):
            model.save_pretrained("films")

    def test_a_file(self):
        pathlib.Path("films").write_text("mine")
        with pytest.raises(
            ValueError, match="films is a file; pass the name of a folder"
        ):
            classifier(num_labels=2).save_pretrained("films")
        assert pathlib.Path("films").read_text() == "mine"

    def test_a_folder_with_other_files(self):
        pathlib.Path("films").mkdir()
        pathlib.Path("films/thesis.tex").write_text("mine")
        with pytest.raises(ValueError, match=r"holds other files .*\('thesis.tex'\)"):
            classifier(num_labels=2).save_pretrained("films")
        assert pathlib.Path("films/thesis.tex").read_text() == "mine"

    def test_weights_that_diverged(self):
        model = classifier(num_labels=2)
        model.classifier.bias.assign([np.nan, 0.0])
        with pytest.raises(
            ValueError, match="^classifier/bias has values that are NaN"
        ):
            model.save_pretrained("films")
        assert not pathlib.Path("films").exists()
