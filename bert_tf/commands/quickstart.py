"""Fine-tunes a real BERT on messages to an online shop, and predicts for three.

bert-tf quickstart

Takes a minute or two on two cores and downloads nothing. The model folder, with its
pictures, is quickstart_model (--output_dir).
"""

import csv
import dataclasses
import pathlib

from bert_tf import report
from bert_tf.commands import flags
from bert_tf.ground import setting
from bert_tf.predictor import Model
from bert_tf.run.finetuning import FinetuneConfig, finetune
from bert_tf.training.config import TrainConfig

DATA = pathlib.Path(__file__).parent / "customer_messages"
MESSAGES = (
    "The courier says he rang, but I sat at home all day and nobody came.",
    "You took 30 euros off my card for an order I had cancelled before it shipped.",
    "Does the small backpack fit under an airline seat?",
)


@dataclasses.dataclass(frozen=True)
class QuickstartConfig:
    output_dir: str = setting("quickstart_model", "Model folder to write.")


def define():
    flags.define(QuickstartConfig)


def read_messages(name):
    with open(DATA / name, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def word_count_accuracy():
    """Returns the test accuracy of logistic regression on TF-IDF, which counts words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        LogisticRegression(C=10, max_iter=1000),
    )
    return model.fit(*read_messages("train.csv")).score(*read_messages("test.csv"))


def main(_):
    output_dir = flags.parse(QuickstartConfig).output_dir
    metrics = finetune(
        FinetuneConfig(
            model="minilm",
            train_file=str(DATA / "train.csv"),
            eval_file=str(DATA / "test.csv"),
            output_dir=output_dir,
        ),
        TrainConfig(
            num_train_epochs=8,
            per_device_train_batch_size=16,
            learning_rate=1e-4,
            # The test set gives the score; it must not choose the weights.
            eval_strategy="no",
        ),
    )
    scores = {name.removeprefix("eval_"): value for name, value in metrics.items()}
    print(report.format_classes(scores))
    print(f"\ntest accuracy          {scores['accuracy']:.3f}")
    print(f"TF-IDF + log. regr.    {word_count_accuracy():.3f}")
    print(f"\nsaved in {output_dir}: the model, confusion_matrix.png, loss.png\n")
    predictions = Model(output_dir).predict(MESSAGES)
    for message, prediction in zip(MESSAGES, predictions):
        probability = prediction["scores"][prediction["label"]]
        print(f"{prediction['label']:18} {probability:4.0%}  {message}")
