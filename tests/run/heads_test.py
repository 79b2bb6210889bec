"""Tasks of words, spans, choices and pairs, with a model of one layer."""

import dataclasses
import itertools
import json
import pathlib
import shutil

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.checkpoints import formats, sentence_transformers
from bert_tf.predictor import Model
from bert_tf.retrieval import searching
from bert_tf.training.loop import TrainConfig

TRAINING = TrainConfig(
    num_train_epochs=24,
    per_device_train_batch_size=4,
    learning_rate=2e-2,
    eval_strategy="steps",
    eval_steps=30,
)
GOOD, BAD = ("good", "fine"), ("bad", "poor")
BEGINS = ("the film is", "it was", "a very", "film , it is")


def finetune(name, task, content, **changes):
    path = pathlib.Path(name)
    path.write_text(content, encoding="utf-8")
    config = {
        "model": "start",
        "task": task,
        "train_file": name,
        "eval_file": name,
        "max_seq_length": 20,
        "output_dir": path.stem,
    }
    return bert_tf.finetune(bert_tf.FinetuneConfig(**config | changes), TRAINING)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        yield pathlib.Path.cwd()


@pytest.fixture(scope="module")
def tagged():
    lines = []
    for begin in BEGINS:
        for kind, words in (("up", GOOD), ("down", BAD)):
            for word in words:
                lines += [f"{w} O" for w in begin.split()]
                lines += [f"very B-{kind}", f"{word} I-{kind}", ". O", ""]
    return finetune("tagged.txt", "token_classification", "\n".join(lines))


@pytest.fixture(scope="module")
def answered():
    questions = []
    for number, begin in enumerate(BEGINS):
        for word in (*GOOD, *BAD):
            context = f"{begin} {word} ."
            answer = {"text": word, "answer_start": context.index(word)}
            qas = [{"id": f"{number}", "question": "is it ?", "answers": [answer]}]
            questions.append({"context": context, "qas": qas})
    content = json.dumps({"data": [{"paragraphs": questions}]})
    return finetune("answered.json", "question_answering", content, doc_stride=2)


@pytest.fixture(scope="module")
def chosen():
    lines = []
    for begin in BEGINS:
        for up in GOOD:
            for down in BAD:
                for label in (0, 1):
                    choices = [up, down] if label == 0 else [down, up]
                    fields = {"question": begin, "choices": choices, "label": label}
                    lines.append(json.dumps(fields))
    return finetune("chosen.jsonl", "multiple_choice", "\n".join(lines))


def scores_of(metrics):
    """Returns the metrics that evaluation must reproduce."""
    return {
        name: value
        for name, value in metrics.items()
        if name.startswith("eval_") and isinstance(value, float)
    }


def evaluated(name, file):
    return scores_of(
        bert_tf.evaluate(bert_tf.EvaluateConfig(model=name, eval_file=file))
    )


class TestTokenClassification:
    def test_learns(self, tagged):
        assert tagged["eval_f1"] > 0.9
        assert tagged["eval_per_type"]["up"]["support"] == 8

    def test_evaluates_and_predicts(self, tagged):
        assert evaluated("tagged", "tagged.txt") == pytest.approx(
            scores_of(tagged), abs=1e-4
        )
        config = bert_tf.PredictConfig(model="tagged")
        first, second = bert_tf.predict(config, ["It was very  good.", "the film"])
        (entity,) = first["entities"]
        assert entity["text"] == "very  good"
        assert (entity["start"], entity["end"], entity["type"]) == (7, 17, "up")
        assert 0.3 < entity["score"] <= 1
        assert second == {"entities": []}
        (third,) = bert_tf.predict(
            config, ['{"tokens": ["it", "was", "very", "bad", "."]}']
        )
        assert [e["text"] for e in third["entities"]] == ["very bad"]

    def test_the_folder_is_of_transformers_class(self, tagged):
        config = json.loads(pathlib.Path("tagged/config.json").read_text())
        assert config["architectures"] == ["BertForTokenClassification"]
        assert config["id2label"]["0"] == "O"
        names = formats.read_safetensors(pathlib.Path("tagged/model.safetensors"))
        assert {"classifier.weight", "classifier.bias"} <= names.keys()
        assert not any("pooler" in name for name in names)
        card = pathlib.Path("tagged/README.md").read_text()
        assert "pipeline_tag: token-classification\n" in card
        assert "| f1 | " in card

    def test_the_class_of_transformers_tells_the_task(self, tagged, caplog):
        config = json.loads(pathlib.Path("tagged/config.json").read_text())
        del config["bert_tf"]
        for name in ("model.safetensors", "vocab.txt", "tokenizer_config.json"):
            pathlib.Path("theirs").mkdir(exist_ok=True)
            data = pathlib.Path("tagged", name).read_bytes()
            pathlib.Path("theirs", name).write_bytes(data)
        pathlib.Path("theirs/config.json").write_text(json.dumps(config))
        assert evaluated("theirs", "tagged.txt") == pytest.approx(
            scores_of(tagged), abs=1e-4
        )
        assert "pooler" not in caplog.text


class TestQuestionAnswering:
    def test_learns(self, answered):
        assert answered["eval_exact_match"] > 0.9
        assert answered["eval_f1"] >= answered["eval_exact_match"]

    def test_evaluates_and_predicts(self, answered):
        assert evaluated("answered", "answered.json") == pytest.approx(
            scores_of(answered), abs=1e-4
        )
        context = "It was  Poor, it is."
        question = {"question": "is it ?", "context": context}
        (prediction,) = bert_tf.predict(
            bert_tf.PredictConfig(model="answered"), [json.dumps(question)]
        )
        start, end = prediction["start"], prediction["end"]
        assert prediction["answer"] == context[start:end] == "Poor"
        assert 0 < prediction["score"] <= 1
        config = bert_tf.PredictConfig(model="answered", top_k=3)
        (prediction,) = bert_tf.predict(config, [json.dumps(question)])
        assert len(prediction["n_best"]) == 3
        assert prediction["n_best"][0]["answer"] == "Poor"

    def test_the_folder_is_of_transformers_class(self, answered):
        config = json.loads(pathlib.Path("answered/config.json").read_text())
        assert config["architectures"] == ["BertForQuestionAnswering"]
        assert config["bert_tf"]["doc_stride"] == 2
        names = formats.read_safetensors(pathlib.Path("answered/model.safetensors"))
        assert {"qa_outputs.weight", "qa_outputs.bias"} <= names.keys()
        assert not any("pooler" in name for name in names)

    def test_questions_are_predicted_from_their_file(self, answered):
        config = bert_tf.PredictConfig(model="answered", input_file="answered.json")
        predictions = bert_tf.predict(config)
        assert len(predictions) == 16
        assert predictions[0]["answer"] == "good"


class TestMultipleChoice:
    def test_learns(self, chosen):
        assert chosen["eval_accuracy"] > 0.9

    def test_evaluates_and_predicts(self, chosen):
        assert evaluated("chosen", "chosen.jsonl") == pytest.approx(
            scores_of(chosen), abs=1e-4
        )
        question = {"question": "it is", "choices": ["bad", "poor", "fine"]}
        (prediction,) = bert_tf.predict(
            bert_tf.PredictConfig(model="chosen"), [json.dumps(question)]
        )
        assert prediction["choice"] == "fine"
        assert sum(prediction["scores"]) == pytest.approx(1)

    def test_the_folder_is_of_transformers_class(self, chosen):
        config = json.loads(pathlib.Path("chosen/config.json").read_text())
        assert config["architectures"] == ["BertForMultipleChoice"]


def pairs():
    """Yields pairs of texts; those of one mood are similar."""
    words = {"up": GOOD, "down": BAD}
    for begin, other in itertools.pairwise(BEGINS):
        for first, firsts in words.items():
            for second, seconds in words.items():
                for a in firsts:
                    for b in seconds:
                        label = 5 if first == second else 0
                        yield f"{begin} {a}", f"{other} {b}", label


@pytest.fixture(scope="module")
def alike():
    lines = ["sentence1\tsentence2\tlabel"]
    lines += [f"{a}\t{b}\t{label}" for a, b, label in pairs()]
    return finetune("alike.tsv", "similarity", "\n".join(lines))


class TestSimilarity:
    def test_learns(self, alike):
        assert alike["eval_spearman"] > 0.8  # Ties: labels are 0 or 5.

    def test_evaluates_and_predicts(self, alike):
        assert evaluated("alike", "alike.tsv") == pytest.approx(
            scores_of(alike), abs=1e-4
        )
        config = bert_tf.PredictConfig(model="alike")
        first, second = bert_tf.predict(config, ["it was fine\ta very good", "a\tpoor"])
        assert first["similarity"] > 0.5
        lines = ['{"text": "it was fine"}', '{"text": "a very good"}']
        table = [
            prediction["embedding"]
            for prediction in Model("alike").predict(
                [json.loads(line) for line in lines]
            )
        ]
        assert np.shape(table) == (2, 12)
        assert np.dot(*table) == pytest.approx(first["similarity"], abs=1e-5)
        assert second.keys() == {"similarity"}

    def test_the_folder_is_of_sentence_transformers(self, alike):
        modules = json.loads(pathlib.Path("alike/modules.json").read_text())
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        assert kinds == ["Transformer", "Pooling", "Normalize"]
        config = json.loads(pathlib.Path("alike/config.json").read_text())
        assert config["architectures"] == ["BertModel"]
        assert pathlib.Path("alike/2_Normalize").is_dir()

    @pytest.mark.slow
    def test_the_folder_to_start_from_decides_the_pooling(self):
        shutil.copytree("start", "first")
        sentence_transformers.write(
            pathlib.Path("first"),
            {"pooling": "cls", "normalize": False, "max_seq_length": 20},
            12,
        )
        lines = ["text\ttext_pair\tlabel", "it was\tgood\t1", "a film\tbad\t0"]
        finetune("cls.tsv", "similarity", "\n".join(lines), model="first")
        written = json.loads(pathlib.Path("cls/1_Pooling/config.json").read_text())
        assert [name for name in written if written[name] is True] == [
            "pooling_mode_cls_token"
        ]
        (prediction,) = Model("cls").predict(["it was good"])
        batch = bert_tf.BertTokenizer.from_pretrained("cls")("it was good")
        states = bert_tf.BertBackbone.from_pretrained("cls")(batch)["sequence_output"]
        np.testing.assert_allclose(prediction["embedding"], states[0, 0], atol=1e-5)

    def test_pairs_without_labels(self):
        metrics = finetune(
            "together.tsv",
            "similarity",
            "\n".join(
                ["text\ttext_pair"]
                + [f"{b} {w}\t{w}" for b in BEGINS[:2] for w in (*GOOD, *BAD)]
            ),
            similarity_loss="negatives",
        )
        assert metrics["eval_mrr"] > 0.6  # Of two equal texts either may be first.
        assert metrics["eval_recall_at_5"] == 1.0

    @pytest.mark.slow
    def test_pairs_without_labels_in_micro_batches(self):
        training = dataclasses.replace(
            TRAINING, per_device_train_batch_size=2, gradient_accumulation_steps=2
        )
        config = bert_tf.FinetuneConfig(
            model="start",
            task="similarity",
            similarity_loss="negatives",
            train_file="together.tsv",
            eval_file="together.tsv",
            max_seq_length=20,
            output_dir="parts",
        )
        assert bert_tf.finetune(config, training)["eval_mrr"] > 0.6

    def test_searches(self, alike):
        pathlib.Path("corpus.txt").write_text(
            "it was good .\nthe film is poor\na fine\n"
        )
        config = bert_tf.SearchConfig(model="alike", corpus_file="corpus.txt", top_k=2)
        first, second = searching.search(config, ["very fine", "the film is poor"])
        assert {text["line"] for text in first} == {1, 3}
        assert first[0]["score"] >= first[1]["score"]
        assert second[0]["text"] == "the film is poor"
        assert second[0]["score"] == pytest.approx(1, abs=1e-5)

    def test_a_query_without_words_is_an_error(self):
        config = bert_tf.SearchConfig(model="alike", corpus_file="corpus.txt")
        for queries in ([], [" "]):
            with pytest.raises(ValueError, match="query must have words"):
                searching.search(config, queries)


def test_tagged_words_do_not_come_from_tfds():
    config = bert_tf.FinetuneConfig(
        model="start",
        tfds="glue/sst2",
        task="token_classification",
        max_seq_length=20,
        output_dir="no",
    )
    with pytest.raises(ValueError, match="this task needs more"):
        bert_tf.finetune(config, dataclasses.replace(TRAINING))
    assert not pathlib.Path("no").exists()


def test_an_option_of_questions_is_not_for_others():
    with pytest.raises(
        ValueError, match="doc_stride is not an option of classification"
    ):
        bert_tf.FinetuneConfig(model="m", train_file="f", output_dir="o", doc_stride=9)
