"""transformers (and sentence-transformers) load what was fine-tuned here, head and all.

These ask the libraries themselves, where they are installed; heads_test.py and
embeddings_test.py compare with what they computed before.
"""

import itertools
import json
import pathlib
import shutil

import numpy as np
import pytest
import tiny_architectures
import tiny_folder

import bert_tf
from bert_tf import Model

pytestmark = pytest.mark.slow
TRAINING = bert_tf.TrainConfig(
    max_steps=3,
    per_device_train_batch_size=4,
    learning_rate=1e-2,
    eval_strategy="no",
)
FILES = {
    "token_classification": "it O\nwas O\nvery B-up\ngood I-up\n\na B-down\nfilm O\n\n",
    "question_answering": json.dumps(
        {
            "question": "is it ?",
            "context": "the film is good .",
            "answers": [{"text": "good", "answer_start": 12}],
        }
    ),
    "multiple_choice": json.dumps(
        {"question": "it was", "choices": ["good", "bad", "a film"], "label": 0}
    ),
    "reranking": json.dumps(
        {"query": "it was", "positive": "a good film", "negatives": ["bad", "a film"]}
    ),
    "similarity": "text\ttext_pair\tlabel\nit was good\tfine\t1\nbad\tgood , fine\t0\n",
    "classification": "text\tlabel\nit was good\t1\nbad\t0\n",
    "regression": "text\tlabel\nit was good\t1.5\nbad\t0.5\n",
    "multi_label": "text\tlabel\nit was good\tx|y\nbad\ty\n",
}
CLASSES = {
    "token_classification": "AutoModelForTokenClassification",
    "question_answering": "AutoModelForQuestionAnswering",
    "multiple_choice": "AutoModelForMultipleChoice",
    "classification": "AutoModelForSequenceClassification",
    "regression": "AutoModelForSequenceClassification",
    "multi_label": "AutoModelForSequenceClassification",
}
STARTS = {"distilbert": "ForMaskedLM", "electra": "ForPreTraining"}
TEXTS = ["the film is good .", "it was a very bad film , was it ?"]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("bert")
        for kind, name in STARTS.items():
            tiny_architectures.write(kind, kind, name)
        for kind, task in itertools.product(("bert", *STARTS), FILES):
            content = FILES[task]
            suffix = ".jsonl" if content[0] == "{" else ".tsv"
            path = pathlib.Path(task).with_suffix(suffix)
            path.write_text(content)
            config = bert_tf.FinetuneConfig(
                model=kind,
                task=task,
                train_file=str(path),
                max_seq_length=20,
                output_dir=f"tuned/{kind}/{task}",
                **({"label_separator": "|"} if task == "multi_label" else {}),
            )
            bert_tf.finetune(config, TRAINING)
        patch.chdir("tuned")
        yield pathlib.Path.cwd()


@pytest.mark.parametrize("kind", ["bert", *STARTS])
@pytest.mark.parametrize("task", CLASSES)
def test_same_outputs(kind, task):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    path = f"{kind}/{task}"
    theirs, report = getattr(transformers, CLASSES[task]).from_pretrained(
        path, output_loading_info=True
    )
    assert theirs.config.model_type == kind
    assert not any(report.values()), report  # Missing, unexpected, of another shape.
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    if task == "multiple_choice":
        encoded = tokenizer(["it was"] * 3, ["good", "bad", "a film"], padding=True)
        inputs = {name: torch.tensor([x]) for name, x in encoded.items()}
    else:
        encoded = tokenizer(TEXTS, padding=True)
        inputs = {name: torch.tensor(x) for name, x in encoded.items()}
    with torch.no_grad():
        expected = theirs.eval()(**inputs)
    mask = np.array(encoded["attention_mask"])
    batch = {
        "input_ids": np.array(encoded["input_ids"]),
        "input_mask": mask,
        "segment_ids": np.array(encoded.get("token_type_ids", np.zeros_like(mask))),
        "places": np.where(mask, np.arange(mask.shape[1]), -1),
    }
    batch = {name: np.asarray(x, np.int32) for name, x in batch.items()}
    if task == "multiple_choice":
        batch["choices"] = np.arange(3, dtype=np.int32)[None]
    model = Model(path)
    outputs = list(model.task.named(model.keras_model(batch)).values())
    logits = np.stack(outputs, axis=2) if len(outputs) == 2 else outputs[0].numpy()
    if task == "question_answering":
        sides = (expected.start_logits, expected.end_logits)
        expected = np.stack([side.numpy() for side in sides], axis=-1)[mask == 1]
        logits = logits[mask == 1]
    elif task == "token_classification":
        expected, logits = expected.logits.numpy()[mask == 1], logits[mask == 1]
        assert theirs.config.id2label[0] == "O"
    else:
        expected = expected.logits.numpy()
    np.testing.assert_allclose(logits, expected, atol=2e-5)


@pytest.mark.parametrize("kind", ["bert", *STARTS])
def test_same_embeddings(kind):
    library = pytest.importorskip("sentence_transformers")
    path = f"{kind}/similarity"
    model = library.SentenceTransformer(path, device="cpu")
    expected = model.encode(TEXTS)
    found = [answer["embedding"] for answer in Model(path).predict(TEXTS)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert model.max_seq_length == 20


@pytest.mark.parametrize("kind", ["bert", *STARTS])
@pytest.mark.parametrize("activation", ["sigmoid", "identity"])
def test_same_ranking(kind, activation, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    path = tmp_path / "model"
    shutil.copytree(f"{kind}/reranking", path)
    if activation == "identity":
        model = bert_tf.Classifier.from_pretrained(str(path))
        model.backbone.folder.settings["activation"] = activation
        shutil.rmtree(path)
        model.save_pretrained(path)
    model = library.CrossEncoder(str(path), device="cpu")
    assert model.max_seq_length == 20
    record = {"query": "is it ?", "passages": [*TEXTS, "", "a very good film . " * 9]}
    expected = model.predict([("is it ?", passage) for passage in record["passages"]])
    (prediction,) = Model(path).predict([record])
    scores = {x["index"]: x["score"] for x in prediction["ranking"]}
    np.testing.assert_allclose([scores[n] for n in range(4)], expected, atol=1e-5)
