"""DistilBERT and ELECTRA: their folders give the outputs of transformers, train, and are written.

fixtures/make_architectures.py computed the expected values.
"""

import dataclasses
import json
import pathlib
import re
import shutil

import numpy as np
import plain_update
import pytest
import tensorflow as tf
import tiny_architectures
from reference import ACTIVATIONS
from tiny_folder import VOCAB

import bert_tf
from bert_tf import Model
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats, layouts
from bert_tf.compression import pruning, teachers
from bert_tf.config import BertConfig, read_config
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.run import converting
from bert_tf.run.finetuning import FinetuneConfig, finetune
from bert_tf.tasks.classification import Classification
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tokenization import BertTokenizer
from bert_tf.training.loop import TrainConfig

EXPECTED = tiny_architectures.expected()
KINDS = ("distilbert", "electra", "electra_wide")
TASKS = {  # {class without prefix: key of the outputs}.
    "ForSequenceClassification": "logits",
    "ForTokenClassification": "logits",
    "ForMultipleChoice": "logits",
    "ForQuestionAnswering": None,
    "ForMaskedLM": "masked_lm_logits",
    "Model": "sequence_output",
}
MASK = np.array(EXPECTED["batch"]["attention_mask"])
TEXTS = {"text": ["the film is good .", "it was a [MASK] bad"]}
PAIRS = TEXTS | {"text_pair": ["was it ?", "fine"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        for kind in KINDS:
            for name in EXPECTED[kind]:
                tiny_architectures.write(f"{kind}/{name}", kind, name)
        lines = ["text\tlabel", "it was good\tup", "bad film\tdown", "fine\tup"]
        pathlib.Path("train.tsv").write_text("\n".join(lines) + "\n")
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def _home(home):
    """Runs each test in the folder with all models."""


def outputs_of(path, name):
    """Returns what bert_tf computes of the batch of the fixture, without padding."""
    batch = {
        "input_ids": np.array(EXPECTED["batch"]["input_ids"], np.int32),
        "input_mask": MASK.astype(np.int32),
        "segment_ids": np.array(EXPECTED["batch"]["token_type_ids"], np.int32),
        "places": np.where(MASK, np.arange(MASK.shape[1]), -1).astype(np.int32),
        "choices": np.array([[0, 1]], np.int32),
        "masked_lm_positions": np.tile(
            np.arange(MASK.shape[1], dtype=np.int32), (2, 1)
        ),
    }
    if name == "Model":
        found = bert_tf.BertBackbone.from_pretrained(path)(batch)["sequence_output"]
    elif name == "ForMaskedLM":
        model = bert_tf.BertPretrainer.from_pretrained(path)
        assert not model._difference(layouts.read_arrays(path))
        found = np.reshape(model(batch)["masked_lm_logits"], (*MASK.shape, -1))
    else:
        model = Model(path)
        found = model.task.named(model.keras_model(batch))
        sides = [found[f"{side}_logits"] for side in ("start", "end") if len(found) > 1]
        found = np.stack(sides, axis=-1) if sides else found["logits"]
    return without_padding(np.asarray(found))


def without_padding(outputs):
    return outputs[MASK == 1] if outputs.shape[:2] == MASK.shape else outputs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TASKS)
def test_outputs_of_transformers(kind, name):
    expected = without_padding(np.array(EXPECTED[kind][name]["outputs"]))
    found = outputs_of(f"{kind}/{name}", name)
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", ["electra", "electra_wide"])
def test_the_states_of_a_discriminator(kind):
    path = f"{kind}/ForPreTraining"
    arrays = layouts.read_arrays(path)
    states = outputs_of(path, "Model")

    def dense(name, x):
        scope = f"discriminator_predictions/{name}"
        return x @ arrays[f"{scope}/kernel"] + arrays[f"{scope}/bias"]

    act = ACTIVATIONS[read_config(path).hidden_act]
    found = dense("dense_prediction", act(dense("dense", states)))[:, 0]
    expected = without_padding(np.array(EXPECTED[kind]["ForPreTraining"]["outputs"]))
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in KINDS[:2] for name in TASKS),
        *(("electra", "ForPreTraining"), ("electra_wide", "Model")),
    ],
)
def test_written_as_transformers_wrote_it(kind, name):
    path, copy = f"{kind}/{name}", f"{kind}/{name}_copy"
    report = converting.convert(converting.ConvertConfig(input=path, output=copy))
    written = json.loads(pathlib.Path(copy, "config.json").read_text())
    given = EXPECTED[kind][name]["config"]
    assert {key: written.get(key) for key in given} == given
    assert [report["architecture"]] == given["architectures"]
    assert report["max_abs_difference"] == 0
    assert_same_files(path, copy)
    options = json.loads(pathlib.Path(copy, "tokenizer_config.json").read_text())
    prefix = given["architectures"][0].removesuffix(name)
    assert options["tokenizer_class"] == f"{prefix}Tokenizer"


def assert_same_files(path, copy):
    """Asserts that two folders have the same arrays under the same names."""
    before, after = (
        {
            # transformers leaves the scope out where there is nothing beside it.
            re.sub(r"^(distilbert|electra)\.", "", key): array
            for key, array in formats.read_safetensors(
                pathlib.Path(p, "model.safetensors")
            ).items()
        }
        for p in (path, copy)
    )
    assert before.keys() == after.keys()
    for key, array in before.items():
        np.testing.assert_array_equal(array, after[key])


@pytest.mark.parametrize("kind", ["distilbert", "electra"])
@pytest.mark.parametrize(
    ("name", "kind_of_model"),
    [
        ("ForSequenceClassification", "Classifier"),
        ("ForTokenClassification", "TokenClassifier"),
        ("ForQuestionAnswering", "SpanPredictor"),
        ("ForMultipleChoice", "ChoiceScorer"),
        ("ForMaskedLM", "BertPretrainer"),
        ("ForMaskedLM", "MaskFiller"),
        ("Model", "BertBackbone"),
        ("Model", "Embedder"),
    ],
)
def test_models_are_saved_as_transformers_saves_them(kind, name, kind_of_model):
    path, copy = f"{kind}/{name}", f"{kind}/{kind_of_model}"
    model = getattr(bert_tf, kind_of_model).from_pretrained(path)
    model.save_pretrained(copy)
    given = EXPECTED[kind][name]["config"]["architectures"]
    written = json.loads(pathlib.Path(copy, "config.json").read_text())
    assert written["architectures"] == given
    assert_same_files(path, copy)


def without_dropout(path):
    config = folders.read(pathlib.Path(path)).config
    rates = [
        *("hidden_dropout_prob", "attention_probs_dropout_prob"),
        *("classifier_dropout", "qa_dropout"),
    ]
    return dataclasses.replace(config, **dict.fromkeys(rates, 0.0))


def classification(tokenizer):
    options = Classification.Options(max_seq_length=24)
    task = Classification(tokenizer, options, labels="abc")
    columns = {name: tf.constant(texts) for name, texts in PAIRS.items()}
    return task, task.features(columns | {"label": tf.constant([0, 2])})


def question_answering(tokenizer):
    options = QuestionAnswering.Options(max_seq_length=24)
    task = QuestionAnswering(tokenizer, options)
    records = [
        {"id": str(n), "question": question, "context": context}
        for n, (question, context) in enumerate(zip(*PAIRS.values()))
    ]
    examples = task.examples(task.columns(Table("texts", records, [1, 2], {}, "")))
    examples["label"] = np.array([[7, 7], [7, 7]], np.int32)
    return task, task.features(task.inputs(examples))


@pytest.mark.parametrize(
    "kind", [*KINDS[:2], pytest.param(KINDS[2], marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("ForSequenceClassification", classification),
        ("ForQuestionAnswering", question_answering),
    ],
)
def test_fine_tuning_losses_of_transformers(kind, name, make):
    path = f"{kind}/{name}"
    task, features = make(BertTokenizer(VOCAB, keep_special_tokens=True))
    model = task.build(BertBackbone(without_dropout(path)))
    folders.load_weights(path, model)
    expected = EXPECTED[kind][name]["losses"]
    update = plain_update.make(model, task, 3e-3)
    batches = tf.data.Dataset.from_tensors(pack(features)).repeat()
    iterator = iter(batches)
    losses = [float(update(iterator)["loss"]) for _ in expected]
    np.testing.assert_allclose(losses, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "kind", [pytest.param("distilbert", marks=pytest.mark.slow), "electra"]
)
def test_fine_tuning_writes_a_folder_of_the_same_architecture(kind):
    start = "ForMaskedLM" if kind == "distilbert" else "ForPreTraining"
    config = FinetuneConfig(
        model=f"{kind}/{start}",
        train_file="train.tsv",
        output_dir=f"{kind}/tuned",
        max_seq_length=16,
    )
    training = TrainConfig(max_steps=2, eval_strategy="no", layerwise_lr_decay=0.9)
    finetune(config, training)
    given = EXPECTED[kind]["ForSequenceClassification"]
    written = json.loads(pathlib.Path(f"{kind}/tuned/config.json").read_text())
    assert written["architectures"] == given["config"]["architectures"]
    file = pathlib.Path(f"{kind}/tuned/model.safetensors")
    assert formats.read_shapes(file).keys() == given["shapes"].keys()
    assert Model(f"{kind}/tuned").predict(["fine"])[0]["label"] in ("up", "down")


@pytest.mark.parametrize("kind", ["distilbert", "electra"])
def test_pruned_and_read_again(kind):
    path = pathlib.Path(f"{kind}/ForSequenceClassification")
    folder, arrays = folders.read(path), layouts.read_arrays(path)
    heads, units = [[0, 1, 2], [1]], [list(range(14)), list(range(0, 14, 2))]
    smaller, config = pruning.prune(arrays, folder.config, heads, units)
    assert config.peculiarity
    folders.write_arrays(
        pathlib.Path(f"{kind}/pruned"),
        smaller,
        dataclasses.replace(folder, config=config),
        "BertForSequenceClassification",
    )
    again = read_config(f"{kind}/pruned")
    assert (again.model_type, again.layer_shapes) == (kind, [(3, 14), (1, 7)])
    # Removed heads and units are 0 where they enter the next layer.
    for name, columns in (("attention/output", range(4, 8)), ("output", units[1])):
        kernel = arrays[f"bert/encoder/layer_1/{name}/dense/kernel"].copy()
        kernel[np.setdiff1d(np.arange(len(kernel)), columns)] = 0
        arrays[f"bert/encoder/layer_1/{name}/dense/kernel"] = kernel
    folders.write_arrays(
        pathlib.Path(f"{kind}/zeros"), arrays, folder, "BertForSequenceClassification"
    )
    name = "ForSequenceClassification"
    np.testing.assert_allclose(
        outputs_of(f"{kind}/pruned", name), outputs_of(f"{kind}/zeros", name), atol=1e-6
    )


def test_dropout_of_each_head():
    def rates(path, kind):
        model = getattr(bert_tf, kind).from_pretrained(path)
        return model.dropout.rate, model.backbone.pooler.dropout.rate

    kinds = ("Classifier", "TokenClassifier", "SpanPredictor")
    names = ("ForSequenceClassification", *list(TASKS)[1:2], "ForQuestionAnswering")
    found = {
        kind: [rates(f"{kind}/{name}", model) for name, model in zip(names, kinds)]
        for kind in ("distilbert", "electra")
    }
    assert found["distilbert"] == [(0.2, 0.0), (0.1, 0.0), (0.1, 0.0)]
    assert found["electra"] == [(0.1, 0.1), (0.1, 0.1), (0.0, 0.1)]


class TestBadFolders:
    def change(self, kind, name, *, without=(), **changes):
        path = pathlib.Path(f"{kind}/changed")
        shutil.rmtree(path, ignore_errors=True)
        tiny_architectures.write(path, kind, name, **changes)
        arrays = tiny_architectures.values(EXPECTED[kind][name]["shapes"])
        kept = {
            key: x for key, x in arrays.items() if not key.startswith(without or "?")
        }
        formats.write_safetensors(path / "model.safetensors", kept)
        return str(path)

    @pytest.mark.parametrize(
        ("kind", "without"),
        [
            ("distilbert", "pre_classifier"),
            ("electra", "classifier.dense"),
        ],
    )
    def test_a_head_without_its_first_layer(self, kind, without):
        path = self.change(kind, "ForSequenceClassification", without=without)
        with pytest.raises(ValueError, match="2 missing: bert/pooler/dense/kernel"):
            Model(path)

    def test_narrow_embeddings_that_nothing_widens(self):
        path = self.change("electra", "Model", without="electra.embeddings_project")
        arrays = formats.read_safetensors(
            pathlib.Path("electra/Model/model.safetensors")
        )
        bare = {
            k: x for k, x in arrays.items() if not k.startswith("embeddings_project")
        }
        formats.write_safetensors(pathlib.Path(path, "model.safetensors"), bare)
        with pytest.raises(ValueError, match="missing: bert/embeddings_project/kernel"):
            bert_tf.BertBackbone.from_pretrained(path)

    @pytest.mark.parametrize(
        ("kind", "changes", "message"),
        [
            ("distilbert", {"dim": 24}, "hidden_size is 24 .* but 12 in the weights"),
            ("distilbert", {"n_layers": 3}, "num_hidden_layers is 3 .* but 2"),
            (
                "distilbert",
                {"n_heads": 5},
                "multiple of num_attention_heads; .* 12 and 5",
            ),
            ("distilbert", {"activation": "silu"}, "hidden_act must be .* 'silu'"),
            ("electra", {"embedding_size": 9}, "embedding_size is 9 .* but 8"),
            ("electra", {"embedding_size": 0}, "embedding_size must be a whole number"),
            ("electra", {"summary_activation": "tanh"}, "summary_activation .* 'tanh'"),
            ("electra", {"model_type": "roberta"}, "'bert', 'distilbert', 'electra'"),
            ("electra", {"model_type": "bert"}, "'bert' .* the names of 'electra'"),
            (
                "distilbert",
                {"model_type": "bert"},
                "'bert' .* the names of 'distilbert'",
            ),
            ("electra", {"model_type": "distilbert"}, "the names of 'electra'"),
        ],
    )
    def test_a_configuration_that_does_not_fit(self, kind, changes, message):
        path = self.change(kind, "ForSequenceClassification", **changes)
        with pytest.raises(ValueError, match=message):
            Model(path)

    @pytest.mark.parametrize("task", ["", "classification", "fill_mask"])
    def test_the_head_of_a_discriminator_is_no_task(self, task):
        with pytest.raises(ValueError, match="discriminator finds replaced words"):
            Model("electra/ForPreTraining", task=task)

    @pytest.mark.parametrize("kind", ["distilbert", "electra"])
    def test_what_needs_a_bert(self, kind):
        path = f"{kind}/ForSequenceClassification"
        config = converting.ConvertConfig(path, f"{kind}/google", format="google")
        with pytest.raises(ValueError, match=f"its model_type is {kind}; drop format"):
            converting.convert(config)
        with pytest.raises(ValueError, match=f"start from a BERT; .* '{kind}'"):
            bert_tf.Bert2Bert.from_pretrained(path)
        with pytest.raises(ValueError, match=f"no head: its model_type is '{kind}'"):
            teachers.read_pretrained(path, None)


class TestConfiguration:
    def test_keys_that_no_bert_reads(self):
        values = {"embedding_size": 8, "qa_dropout": 0.1}
        assert BertConfig.from_dict(values) == BertConfig()

    @pytest.mark.parametrize("kind", KINDS)
    def test_round_trip(self, kind):
        config = read_config(f"{kind}/Model")
        assert config.model_type == kind.removesuffix("_wide")
        assert (config.hidden_size, config.num_hidden_layers) == (12, 2)
        assert config.embedding_width == (8 if kind == "electra" else 12)
        assert BertConfig.from_dict(config.to_dict()) == config
        pruned = config.with_layers([(3, 14), (1, 8)])
        assert pruned.to_dict()["model_type"] == "bert_tf"
        assert BertConfig.from_dict(pruned.to_dict()) == pruned

    def test_what_an_absent_key_means(self):
        config = BertConfig.from_dict({"model_type": "distilbert"})
        assert (config.num_hidden_layers, config.hidden_size) == (6, 768)
        assert (config.classifier_dropout, config.qa_dropout) == (0.2, 0.1)
        config = BertConfig.from_dict({"model_type": "electra"})
        assert (config.embedding_width, config.hidden_size) == (128, 256)
        assert (config.num_attention_heads, config.intermediate_size) == (4, 1024)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"embedding_size": 8}, "embedding_size is for model_type 'electra' only"),
            ({"qa_dropout": 0.1}, "qa_dropout is for model_type 'distilbert' only"),
            (
                {"model_type": "distilbert", "layer_norm_eps": 1e-6},
                "layer_norm_eps must be 1e-12",
            ),
            ({"model_type": "albert"}, "model_type must be .* received 'albert'"),
        ],
    )
    def test_fields_that_do_not_belong_together(self, values, message):
        with pytest.raises(ValueError, match=message):
            BertConfig(**values)
