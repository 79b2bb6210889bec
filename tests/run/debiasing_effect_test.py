"""What training against bias changes in a tiny model that learns a skew.

In four of five training texts, "he" stands in praise and "she" in blame; a fifth of the texts
says nothing else. The evaluation has no such skew. The gap is that of texts that say nothing
else, in which the group alone can decide.
"""

import dataclasses
from unittest import mock

import numpy as np
import pytest
import tiny_folder

import bert_tf

pytestmark = pytest.mark.slow  # Three trainings.

CONFIG = dataclasses.replace(
    tiny_folder.CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
)
VARIANTS = {
    "plain": {},
    "copies": {"counterfactual_file": "swaps.txt"},
    "weights": {"reweigh_column": "group"},
}


def write_data(path, count, skew, plain, seed):
    """Writes texts of which a fraction `plain` has no word of praise or blame."""
    random = np.random.default_rng(seed)
    lines = ["text\tlabel\tgroup\n"]
    for _ in range(count):
        praise = random.random() < 0.5
        group = "he" if praise == (random.random() < skew) else "she"
        word = random.choice(["good", "fine"] if praise else ["bad", "poor"])
        word = "film" if random.random() < plain else word
        text = f"{group} {random.choice(['is', 'was'])} a {word} film {random.choice(list('.?,'))}"
        lines.append(f"{text}\t{'pos' if praise else 'neg'}\t{group}\n")
    path.write_text("".join(lines))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        words = [*tiny_folder.VOCAB, "he", "she"]
        with mock.patch.object(tiny_folder, "VOCAB", words):
            tiny_folder.write("start", CONFIG)
        (home / "swaps.txt").write_text("[gender]\nhe\tshe\n")
        write_data(home / "train.tsv", 240, skew=0.8, plain=0.2, seed=1)
        write_data(home / "test.tsv", 120, skew=0.5, plain=0.0, seed=2)
        write_data(home / "plain.tsv", 40, skew=0.5, plain=1.0, seed=3)
        yield home


@pytest.fixture(scope="module")
def results(home):
    """{variant: (metrics of fine-tuning, counterfactual gap)}."""
    found = {}
    for name, flags in VARIANTS.items():
        config = bert_tf.FinetuneConfig(
            model="start",
            train_file="train.tsv",
            eval_file="test.tsv",
            output_dir=name,
            max_seq_length=16,
            **flags,
        )
        training = bert_tf.TrainConfig(
            num_train_epochs=24,
            per_device_train_batch_size=16,
            learning_rate=1e-2,
            eval_strategy="no",
            distribution="one_device",
        )
        metrics = bert_tf.finetune(config, training)
        analysis = bert_tf.AnalyzeConfig(
            model=name,
            data="plain.tsv",
            part="bias",
            swaps_file="swaps.txt",
            output_dir=f"{name}_report",
        )
        gaps = bert_tf.analyze(analysis)["parts"]["bias"]["counterfactuals"]
        found[name] = metrics, gaps["gender"]["mean_gap"]["value"]
    return found


def test_the_skew_is_learnt(results):
    assert results["plain"][1] > 0.3


def test_copies_halve_the_gap_and_keep_the_accuracy(results):
    (plain, gap), (metrics, own) = results["plain"], results["copies"]
    assert metrics["counterfactual_examples"] == 240
    assert own < 0.5 * gap
    assert metrics["eval_accuracy"] >= plain["eval_accuracy"] - 0.01


def test_weights_lower_the_gap_and_keep_the_accuracy(results):
    (plain, gap), (metrics, own) = results["plain"], results["weights"]
    assert own < gap
    assert metrics["eval_accuracy"] >= plain["eval_accuracy"] - 0.01
