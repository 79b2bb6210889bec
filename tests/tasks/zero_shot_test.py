"""Labels without training: the arithmetic of transformers' pipeline, and bad input."""

import json

import numpy as np
import pytest
import tiny
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.models.finetuning import Classifier
from bert_tf.models.labels import describe_labels
from bert_tf.tasks import TASKS, find_task
from bert_tf.tasks.zero_shot import ZeroShot

LABELS = ["good", "very bad", "film"]
TEXTS = ["it was a fine film .", "poor", "the film is very , very bad ."]
COLUMNS = {"text": "premise", "text_pair": "hypothesis", "label": "label"}
TEMPLATE = "it is {} ."


def write(path, labels, architecture="BertForSequenceClassification", **settings):
    """Writes a folder of random weights with these labels."""
    model = tiny.fill(
        Classifier(bert_tf.BertBackbone(tiny_folder.CONFIG), len(labels)), 5
    )
    config = bert_tf.BertConfig.from_dict(
        tiny_folder.CONFIG.to_dict() | describe_labels(labels)
    )
    folder = folders.ModelFolder(
        config, tiny_folder.VOCAB, {"do_lower_case": True}, settings
    )
    folders.write(path, model, folder, architecture)
    return str(path)


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    path = tmp_path_factory.mktemp("zero_shot") / "nli"
    return write(
        path,
        ["Entailment", "neutral", "CONTRADICTION"],
        task="classification",
        columns=COLUMNS,
        temperature=3.0,
    )


def load(path, labels="good,very bad, film", **options):
    options = {"hypothesis_template": TEMPLATE} | options
    return bert_tf.Model(path, task="zero_shot", labels=labels, **options)


def pair_logits(path, texts, labels):
    """Returns the logits of the classifier of pairs, [N, L, C]."""
    model = bert_tf.Model(path)
    model.task.temperature = 1.0
    pairs = [
        (text, TEMPLATE.replace("{}", label)) for text in texts for label in labels
    ]
    table = model.task.read_lines(
        [{"premise": text, "hypothesis": other} for text, other in pairs],
        columns=COLUMNS,
    )
    _, outputs = model.outputs_of(table)
    return outputs["logits"].reshape(len(texts), len(labels), -1)


def scores_of_transformers(logits, multi_label, entailment, contradiction):
    """As `postprocess` of transformers' ZeroShotClassificationPipeline has it."""
    if multi_label or logits.shape[1] == 1:
        both = np.exp(logits[..., [contradiction, entailment]])
        return (both / both.sum(-1, keepdims=True))[..., 1]
    entails = np.exp(logits[..., entailment])
    return entails / entails.sum(-1, keepdims=True)


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_are_those_of_transformers(nli, multi_label):
    predictions = load(nli, multi_label_scores=multi_label).predict(TEXTS)
    expected = scores_of_transformers(
        pair_logits(nli, TEXTS, LABELS), multi_label, entailment=0, contradiction=2
    )
    assert np.ptp(expected) > 0.05
    received = [list(row["scores"].values()) for row in predictions]
    np.testing.assert_allclose(received, expected, atol=1e-6)
    assert [list(row["scores"]) for row in predictions] == [LABELS] * 3
    best = [LABELS[number] for number in expected.argmax(-1)]
    assert [row["label"] for row in predictions] == best
    assert len(set(best)) > 1


def test_a_single_label_is_compared_with_its_contradiction(nli):
    (prediction,) = load(nli, "film").predict(TEXTS[:1])
    expected = scores_of_transformers(
        pair_logits(nli, TEXTS[:1], ["film"]), False, 0, 2
    )
    assert prediction["label"] == "film"
    assert prediction["scores"]["film"] == pytest.approx(expected[0, 0], abs=1e-6)


def test_of_two_labels_the_other_one_contradicts(tmp_path):
    path = write(tmp_path / "rte", ["entailment", "not_entailment"])
    scores = load(path, multi_label_scores=True).predict(TEXTS[:1])[0]["scores"]
    logits = pair_logits(path, TEXTS[:1], LABELS)
    expected = scores_of_transformers(logits, True, 0, 1)[0]
    np.testing.assert_allclose(list(scores.values()), expected, atol=1e-6)


def test_the_template(nli):
    model = load(nli, hypothesis_template="")
    assert model.task.hypotheses[1] == "This example is very bad."
    assert load(nli).task.hypotheses[1] == "it is very bad ."


def test_lines_and_tables_are_single_texts_although_the_model_reads_pairs(nli):
    model = load(nli)
    expected = model.predict(TEXTS)
    assert model.predict_lines(TEXTS) == expected
    assert model.predict([{"text": text} for text in TEXTS]) == expected
    row = model.task.as_rows(expected)[0]
    assert list(row) == ["label", "score", *(f"score_{label}" for label in LABELS)]
    assert row["score"] == expected[0]["scores"][row["label"]]


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_saved_model_has_the_labels_in_its_graph(nli, tmp_path, multi_label):
    config = bert_tf.ExportConfig(
        model=nli,
        task="zero_shot",
        output_dir=str(tmp_path / "served"),
        labels=",".join(LABELS),
        multi_label_scores=multi_label,
    )
    report = bert_tf.export(config)
    assert report["agreement"] == 1.0 and report["max_abs_difference"] < 1e-5
    with pytest.raises(ValueError, match="zero_shot has no form of numbers alone"):
        bert_tf.export(
            bert_tf.ExportConfig(
                model=nli,
                task="zero_shot",
                output_dir=str(tmp_path / "phone"),
                labels="a,b",
                format="tflite",
            )
        )
    assert not (tmp_path / "phone").exists()


def test_it_cannot_be_trained():
    assert TASKS["zero_shot"] is find_task("zero_shot") is ZeroShot
    with pytest.raises(ValueError, match="received 'zero_shot'"):
        find_task("zero_shot", scored=True)


class TestBadInput:
    @pytest.mark.parametrize(
        ("labels", "options", "message"),
        [
            ("", {}, "labels must name what zero_shot chooses from; received ''"),
            ("a,,b", {}, "labels must name .*; received 'a', '', 'b'. Pass them with"),
            ("a,b, a", {}, "labels names 'a' twice; drop one"),
            (
                "a,b",
                {"hypothesis_template": "It is so."},
                "hypothesis_template must have {}, .*; received 'It is so.'. Try",
            ),
            ("a,b", {"abstain_below": 0.5}, "abstain_below is not an option of zero"),
        ],
    )
    def test_options(self, nli, labels, options, message):
        with pytest.raises(ValueError, match=message):
            load(nli, labels, **options)

    @pytest.mark.parametrize(
        ("labels", "received"),
        [
            (["0", "1", "2"], "received '0', '1', '2'. .* write the names .* id2label"),
            (["pos", "not_entailment"], "received 'pos', 'not_entailment'"),
            (["entails", "entailment"], "received 'entails', 'entailment'"),
        ],
    )
    def test_a_model_without_entailment(self, tmp_path, labels, received):
        with pytest.raises(ValueError, match=f"is called entailment; {received}"):
            load(write(tmp_path / "model", labels))

    def test_a_model_without_contradiction(self, tmp_path):
        path = write(tmp_path / "model", ["entailment", "neutral", "unknown"])
        load(path)
        for labels, options in (("a", {}), ("a,b", {"multi_label_scores": True})):
            with pytest.raises(ValueError, match="'entailment', 'neutral', 'unknown'"):
                load(path, labels, **options)

    def test_a_model_of_another_task(self, tmp_path):
        labels = ["entailment", "contradiction"]
        path = write(tmp_path / "own", labels, task="multi_label")
        with pytest.raises(ValueError, match="the folder holds a model of multi_label"):
            load(path)
        path = write(tmp_path / "tags", labels, "BertForTokenClassification")
        with pytest.raises(ValueError, match="of BertForTokenClassification. Choose"):
            load(path)

    def test_texts(self, nli):
        model = load(nli)
        with pytest.raises(
            ValueError, match="standard input, line 2: the text is empty"
        ):
            model.predict_lines(["good", " "])
        with pytest.raises(ValueError, match="but the records are pairs"):
            model.predict([("good", "bad")])

    def test_an_encoder_alone_says_nothing_of_entailment(self, tmp_path):
        tiny_folder.write(tmp_path / "bert")
        with pytest.raises(ValueError, match="the folder holds a model of BertModel"):
            load(str(tmp_path / "bert"))


def test_the_command(nli):
    from bert_tf.run.prediction import PredictConfig, as_line, predict

    config = PredictConfig(model=nli, task="zero_shot", labels="good,bad")
    (line,) = map(as_line, predict(config, ["a fine film"]))
    assert json.loads(line)["scores"].keys() == {"good", "bad"}
