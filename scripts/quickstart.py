"""Fine-tunes a real BERT on the shipped customer messages and answers three.

python scripts/quickstart.py

Takes a minute or two on two cores; downloads nothing. The model folder, with its
pictures, is quickstart_model/ (--output_dir).
"""

import csv
import pathlib

import flags
from absl import flags as absl_flags

with flags.quiet_imports():
    from bert_tf import report, run

DATA = pathlib.Path(__file__).parent / "customer_messages"
MESSAGES = (
    "The courier says he rang, but I sat at home all day and nobody came.",
    "You took 30 euros off my card for an order I had cancelled before it shipped.",
    "Does the small backpack fit under an airline seat?",
)

absl_flags.DEFINE_string("output_dir", "quickstart_model", "Folder to write.")


def read(name):
    with open(DATA / name, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def word_count_accuracy():
    """Test accuracy of TF-IDF and logistic regression: words counted, not read."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        LogisticRegression(C=10, max_iter=1000),
    )
    return model.fit(*read("train.csv")).score(*read("test.csv"))


def main(_):
    output_dir = flags.FLAGS.output_dir
    metrics = run.finetune(
        run.FinetuneConfig(
            model="minilm",
            train_file=str(DATA / "train.csv"),
            eval_file=str(DATA / "test.csv"),
            output_dir=output_dir,
        ),
        run.TrainConfig(
            num_train_epochs=8,
            per_device_train_batch_size=16,
            learning_rate=1e-4,
            # The test set is for the score alone: it does not choose the weights.
            eval_strategy="no",
        ),
    )
    scores = {name.removeprefix("eval_"): value for name, value in metrics.items()}
    print(report.format_classes(scores))
    print(f"\ntest accuracy          {scores['accuracy']:.3f}")
    print(f"TF-IDF + log. regr.    {word_count_accuracy():.3f}")
    print(f"\nsaved in {output_dir}: the model, confusion_matrix.png, loss.png\n")
    for message, answer in zip(MESSAGES, run.Model(output_dir).predict(MESSAGES)):
        probability = answer["scores"][answer["label"]]
        print(f"{answer['label']:18} {probability:4.0%}  {message}")


if __name__ == "__main__":
    flags.start(main)
