"""Embeddings: pooling, losses, predictions and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.models.embedding import Embedder
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.similarity import Similarity
from bert_tf.tasks.texts import row_arrays

PAIRS = [("7 8", "9"), ("10", "11 12 13"), ("14", "15")]


def table(labels=None):
    records = [{"text": a, "text_pair": b} for a, b in PAIRS]
    for record, label in zip(records, labels or ()):
        record["label"] = label
    return Table("a.tsv", records, [1, 2, 3], {}, "")


def make(**options):
    options = Similarity.Options(max_seq_length=9, **options)
    return Similarity(tiny.Tokenizer(), options)


def folder_with(settings):
    return ModelFolder(BertConfig(), [], {}, settings)


def tensors(columns):
    return {name: tf.constant(array) for name, array in columns.items()}


def test_files_of_sentence_transformers_tell_the_task():
    assert TASKS["similarity"] is Similarity
    assert task_of(BertConfig(), {"pooling": "mean"}) == "similarity"


class TestLearning:
    def test_labels_above_1_are_scaled(self):
        options = Similarity.Options(max_seq_length=9)
        assert (options.pooling, options.similarity_loss) == ("", "cosine")
        task = Similarity.learn(tiny.Tokenizer(), table(["5", "0", "2"]), options)
        assert (task.scale, task.options) == (5, options)
        columns = task.columns(table(["5", "0", "2"]))
        np.testing.assert_allclose(columns["label"], [1, 0, 0.4])
        task = Similarity.learn(tiny.Tokenizer(), table(["0.5", "-1", "0"]), options)
        assert task.scale == 1

    def test_a_folder_remembers_scale_and_options(self):
        task = make(pooling="cls")
        task.scale, task.normalize = 5.0, False
        restored = Similarity.restore(
            task.tokenizer, BertConfig(), task.settings({}) | {"other": 1}
        )
        assert restored.options == task.options
        assert (restored.scale, restored.normalize) == (5.0, False)

    @pytest.mark.parametrize(
        ("given", "folder", "pooling"),
        [
            ("", {}, "mean"),
            ("", {"pooling": "cls"}, "cls"),
            ("max", {"pooling": "max"}, "max"),
            ("max", {"pooling": "cls"}, "max"),
            ("cls", {"pooling": "lasttoken (1_Pooling/config.json)"}, "cls"),
        ],
    )
    def test_pooling_is_the_folders_unless_it_is_given(
        self, given, folder, pooling, caplog
    ):
        task = make(pooling=given)
        task.inherit(folder_with(folder | {"normalize": False}), None)
        assert (task.pooling, task.normalize) == (pooling, False)
        assert task.settings({})["pooling"] == pooling
        assert task.build(tiny.backbone()).pooling == pooling
        differs = given and given != folder["pooling"]
        says = f"pooling is {given}; the model had {folder.get('pooling')}."
        assert caplog.messages == [says] * bool(differs)

    @pytest.mark.parametrize(
        ("given", "expected"), [("", "query,"), ("passage", "passage")]
    )
    def test_prompts_are_the_folders_unless_others_are_named(self, given, expected):
        texts = {"query": "7 ", "passage": "8 "}
        task = make(prompt_name=given)
        task.inherit(folder_with({"prompts": texts, "prompt_name": "query,"}), None)
        assert task.options.prompt_name == expected
        columns = task.columns(table())
        prompts = ("8 ", "8 ") if given else ("7 ", "")
        assert (columns["text"][0], columns["text_pair"][0]) == (
            f"{prompts[0]}7 8",
            f"{prompts[1]}9",
        )
        settings = task.settings({})
        assert settings["prompts"] == texts
        assert settings.get("default_prompt_name") == (given or None)

    def test_a_pooling_that_is_not_computed_is_refused(self):
        settings = {"pooling": "lasttoken (1_Pooling/config.json)"}
        with pytest.raises(ValueError, match="received 'lasttoken .1_Pooling/config"):
            make().inherit(folder_with(settings), None)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"pooling": "lasttoken"},
                "pooling must be one of mean, cls, max; received 'lasttoken'",
            ),
            ({"similarity_loss": "x"}, "similarity_loss must be one of"),
        ],
    )
    def test_an_unknown_option_is_an_error(self, options, message):
        with pytest.raises(ValueError, match=message):
            make(**options)

    def test_single_texts_and_one_label_are_errors(self):
        options = Similarity.Options(max_seq_length=9)
        single = Table("a.tsv", [{"text": "7", "label": "1"}], [1], {}, "")
        with pytest.raises(
            ValueError, match="pairs of texts, but each record has a single"
        ):
            Similarity.learn(tiny.Tokenizer(), single, options)
        with pytest.raises(ValueError, match="every pair has the label 1"):
            Similarity.learn(tiny.Tokenizer(), table(["1", "1", "1"]), options)

    def test_metric_and_labels_depend_on_the_loss(self):
        for loss, metric, labels in (
            ("cosine", "spearman", True),
            ("negatives", "mrr", False),
        ):
            task = make(similarity_loss=loss)
            options = {"similarity_loss": loss}
            assert task.metric == Similarity.metric_of(options) == metric
            assert Similarity.read_options(options) == {
                "with_labels": labels,
                "number_labels": labels,
                "triplets": not labels,
            }
            assert task.couples_examples == ("" if labels else "embeddings")


class TestEmbedder:
    @pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
    def test_pools_only_the_tokens_of_an_example(self, pooling):
        rows = pack(make().features(tensors(make().columns(table()))))
        backbone = tiny.backbone()
        embedder = Embedder(backbone, pooling=pooling, normalize=False)
        vectors = embedder(rows)["embeddings"].numpy()
        assert vectors.shape == (3, 2, 21)
        texts = [text for pair in PAIRS for text in pair]
        for vector, text in zip(vectors.reshape(6, 21), texts):
            ids = [tiny.CLS, *map(int, text.split()), tiny.SEP]
            states = backbone({"input_ids": np.array([ids])})["sequence_output"][0]
            pool = {
                "cls": lambda states, axis: states[0],
                "mean": np.mean,
                "max": np.max,
            }
            expected = pool[pooling](states, axis=0)
            np.testing.assert_allclose(vector, expected, atol=1e-5)

    @pytest.mark.parametrize("pooling", ["mean", "max"])
    def test_a_padded_batch_gives_the_same(self, pooling):
        embedder = Embedder(tiny.backbone(), pooling=pooling, normalize=True)
        example = make().features(tensors(make().columns(table())))
        rows = embedder(pack(example))["embeddings"].numpy()
        mask = tf.ones_like(example["input_ids"]).to_tensor()
        padded = {"input_ids": example["input_ids"].to_tensor(), "input_mask": mask}
        alone = embedder(padded)["embeddings"].numpy()
        assert alone.shape == (6, 1, 21)
        np.testing.assert_allclose(alone.reshape(rows.shape), rows, atol=2e-6)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1, atol=1e-6)


EMBEDDINGS = np.array([[[1, 0], [3, 4]], [[0, 2], [0, 5]], [[1, 1], [1, 0]]], "float32")
OUTPUTS = {"embeddings": EMBEDDINGS}


class TestLoss:
    def test_cosine(self):
        rows = {"label": tf.constant([0.6, 0.0, 1.0])}
        losses = make().losses(rows, tensors(OUTPUTS))["similarity"]
        expected = [0, 1, (np.sqrt(0.5) - 1) ** 2]
        np.testing.assert_allclose(losses, expected, atol=1e-6)

    def test_negatives(self):
        task = make(similarity_loss="negatives")
        rows = {"label": tf.ones([3])}
        losses = task.losses(rows, tensors(OUTPUTS))["similarity"]
        half = np.sqrt(0.5)
        cosines = np.array([[0.6, 0, 1], [0.8, 1, 0], [1.4 * half, half, half]])
        logits = 20 * cosines
        expected = np.log(np.exp(logits).sum(axis=1)) - np.diagonal(logits)
        np.testing.assert_allclose(losses, expected, atol=2e-6, rtol=0)


class TestTriplets:
    def test_features_frame_all_texts_of_a_record(self):
        records = [
            {"text": a, "text_pair": b, "negatives": ["20 21", f"{n}"]}
            for n, (a, b) in enumerate(PAIRS, 30)
        ]
        task = make(similarity_loss="negatives")
        columns = task.columns(Table("a.tsv", records, [1, 2, 3], {}, ""))
        assert columns["negatives"].shape == (3, 2)
        for arrays in (columns, tensors(columns)):
            example = task.features(arrays)
            np.testing.assert_array_equal(example["texts"], np.arange(12).reshape(3, 4))
            ids = [row[1:-1].tolist() for row in row_arrays(example["input_ids"])]
            assert ids[:4] == [[7, 8], [9], [20, 21], [30]]
            assert ids[-1] == [32]

    def test_negatives_of_all_records_join_those_of_the_batch(self):
        random = np.random.default_rng(4)
        vectors = random.normal(size=[3, 4, 5]).astype("float32")
        unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        candidates = np.concatenate([unit[:, side] for side in (1, 2, 3)])
        logits = 20 * unit[:, 0] @ candidates.T
        task = make(similarity_loss="negatives")

        def compute(**rows):
            outputs = {"embeddings": tf.constant(vectors)}
            return task.losses(rows, outputs)["similarity"]

        own = np.diagonal(logits)
        expected = np.log(np.exp(logits).sum(axis=1)) - own
        np.testing.assert_allclose(compute(label=tf.ones([3])), expected, rtol=1e-5)
        # Padding brings no negatives.
        logits = np.delete(logits, [2, 5, 8], axis=1)
        expected = np.log(np.exp(logits).sum(axis=1)) - own
        weight = tf.constant([1.0, 1.0, 0.0])
        found = compute(label=tf.ones([3]), weight=weight)[:2]
        np.testing.assert_allclose(found, expected[:2], rtol=1e-5)

    def test_scores_leave_negatives_out(self):
        task = make(similarity_loss="negatives")
        wider = np.concatenate([EMBEDDINGS, EMBEDDINGS[:, :1]], axis=1)
        assert task.score({}, {"embeddings": wider}) == task.score({}, OUTPUTS)
        found = task.predict({"embeddings": wider}, {})
        assert found == task.predict(OUTPUTS, {})

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mine_negatives": 3}, "mine_negatives=3 is for .*; received 'cosine'"),
            ({"mine_negatives": -1}, "mine_negatives must be at least 0; received -1"),
            ({"mine_skip": -1}, "mine_skip must be at least 0; received -1"),
        ],
    )
    def test_options_of_mining(self, options, message):
        with pytest.raises(ValueError, match=message):
            make(**options)


class TestMatryoshka:
    def test_the_loss_is_the_mean_over_prefixes(self):
        for options, rows in (
            ({}, {"label": tf.constant([0.6, 0.0, 1.0])}),
            ({"similarity_loss": "negatives"}, {"label": tf.ones([3])}),
        ):
            alone = [
                make(**options).losses(
                    rows, {"embeddings": tf.constant(EMBEDDINGS[..., :width])}
                )["similarity"]
                for width in (2, 1)
            ]
            task = make(matryoshka_dims="2,1", **options)
            losses = task.losses(rows, tensors(OUTPUTS))["similarity"]
            np.testing.assert_allclose(losses, np.mean(alone, axis=0), atol=1e-6)

    def test_of_one_number_worked_by_hand(self):
        # The cosine of two numbers is the sign of their product, and 0 beside a zero.
        rows = {"label": tf.constant([0.6, 0.5, 0.0])}
        losses = make(matryoshka_dims="1").losses(rows, tensors(OUTPUTS))["similarity"]
        np.testing.assert_allclose(losses, [0.16, 0.25, 1.0], atol=1e-6)

    def test_an_embedder_keeps_the_first_numbers(self):
        rows = pack(make().features(tensors(make().columns(table()))))
        backbone = tiny.backbone()
        whole = Embedder(backbone)(rows)["embeddings"].numpy()[..., :5]
        found = Embedder(backbone, dim=5)(rows)["embeddings"]
        expected = whole / np.linalg.norm(whole, axis=-1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        found = Embedder(backbone, dim=5, normalize=False)(rows)["embeddings"]
        whole = Embedder(backbone, normalize=False)(rows)["embeddings"].numpy()
        np.testing.assert_allclose(found, whole[..., :5], atol=1e-6)

    def test_scores_of_each_width(self):
        task = make(similarity_loss="negatives", matryoshka_dims="2,1")
        scores = task.score({}, OUTPUTS)
        alone = make(similarity_loss="negatives")
        assert scores.keys() - alone.score({}, OUTPUTS).keys() == {"mrr_1"}
        prefix = {"embeddings": EMBEDDINGS[..., :1]}
        assert scores["mrr_1"] == alone.score({}, prefix)["mrr"]

    @pytest.mark.parametrize("dims", ["a", "2,0", "-1", "2,,1", "3,3", "2.5"])
    def test_wrong_widths(self, dims):
        with pytest.raises(ValueError, match=f"from 1, with .* received '{dims}'"):
            make(matryoshka_dims=dims)

    def test_more_than_the_embedding_has(self):
        task = make(matryoshka_dims="769,5")
        with pytest.raises(ValueError, match="at most 768, .* received 769"):
            task.inherit(folder_with({}), None)
        make(matryoshka_dims="769,5").inherit(
            folder_with({"pooling": "cls,mean"}), None
        )
        with pytest.raises(ValueError, match="dim must be from 1 to 21.* received 22"):
            Embedder(tiny.backbone(), dim=22)
        with pytest.raises(ValueError, match="dim must be at least 0; received -1"):
            make(dim=-1)

    def test_a_width_that_was_not_trained(self):
        settings = make(matryoshka_dims="16,8").settings({})

        def restore(dim):
            return Similarity.restore(
                tiny.Tokenizer(), BertConfig(), settings | {"dim": dim}
            )

        assert restore(8).options.dim == 8
        with pytest.raises(ValueError, match="dim must be one of 16, 8, .* received 9"):
            restore(9)


class TestPredictions:
    def test_embeddings_and_similarities(self):
        single = {"embeddings": EMBEDDINGS[:1, :1]}
        assert make().predict(single, {}) == [{"embedding": [1.0, 0.0]}]
        (first, *_) = make().predict(OUTPUTS, {})
        assert first == {"similarity": pytest.approx(0.6)}

    def test_scores_with_labels(self):
        columns = {"label": np.array([0.1, 0.9, 0.5], np.float32)}
        scores = make().score(columns, OUTPUTS)
        cosines = np.array([0.6, 1.0, np.sqrt(0.5)])
        truth = columns["label"].astype(float)
        assert scores["spearman"] == pytest.approx(1.0)
        assert scores["pearson"] == pytest.approx(np.corrcoef(cosines, truth)[0, 1])
        assert scores["loss"] == pytest.approx(np.mean((cosines - truth) ** 2))

    def test_scores_without_labels(self):
        task = make(similarity_loss="negatives")
        scores = task.score({}, OUTPUTS)
        # Equal cosines share the better rank, so the last rank is 2, too.
        ranks = np.array([2, 1, 2])
        assert scores["mrr"] == pytest.approx(np.mean(1 / ranks))
        assert scores["recall_at_1"] == pytest.approx(1 / 3)
        assert scores["recall_at_5"] == scores["recall_at_10"] == 1.0
