"""Few-shot training: the head is the logistic regression, in every place that computes it."""

import json
import logging

import numpy as np
import pytest
import tiny_folder
from sklearn.linear_model import LogisticRegression

import bert_tf
from bert_tf.checkpoints import layouts
from bert_tf.models.embedding_classifier import EmbeddingClassifier
from bert_tf.models.finetuning import Classifier

TRAIN = {
    "good": ["a good film", "it was very good .", "a fine film", "it is fine"],
    "bad": ["it was bad", "a poor film .", "very bad , very poor", "the film was bad"],
    "?": ["is it ?", "was it the film ?", "is the film a film ?"],
}
DEV = [("a very good film", "good"), ("it is poor .", "bad"), ("was it ?", "?")]
TEXTS = ["a very fine film", "poor", "is it a film ?", "the"]


def write_table(path, labels=TRAIN):
    rows = [f"{text}\t{label}\n" for label in labels for text in TRAIN[label]]
    path.write_text("text\tlabel\n" + "".join(rows), encoding="utf-8")
    return str(path)


def finetune(home, name, *, training=None, labels=TRAIN, **options):
    given = {
        "model": str(home / "bert"),
        "train_file": write_table(home / f"{name}.tsv", labels),
        "output_dir": str(home / name),
        "max_seq_length": 16,
        "few_shot": True,
    }
    config = bert_tf.FinetuneConfig(**given | options)
    return bert_tf.finetune(
        config, training, eval_data=DEV if labels is TRAIN else None
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("few")
    tiny_folder.write(path / "bert")
    training = bert_tf.TrainConfig(
        num_train_epochs=2, learning_rate=5e-3, per_device_train_batch_size=8
    )
    finetune(path, "few", training=training)
    return path


def embed(path, texts):
    """Returns the embeddings of the folder's encoder, by the task of embeddings."""
    model = bert_tf.Model(path, task="similarity")
    return np.array([row["embedding"] for row in model.predict(texts)], np.float32)


def fit(path, labels=TRAIN, **options):
    """Returns scikit-learn's regression of the training texts, on our embeddings."""
    names = [label for label in labels for _ in TRAIN[label]]
    texts = [text for label in labels for text in TRAIN[label]]
    regression = LogisticRegression(max_iter=1000, **options)
    return regression.fit(embed(path, texts), names)


def probabilities(predictions, names):
    return [[row["scores"][name] for name in names] for row in predictions]


class TestHead:
    def test_it_is_the_logistic_regression(self, home):
        path = str(home / "few")
        regression = fit(path)
        received = bert_tf.Model(path).predict(TEXTS)
        expected = regression.predict_proba(embed(path, TEXTS))
        np.testing.assert_allclose(
            probabilities(received, regression.classes_), expected, atol=1e-4
        )
        assert [row["label"] for row in received] == list(
            regression.predict(embed(path, TEXTS))
        )

    def test_of_two_labels(self, home):
        labels = ["bad", "good"]
        training = bert_tf.TrainConfig(max_steps=1)
        finetune(home, "two", training=training, labels=labels, class_weights="bad=3")
        path = str(home / "two")
        regression = fit(path, labels, class_weight={"bad": 3.0})
        received = probabilities(bert_tf.Model(path).predict(TEXTS), labels)
        expected = regression.predict_proba(embed(path, TEXTS))
        np.testing.assert_allclose(received, expected, atol=1e-4)

    def test_the_encoder_has_learnt_from_pairs(self, home):
        def contrast(path):
            """Cosines within labels less those between them."""
            texts = [text for label in TRAIN for text in TRAIN[label]]
            labels = np.repeat(list(TRAIN), list(map(len, TRAIN.values())))
            vectors = embed(path, texts)
            cosines, same = vectors @ vectors.T, labels[:, None] == labels
            return cosines[same].mean() - cosines[~same].mean()

        before, after = (contrast(str(home / name)) for name in ("bert", "few"))
        assert after > before + 0.1


class TestMetrics:
    def test_scores_are_those_of_the_folder(self, home):
        metrics = json.loads((home / "few/metrics.json").read_text())
        # Of two labels there are 4·4 + 4·3 + 4·3 pairs.
        assert metrics["train_pairs"] == 80
        assert metrics["train_examples"] == 11
        scores = bert_tf.Model(str(home / "few")).evaluate(DEV)
        for name in ("eval_accuracy", "eval_loss"):
            assert metrics[name] == pytest.approx(scores[name], abs=1e-5)

    def test_an_epoch_by_default(self, home):
        config = bert_tf.FinetuneConfig(
            model="bert", train_file="a.tsv", output_dir="x", few_shot=True
        )
        assert config.training_defaults == {"num_train_epochs": 1.0}
        finetune(home, "once")
        flags = (home / "once/flags.txt").read_text()
        assert "--num_train_epochs=1.0\n" in flags and "--few_shot" in flags


class TestFolder:
    def test_transformers_refuses_it(self, home):
        config = json.loads((home / "few/config.json").read_text())
        assert config["model_type"] == "bert_tf"
        assert config["architectures"] == ["EmbeddingClassifier"]
        card = (home / "few/README.md").read_text()
        reason = (
            "Only bert_tf can load it, because\nits classifier reads the mean of all"
        )
        assert reason in card

    def test_it_has_no_pooler(self, home):
        arrays = layouts.read_arrays(home / "few")
        assert not any(path.startswith("bert/pooler") for path in arrays)
        assert arrays["classifier/kernel"].shape == (tiny_folder.CONFIG.hidden_size, 3)

    def test_it_is_read_again(self, home, tmp_path, caplog):
        model = EmbeddingClassifier.from_pretrained(str(home / "few"))
        expected = bert_tf.Model(str(home / "few")).predict(TEXTS)
        model.save_pretrained(tmp_path / "copy")
        assert bert_tf.Model(str(tmp_path / "copy")).predict(TEXTS) == expected
        with caplog.at_level(logging.WARNING):
            Classifier.from_pretrained(str(home / "few"), num_labels=3)
        assert "that of the folder is for EmbeddingClassifier" in caplog.text

    @pytest.mark.slow
    def test_exports(self, home, tmp_path):
        for form in ("saved_model", "tflite"):
            config = bert_tf.ExportConfig(
                model=str(home / "few"), output_dir=str(tmp_path / form), format=form
            )
            report = bert_tf.export(config)
            assert report["agreement"] == 1.0
            assert report["max_abs_difference"] < 1e-4
        light = bert_tf.light.Model(tmp_path / "tflite").predict(TEXTS)
        expected = bert_tf.Model(str(home / "few")).predict(TEXTS)
        assert [row["label"] for row in light] == [row["label"] for row in expected]

    def test_fine_tuning_goes_on_with_its_head(self, home, caplog):
        with caplog.at_level(logging.INFO):
            finetune(
                home,
                "on",
                model=str(home / "few"),
                few_shot=False,
                training=bert_tf.TrainConfig(max_steps=1, learning_rate=1e-9),
            )
        assert "the classifier reads the mean of all tokens, as in the" in caplog.text
        expected, received = (
            probabilities(bert_tf.Model(str(home / name)).predict(TEXTS), list(TRAIN))
            for name in ("few", "on")
        )
        np.testing.assert_allclose(received, expected, atol=1e-5)

    def test_google_has_no_words_for_it(self, home, tmp_path):
        config = bert_tf.ConvertConfig(
            input=str(home / "few"), output=str(tmp_path / "google"), format="google"
        )
        with pytest.raises(
            ValueError, match="that its classifier reads the mean of all"
        ):
            bert_tf.convert(config)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"task": "regression"},
                "few_shot is for classification, .* task=regression",
            ),
            ({"task": "multi_label"}, "few_shot is for classification"),
            (
                {"from_scratch": True},
                "few_shot needs an encoder that is trained already",
            ),
            ({"label_smoothing": 0.1}, "has no label_smoothing; received 0.1. Drop it"),
            (
                {"counterfactual_file": "builtin"},
                "counterfactual_file=builtin has no mea",
            ),
            (
                {"reweigh_column": "group"},
                "reweigh_column=group has no meaning; drop one",
            ),
        ],
    )
    def test_settings(self, options, message):
        with pytest.raises(ValueError, match=message):
            bert_tf.FinetuneConfig(
                model="bert",
                train_file="a.tsv",
                output_dir="x",
                few_shot=True,
                **options,
            )

    def test_pruning(self):
        with pytest.raises(ValueError, match="few_shot is for finetune, since pruning"):
            bert_tf.PruneConfig(
                model="a", train_file="a.tsv", output_dir="x", prune=0.5, few_shot=True
            )

    @pytest.mark.parametrize(
        ("records", "message"),
        [
            (
                [("a", "x"), ("b", "x"), ("c", "y")],
                "the label 'y' has one example, but",
            ),
            (
                [("a", "b", "x"), ("b", "c", "y")] * 2,
                "but the records are pairs of texts",
            ),
            ([("a", "x"), ("b", "y")] * 2501, "may be 5,000 of them; received 5,002"),
        ],
    )
    def test_records(self, home, records, message):
        config = bert_tf.FinetuneConfig(
            model=str(home / "bert"),
            output_dir=str(home / "none"),
            few_shot=True,
            max_seq_length=16,
        )
        with pytest.raises(ValueError, match=message):
            bert_tf.finetune(config, train_data=records)
        assert not (home / "none").exists()
