"""Chinese: readers, tokens, offsets and answers on real files, with Google's vocabulary.

Tests mechanics only, because no published Chinese weights are available here.
"""

import json
import pathlib

import numpy as np
import pytest

import bert_tf
from bert_tf import Model
from bert_tf.data.records.readers import read_table
from bert_tf.data.records.squad import read_questions
from bert_tf.data.records.tagged import read_tagged
from bert_tf.tasks import TASKS
from bert_tf.tasks.classification import Classification
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tasks.token_classification import TokenClassification
from bert_tf.tokenization import BertTokenizer, read_vocab

ROOT = pathlib.Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer(read_vocab(DATA / "bert_vocabs/bert-base-chinese-vocab.txt"))


def test_answers_of_cmrc_align_with_tokens(tokenizer, caplog):
    table = read_questions(DATA / "cmrc2018/cmrc2018_dev.json")
    assert "answers are not where the file says" in caplog.text
    assert len(table.records) == 3219
    task = QuestionAnswering(tokenizer, QuestionAnswering.Options(max_seq_length=384))
    columns = task.columns(table)
    examples = task.examples(columns)
    assert examples["first"].nrows() > 3219  # Long contexts have several windows.
    exact, aligned = 0, set()
    first = examples["first"].row_lengths().numpy()
    for number, (begin, end) in enumerate(examples["label"]):
        if not begin:
            continue
        record = examples["record"][number]
        spans = examples["spans"][number]
        shift = first[number] + 2
        start, after = spans[begin - shift, 0], spans[end - shift, 1]
        span = columns["context"][record][start:after]
        answer = next(a for a in columns["answers"][record] if a["start"] is not None)
        # A token, such as a number or an English word, may be longer than the answer.
        assert answer["text"] in span
        exact += span == answer["text"]
        aligned.add(record)
    assert len(aligned) > 0.995 * 3219
    assert exact > 0.98 * np.count_nonzero(examples["label"][:, 0])


def test_perfect_answers_to_cmrc_score_one(tokenizer):
    """Logits that point at the labels give these answers, also through windows."""
    table = read_questions(DATA / "cmrc2018/cmrc2018_dev.json")
    options = QuestionAnswering.Options(max_seq_length=512, max_answer_length=400)
    task = QuestionAnswering(tokenizer, options)
    columns = {name: array[:300] for name, array in task.columns(table).items()}
    examples = task.examples(columns)
    outputs = []
    for number, label in enumerate(examples["label"]):
        length = (
            examples["first"][number].shape[0] + examples["second"][number].shape[0]
        )
        logits = np.zeros([length + 3, 2])
        # A window without the answer must give a higher score to "no answer".
        logits[label, [0, 1]] = 30 if label[0] else 60
        outputs.append(logits)
    outputs = {
        "start_logits": [logits[:, 0] for logits in outputs],
        "end_logits": [logits[:, 1] for logits in outputs],
    }
    scores = task.score(columns, task.collect(columns, examples, outputs))
    assert scores["exact_match"] > 0.97
    assert scores["f1"] > 0.99


def test_each_character_of_msra_has_its_tag(tokenizer):
    table = read_tagged(DATA / "msra_ner/dev.txt")
    assert len(table.records) == 2318
    tags = {tag for record in table.records for tag in record["tags"]}
    options = TokenClassification.Options(max_seq_length=64)
    task = TokenClassification(tokenizer, options, labels=sorted(tags))
    columns = task.columns(table)
    examples = task.examples(columns)
    assert examples["pieces"].nrows() > 2318
    outputs = [30.0 * np.eye(len(tags))[ids] for ids in examples["label"].to_list()]
    predictions = task.collect(columns, examples, {"logits": outputs})
    scores = task.score(columns, predictions)
    assert scores["f1"] == scores["accuracy"] == 1.0
    assert set(scores["per_type"]) == {"LOC", "ORG", "PER"}
    predictions = task.predict(predictions, columns)
    for text, prediction in zip(columns["text"], predictions):
        for entity in prediction["entities"]:
            assert entity["text"] == text[entity["start"] : entity["end"]]


@pytest.mark.parametrize(
    ("path", "rows", "labels", "pairs"),
    [
        ("chnsenticorp/dev.tsv", 1200, ["0", "1"], False),
        ("xnli_zh/dev.tsv", 2490, ["contradiction", "entailment", "neutral"], True),
    ],
)
def test_labelled_texts(tokenizer, path, rows, labels, pairs):
    table = read_table(DATA / path)
    assert len(table.records) == rows
    task = Classification.learn(tokenizer, table, Classification.Options())
    assert task.labels == labels
    columns = task.columns(table)
    assert ("text_pair" in columns) == pairs
    examples = task.features({name: array[:256] for name, array in columns.items()})
    ids = examples["input_ids"].values.numpy()
    assert np.mean(ids == tokenizer.vocab.index("[UNK]")) < 0.01
    assert np.max(examples["segment_ids"].values) == int(pairs)


@pytest.fixture
def chinese(tmp_path, monkeypatch):
    """Returns a folder with the recipe's small configuration and the vocabulary."""
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path("start")
    folder.mkdir()
    config = (ROOT / "recipes/bert_tiny_chinese/config.json").read_bytes()
    (folder / "config.json").write_bytes(config)
    vocab = (DATA / "bert_vocabs/bert-base-chinese-vocab.txt").read_bytes()
    (folder / "vocab.txt").write_bytes(vocab)
    return str(folder)


@pytest.mark.slow
def test_tags_and_answers_can_be_memorized(chinese):
    lines = (DATA / "msra_ner/dev.txt").read_text(encoding="utf-8").split("\n\n")[:32]
    pathlib.Path("words.txt").write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    squad = json.loads((DATA / "cmrc2018/cmrc2018_dev.json").read_text("utf-8"))
    squad["data"] = squad["data"][:6]
    pathlib.Path("answers.json").write_text(json.dumps(squad))
    training = bert_tf.TrainConfig(
        num_train_epochs=60,
        per_device_train_batch_size=8,
        learning_rate=1e-3,
        eval_strategy="no",
    )
    for task, name in (
        ("token_classification", "words.txt"),
        ("question_answering", "answers.json"),
    ):
        metrics = bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model=chinese,
                from_scratch=True,
                task=task,
                train_file=name,
                eval_file=name,
                max_seq_length=256,
                output_dir=task,
            ),
            training,
        )
        assert TASKS[task].metric == "f1"
        assert metrics["eval_f1"] > 0.7
    model = Model("question_answering")
    paragraph = squad["data"][0]["paragraphs"][0]
    question = {
        "question": paragraph["qas"][0]["question"],
        "context": paragraph["context"],
    }
    (answer,) = model.predict([question])
    assert answer["answer"] == paragraph["context"][answer["start"] : answer["end"]]
