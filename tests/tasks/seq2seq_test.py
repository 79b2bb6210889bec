"""Tasks that write a text: examples, what they infer, predictions and scores."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_folder
import tiny_tasks

from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.predictor import check_decoding
from bert_tf.tasks import TASKS, find_task, task_of
from bert_tf.tasks.generation import Generation
from bert_tf.tasks.translation import Translation
from bert_tf.tokenization import BertTokenizer

IDS = {token: number for number, token in enumerate(tiny_folder.VOCAB)}


def make(name="translation", **options):
    tokenizer = BertTokenizer(tiny_folder.VOCAB)
    return tiny_tasks.make_task(name, tokenizer, max_seq_length=16, **options)


def table(*records):
    return Table("a.tsv", list(records), list(range(len(records))), {}, "")


def ids(text):
    return [IDS[token] for token in text.split()]


def test_the_tasks_are_found():
    assert find_task("translation", scored=True) is TASKS["translation"] is Translation
    assert find_task("generation", scored=True) is TASKS["generation"] is Generation
    extra = {"architectures": ["EncoderDecoderModel"]}
    config = dataclasses.replace(tiny_folder.CONFIG, extra=extra)
    assert task_of(config, {}) == "translation"
    assert task_of(config, {"task": "generation"}) == "generation"


class TestFeatures:
    def test_a_target_is_framed_and_cut(self):
        task = make(max_target_length=3)
        columns = task.columns(
            table(
                {"text": "a film", "target": "it was good"},
                {"text": "bad", "target": "poor"},
            )
        )
        example = task.features(columns)
        assert example["input_ids"].to_list() == [ids("[CLS] a film [SEP]"), [2, 16, 3]]
        # Of each target the decoder reads all but the last token: at most three.
        assert example["target_ids"].to_list() == [
            ids("[CLS] it was [SEP]"),
            ids("[CLS] poor [SEP]"),
        ]

    def test_without_targets_there_are_none(self):
        task = make()
        rows = pack(task.features(task.columns(table({"text": "a film"}))))
        assert not [name for name in rows if name.startswith("target")]

    def test_a_question_and_its_context_are_a_pair(self):
        task = make("generation")
        columns = task.columns(tiny_tasks.make_table("generation"))
        assert columns["answers"].tolist() == [["very good", "good"], []]
        example = task.features(task.inputs(columns))
        assert example["segment_ids"].to_list()[1] == [0] * 5 + [1] * 3
        assert example["target_ids"].to_list() == [
            ids("[CLS] very good [SEP]"),
            ids("[CLS] [SEP]"),
        ]


class TestInfer:
    @pytest.fixture(scope="class")
    @classmethod
    def inferred(cls):
        task = make(num_beams=1, max_target_length=8)
        columns = task.columns(tiny_tasks.make_table("translation"))
        rows = pack(task.features(columns))
        model = tiny.fill(task.build(BertBackbone(tiny_folder.CONFIG)), 5)
        return task, columns, rows, model, task.infer(model, rows)

    def test_the_loss_of_each_target_is_that_of_its_tokens(self, inferred):
        _, _, rows, model, outputs = inferred
        logits = model(rows)["logits"].numpy().astype(np.float64)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        labels = rows["target_labels"].numpy().ravel()
        numbers = rows["target_sequence_ids"].numpy().ravel()
        surprises = -logs[np.arange(len(labels)), labels]
        expected = [surprises[numbers == example].sum() for example in (1, 2, 3)]
        np.testing.assert_allclose(outputs["loss"], expected, rtol=1e-5)
        assert outputs["tokens"].numpy().tolist() == [5, 8, 1]

    def test_ids_take_little_memory(self, inferred):
        *_, outputs = inferred
        assert outputs["ids"].dtype == tf.int32
        assert outputs["ids"].shape == (3, 1, 8)
        assert outputs.keys() == {"ids", "scores", "loss", "tokens"}

    def test_without_targets_there_is_no_loss(self, inferred):
        task, columns, _, model, outputs = inferred
        rows = pack(task.features({"text": columns["text"]}))
        assert task.infer(model, rows).keys() == {"ids", "scores"}
        np.testing.assert_array_equal(task.infer(model, rows)["ids"], outputs["ids"])


class TestPredict:
    def outputs(self, *texts):
        """Returns outputs for texts of each record, as models return them."""
        longest = max(len(ids(text)) for own in texts for text in own)
        array = [
            [ids(text) + [0] * (longest - len(ids(text))) for text in own]
            for own in texts
        ]
        return {
            "ids": np.array(array, np.int32),
            "scores": np.array([[-0.5, -1.5][: len(own)] for own in texts], "float32"),
            "loss": np.array([2.0, 4.0][: len(texts)], np.float32),
            "tokens": np.array([4.0, 8.0][: len(texts)], np.float32),
        }

    def collect(self, task, columns, *texts):
        return task.collect(columns, columns, self.outputs(*texts))

    def test_texts_are_joined_and_an_empty_source_has_none(self):
        task = make()
        task.joining = [["", "", ".", "", True]]
        columns = task.columns(table({"text": "a film ."}, {"text": "  "}))
        outputs = self.collect(
            task, columns, ["it was good . [SEP]"], ["film film film"]
        )
        assert task.predict(outputs, columns) == [
            {"translation": "it was good.", "score": -0.5},
            {"translation": "", "score": 0.0},
        ]

    def test_several_texts_are_in_n_best(self):
        task = make(num_return_sequences=2)
        columns = task.columns(table({"text": "a film ."}))
        outputs = self.collect(task, columns, ["good [SEP]", "bad film [SEP]"])
        (prediction,) = predictions = task.predict(outputs, columns)
        assert prediction == {
            "translation": "good",
            "score": -0.5,
            "n_best": [
                {"translation": "good", "score": -0.5},
                {"translation": "bad film", "score": -1.5},
            ],
        }
        assert task.as_rows(predictions) == [{"translation": "good", "score": -0.5}]

    def test_texts_that_are_not_possible_are_left_out(self):
        task = make(num_return_sequences=2)
        columns = task.columns(table({"text": "a film ."}))
        outputs = self.collect(task, columns, ["good [SEP]", "[PAD]"])
        outputs["scores"][0, 1] = -np.inf
        (prediction,) = task.predict(outputs, columns)
        assert prediction["n_best"] == [{"translation": "good", "score": -0.5}]

    def test_answers_are_scored_by_the_best_truth(self):
        pytest.importorskip("rouge_score")
        task = make("generation")
        columns = task.columns(tiny_tasks.make_table("generation"))
        outputs = self.collect(task, columns, ["good [SEP]"], ["bad [SEP]"])
        assert task.predict(outputs, columns)[0] == {"answer": "good", "score": -0.5}
        none = self.collect(task, columns, ["[SEP]"], ["[SEP]"])
        assert task.predict(none, columns) == [{"answer": "", "score": -0.5}] * 2
        scores = task.score(columns, outputs)
        assert (scores["f1"], scores["exact_match"], scores["rouge_l"]) == (0.5,) * 3
        assert task.hits(columns, outputs).tolist() == [1, 0]
        # Six nats for twelve tokens.
        assert scores["loss"] == 0.5
        assert scores["perplexity"] == pytest.approx(np.exp(0.5))

    def test_translations_are_scored_by_bleu(self):
        pytest.importorskip("sacrebleu")
        task = make()
        target = "it was a very good film"
        columns = task.columns(
            table({"text": "a", "target": target}, {"text": "a", "target": target})
        )
        outputs = self.collect(task, columns, [f"{target} [SEP]"], [target])
        scores = task.score(columns, outputs)
        assert scores["bleu"] == pytest.approx(100)
        assert scores["chrf"] == pytest.approx(100)
        counts = task.counts(columns, outputs)
        assert task.score_counts(counts.sum(axis=0)) == pytest.approx(100)


def test_other_engines_do_not_write_texts(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="generation are written by --engine=tensorfl"):
        check_decoding(Generation)
    check_decoding(TASKS["question_answering"])


class TestFolder:
    def test_settings_restore_the_task(self):
        task = make(num_beams=2, length_penalty=0.5)
        task.joining = [["", "", ".", "", True]]
        settings = task.settings({})
        assert not {"decoder_model", "target_vocab_file"} & settings.keys()
        again = Translation.restore(task.tokenizer, tiny_folder.CONFIG, settings)
        assert again.options == task.options
        assert again.joining == task.joining

    def test_a_folder_without_a_decoder_is_refused(self):
        task = Translation(BertTokenizer(tiny_folder.VOCAB))
        with pytest.raises(ValueError, match="has no decoder, which translation needs"):
            task.decoder = None

    def test_a_target_needs_positions(self):
        task = Translation(
            BertTokenizer(tiny_folder.VOCAB), Translation.Options(max_target_length=65)
        )
        with pytest.raises(ValueError, match="is 65, but the decoder has only 64 posi"):
            task.decoder = tiny_tasks.DECODER
