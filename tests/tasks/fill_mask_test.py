"""Predictions for [MASK]: as in the NumPy reference, in any batch; and bad input."""

import json
import pathlib

import numpy as np
import pytest
import reference
import tiny
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.data.records.readers import Table
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.tasks import TASKS, find_task, task_of
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tokenization import BertTokenizer
from bert_tf.training.tensorflow.evaluation import make_predictor

VOCAB = tiny_folder.VOCAB
# Token ids of each framed example; 2 is [CLS], 3 [SEP], 4 [MASK].
SINGLE = {
    "the film is [MASK] .": [2, 9, 14, 11, 4, 5, 3],
    "[MASK][MASK] , [MASK]": [2, 4, 4, 6, 4, 3],
    "[MASK]?": [2, 4, 7, 3],
    "it was very very very very [MASK]": [2, 10, 12, *[13] * 4, 4, 3],
}
PAIRS = {
    ("the [MASK]", "is [MASK] fine"): [2, 9, 4, 3, 11, 4, 17, 3],
    ("it", "[MASK]"): [2, 10, 3, 4, 3],
    ("a [MASK] film", "bad"): [2, 8, 4, 14, 3, 16, 3],
}


def task(**options):
    tokenizer = BertTokenizer(VOCAB, keep_special_tokens=True)
    return FillMask(tokenizer, FillMask.Options(**{"max_seq_length": 12} | options))


def table(texts):
    """Returns a table whose records begin on line 2."""
    records = [
        {"text": text}
        if isinstance(text, str)
        else dict(zip(("text", "text_pair"), text))
        for text in texts
    ]
    return Table("x.jsonl", records, list(range(2, 2 + len(records))), {}, "")


def best_tokens(weights, ids, top_k):
    """Returns [(token, probability), …] of each mask, by the NumPy reference."""
    ids = np.array(ids)
    segments = np.arange(len(ids)) > np.argmax(ids == 3)
    places = np.flatnonzero(ids == 4)
    logits = reference.predict_masked(
        weights, tiny.CONFIG, ids, places, segments.astype(int)
    )
    probabilities = reference.softmax(logits)
    # The word table has more rows than the vocabulary has tokens.
    order = np.argsort(-probabilities[:, : len(VOCAB)])[:, :top_k]
    return [
        [(VOCAB[id_], probabilities[mask, id_]) for id_ in best]
        for mask, best in enumerate(order)
    ]


@pytest.fixture(scope="module")
def filling():
    """Returns a task, its model and the predictor of the model's outputs."""
    top3 = task(top_k=3)
    model = tiny.fill(top3.build(tiny.backbone()), seed=7)
    return top3, model, make_predictor(model)


class TestPredictions:
    @pytest.mark.parametrize("batch_size", [1, 3])
    @pytest.mark.parametrize("texts", [SINGLE, PAIRS], ids=["single", "pairs"])
    def test_equal_the_references_in_any_batch(self, filling, texts, batch_size):
        top3, model, predictor = filling
        columns = top3.columns(table(texts))
        examples = top3.examples(columns)
        rows = top3.evaluation_rows(examples, batch_size=batch_size)
        outputs = predictor(rows, top3.count(examples))
        predictions = top3.predict(top3.collect(columns, examples, outputs), columns)
        weights = tiny.arrays(model)
        for prediction, ids in zip(predictions, texts.values(), strict=True):
            expected = best_tokens(weights, ids, 3)
            masks = prediction["tokens"]
            assert [[best["token"] for best in mask] for mask in masks] == [
                [token for token, _ in mask] for mask in expected
            ]
            np.testing.assert_allclose(
                [[best["probability"] for best in mask] for mask in masks],
                [[probability for _, probability in mask] for mask in expected],
                atol=1e-5,
            )

    def test_outputs_have_names_and_dtypes(self, filling):
        _, model, _ = filling
        ids = np.array([[2, 9, 4, 4, 3], [2, 4, 3, 0, 0]])
        places = np.array([[2, 3], [1, -1]], np.int32)
        batch = {"input_ids": ids, "input_mask": ids > 0, "mask_places": places}
        outputs = model(batch)
        assert set(outputs) == {"ids", "probabilities"}
        assert outputs["ids"].dtype == "int32"
        assert outputs["probabilities"].dtype == "float32"
        for array in outputs.values():
            assert array.shape == (2, 2, 3)
            assert not array.numpy()[1, 1].any()  # Padding.

    def test_are_plain_json(self):
        outputs = {
            "ids": np.array([[[7, 14], [0, 0]]], np.int32),
            "probabilities": np.array([[[0.5, 0.25], [0, 0]]], np.float32),
        }
        assert json.loads(json.dumps(task().predict(outputs, {}))) == [
            {
                "tokens": [
                    [
                        {"token": "?", "probability": 0.5},
                        {"token": "film", "probability": 0.25},
                    ]
                ]
            }
        ]


class TestColumns:
    def test_places_of_masks(self):
        columns = task().columns(table(SINGLE))
        assert columns.keys() == {"text", "mask_places"}
        assert columns["mask_places"].dtype == np.int32
        assert columns["mask_places"].tolist() == [
            *([4, -1, -1], [1, 2, 4], [1, -1, -1], [7, -1, -1]),
        ]

    def test_places_in_pairs(self):
        assert task().columns(table(PAIRS))["mask_places"].tolist() == [
            *([2, 5], [3, -1], [2, -1]),
        ]

    def test_many_texts_are_tokenized_in_parts(self, monkeypatch):
        whole = task().columns(table(SINGLE))["mask_places"]
        monkeypatch.setattr("bert_tf.tasks.fill_mask._TEXTS_AT_ONCE", 3)
        np.testing.assert_array_equal(
            task().columns(table(SINGLE))["mask_places"], whole
        )

    def refuse(self, text, message):
        with pytest.raises(ValueError) as caught:
            task().columns(table(["a [MASK]", text]))
        assert str(caught.value) == f"x.jsonl, line 3: {message}"

    def test_nothing_to_fill(self):
        self.refuse(
            "it was [mask]",
            "there is no [MASK] to fill in 'it was [mask]'. Write [MASK] where a word is "
            "missing; for other predictions, fine-tune the model first.",
        )

    def test_cut_off(self):
        self.refuse(
            "[MASK] film is a very very very good film , [MASK]",
            "1 of 2 [MASK] would be cut off at max_seq_length 12. Raise it, or shorten "
            "the text.",
        )

    def test_the_longest_that_fits(self):
        last = task().columns(table(["a a a a a a a a a [MASK]"]))
        assert last["mask_places"].tolist() == [[10]]
        with pytest.raises(ValueError, match=r"line 2: 1 of 1 \[MASK\] would be cut"):
            task().columns(table(["a a a a a a a a a a [MASK]"]))


class TestTask:
    def test_it_cannot_be_trained(self):
        assert {name for name, kind in TASKS.items() if not kind.scored} == {
            "fill_mask",
            "features",
            "zero_shot",
        }
        assert find_task("fill_mask") is FillMask
        with pytest.raises(ValueError, match="one of .*; received 'fill_mask'"):
            find_task("fill_mask", scored=True)

    def test_fine_tuning_refuses_it(self):
        with pytest.raises(ValueError, match="one of .*; received 'fill_mask'"):
            bert_tf.FinetuneConfig(
                task="fill_mask", model="x", train_file="x", output_dir="x"
            )

    @pytest.mark.parametrize("name", ["BertForPreTraining", "BertForMaskedLM"])
    def test_the_class_in_config_json_tells_the_task(self, name):
        config = BertConfig(extra={"architectures": [name]})
        assert task_of(config, {}) == "fill_mask"
        assert task_of(config, {"task": "regression"}) == "regression"
        encoder = BertConfig(extra={"architectures": ["BertModel"]})
        assert task_of(encoder, {}) == "classification"

    @pytest.mark.parametrize("top_k", [0, len(VOCAB) + 1])
    def test_top_k_out_of_range_is_an_error(self, top_k):
        with pytest.raises(ValueError, match=f"from 1 to 19, .* received {top_k}"):
            task(top_k=top_k)

    def test_a_vocabulary_without_mask_is_an_error(self):
        tokenizer = BertTokenizer([token for token in VOCAB if token != "[MASK]"])
        with pytest.raises(ValueError, match=r"the vocabulary has no \[MASK\]"):
            FillMask(tokenizer)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("encoder")
        tiny_folder.write_pretrained("bert")
        yield


@pytest.mark.usefixtures("home")
class TestFolder:
    def predict(self, **config):
        pathlib.Path("x.jsonl").write_text(
            '{"text": "it [MASK] a", "text_pair": "film [MASK]"}\n'
        )
        (prediction,) = bert_tf.predict(
            bert_tf.PredictConfig(input_file="x.jsonl", top_k=4, **config)
        )
        return prediction["tokens"]

    def test_masks_stay_special_in_a_folder_that_splits_special_tokens(self):
        model = BertPretrainer(BertBackbone(tiny_folder.CONFIG))
        folders.load_weights("bert", model)
        parts = folders.read("bert")
        parts.config.extra.pop("architectures")  # Google's config.json names no class.
        parts.tokenizer["split_special_tokens"] = True
        arrays = {weight.path: weight.numpy() for weight in model.weights}
        folders.write_google("tf1", arrays, parts)
        predictions = self.predict(model="tf1", task="fill_mask")
        assert [len(mask) for mask in predictions] == [4, 4]
        assert predictions == self.predict(model="bert")
        with pytest.raises(ValueError, match="no such trained head"):
            self.predict(model="tf1")

    def test_evaluation_is_refused(self):
        pathlib.Path("labelled.tsv").write_text("text\tlabel\na\tb\nit\tc\n")
        with pytest.raises(ValueError) as caught:
            bert_tf.evaluate(
                bert_tf.EvaluateConfig(model="bert", eval_file="labelled.tsv")
            )
        assert str(caught.value) == (
            "the model's task is fill_mask, which has no labels to score predictions "
            "with. Fine-tune the model first; masked tokens are scored by bert-tf "
            "pretrain with eval_data_dir."
        )

    def test_an_encoder_alone_has_no_such_head(self):
        with pytest.raises(ValueError, match="to predict masked words, pretrain them"):
            self.predict(model="encoder", task="fill_mask")
