"""Masks filled: against the reference, in any batch; what a user gets wrong."""

import json
import pathlib

import numpy as np
import pytest
import reference
import tiny
import tiny_folder

from bert_tf import run
from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.data.records.readers import Table
from bert_tf.data.rows.pipeline import evaluation_rows
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.tasks import ANSWERING, TASKS, task_of
from bert_tf.tasks.fill_mask import FillMask
from bert_tf.tokenization import BertTokenizer
from bert_tf.training.tensorflow.evaluation import make_predictor

VOCAB = tiny_folder.VOCAB
# Pieces of each example as they are framed; 2 is [CLS], 3 [SEP], 4 [MASK].
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
    return FillMask(tokenizer, **{"max_seq_length": 12} | options)


def table(texts):
    """A table whose records begin on line 2."""
    records = [
        {"text": text}
        if isinstance(text, str)
        else dict(zip(("text", "text_pair"), text))
        for text in texts
    ]
    return Table("x.jsonl", records, list(range(2, 2 + len(records))), {}, "")


def guesses(weights, pieces, top_k):
    """[(piece, probability)] of each mask, by the NumPy reference."""
    pieces = np.array(pieces)
    after = np.arange(len(pieces)) > np.argmax(pieces == 3)
    places = np.flatnonzero(pieces == 4)
    logits = reference.predict_masked(
        weights, tiny.CONFIG, pieces, places, after.astype(int)
    )
    chances = reference.softmax(logits)
    # The word table has more rows than the vocabulary has pieces.
    order = np.argsort(-chances[:, : len(VOCAB)])[:, :top_k]
    return [
        [(VOCAB[piece], chances[mask, piece]) for piece in best]
        for mask, best in enumerate(order)
    ]


@pytest.fixture(scope="module")
def filling():
    top3 = task(top_k=3)
    model = tiny.fill(top3.build(tiny.backbone()), seed=7)
    return top3, model, make_predictor(model)


class TestGuesses:
    @pytest.mark.parametrize("batch_size", [1, 3])
    @pytest.mark.parametrize("texts", [SINGLE, PAIRS], ids=["single", "pairs"])
    def test_are_the_references_in_any_batch(self, filling, texts, batch_size):
        top3, model, predictor = filling
        columns = top3.columns(table(texts))
        rows = evaluation_rows(columns, top3.features, batch_size=batch_size)
        answers = top3.predict(predictor(rows, len(texts)))
        weights = tiny.arrays(model)
        for answer, pieces in zip(answers, texts.values(), strict=True):
            expected = guesses(weights, pieces, 3)
            assert [[g["token"] for g in of] for of in answer["tokens"]] == [
                [token for token, _ in of] for of in expected
            ]
            np.testing.assert_allclose(
                [[g["probability"] for g in of] for of in answer["tokens"]],
                [[share for _, share in of] for of in expected],
                atol=1e-5,
            )

    def test_are_plain_json(self):
        outputs = np.array([[[[7, 14], [0.5, 0.25]], [[0, 0], [0, 0]]]], np.float32)
        assert json.loads(json.dumps(task().predict(outputs))) == [
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

    def test_many_texts_are_cut_bit_by_bit(self, monkeypatch):
        whole = task().columns(table(SINGLE))["mask_places"]
        monkeypatch.setattr("bert_tf.tasks.fill_mask._AT_ONCE", 3)
        np.testing.assert_array_equal(
            task().columns(table(SINGLE))["mask_places"], whole
        )

    def refuse(self, text, says):
        with pytest.raises(ValueError) as caught:
            task().columns(table(["a [MASK]", text]))
        assert str(caught.value) == f"x.jsonl, line 3: {says}"

    def test_nothing_to_fill(self):
        self.refuse(
            "it was [mask]",
            "there is no [MASK] to fill in 'it was [mask]'. Write it where a word is "
            "missing; for anything else, fine-tune the model first.",
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


class TestWhoAnswers:
    def test_it_is_no_task_to_train(self):
        assert ANSWERING.keys() - TASKS.keys() == {"fill_mask", "features"}
        with pytest.raises(ValueError, match="one of .*; received 'fill_mask'"):
            run.FinetuneConfig(
                task="fill_mask", model="x", train_file="x", output_dir="x"
            )

    @pytest.mark.parametrize("name", ["BertForPreTraining", "BertForMaskedLM"])
    def test_folders_are_known_by_their_class(self, name):
        config = BertConfig(extra={"architectures": [name]})
        assert task_of(config, {}) == "fill_mask"
        assert task_of(config, {"task": "regression"}) == "regression"
        encoder = BertConfig(extra={"architectures": ["BertModel"]})
        assert task_of(encoder, {}) == "classification"

    @pytest.mark.parametrize("top_k", [0, len(VOCAB) + 1])
    def test_how_many_guesses(self, top_k):
        with pytest.raises(ValueError, match=f"from 1 to 19, .* received {top_k}"):
            task(top_k=top_k)

    def test_vocabulary_without_mask(self):
        tokenizer = BertTokenizer([piece for piece in VOCAB if piece != "[MASK]"])
        with pytest.raises(ValueError, match=r"the vocabulary has no \[MASK\]"):
            FillMask(tokenizer, max_seq_length=12)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("encoder")
        tiny_folder.write_pretrained("bert")
        yield


@pytest.mark.usefixtures("home")
class TestFolder:
    def ask(self, **config):
        pathlib.Path("x.jsonl").write_text(
            '{"text": "it [MASK] a", "text_pair": "film [MASK]"}\n'
        )
        (answer,) = run.predict(
            run.PredictConfig(input_file="x.jsonl", top_k=4, **config)
        )
        return answer["tokens"]

    def test_masks_are_special_whatever_a_folder_of_googles_says(self):
        model = BertPretrainer(BertBackbone(tiny_folder.CONFIG))
        folders.load_weights("bert", model)
        parts = folders.read("bert")
        parts.config.extra.pop("architectures")  # Google's names no class.
        parts.tokenizer["split_special_tokens"] = True
        arrays = {weight.path: weight.numpy() for weight in model.weights}
        folders.write_google("tf1", arrays, parts)
        answers = self.ask(model="tf1", task="fill_mask")
        assert [len(of_mask) for of_mask in answers] == [4, 4]
        assert answers == self.ask(model="bert")
        with pytest.raises(ValueError, match="no such trained head"):
            self.ask(model="tf1")

    def test_there_is_nothing_to_score(self):
        pathlib.Path("labelled.tsv").write_text("text\tlabel\na\tb\nit\tc\n")
        with pytest.raises(ValueError) as caught:
            run.evaluate(run.EvaluateConfig(model="bert", eval_file="labelled.tsv"))
        assert str(caught.value) == (
            "the model's task is fill_mask, which has no labels to score on. Fine-tune "
            "the model first; masked words are scored by pretrain.py, with "
            "eval_data_dir."
        )

    def test_encoder_alone(self):
        with pytest.raises(ValueError, match="to predict masked words, pretrain them"):
            self.ask(model="encoder", task="fill_mask")
