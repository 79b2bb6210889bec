"""Hard negatives: what is nearest, and what is no negative."""

import functools
import pathlib

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf import Model
from bert_tf.data.records.tables import Table
from bert_tf.run.mining import mine
from bert_tf.tasks.similarity import Similarity
from bert_tf.training.loop import TrainConfig

PAIRS = [
    ("a good film", "it is fine"),
    ("a good film", "very good"),  # A second text of the same first text.
    ("it was bad", "the film is poor"),
    ("is it bad ?", "it was bad"),  # The first text of another.
    ("very very fine", "it is fine"),  # The second text of another.
    ("poor", "bad , bad"),
]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        yield pathlib.Path.cwd()


def options(**changes):
    return Similarity.Options(max_seq_length=16, similarity_loss="negatives", **changes)


def table(**more):
    records = [{"text": a, "text_pair": b} | more for a, b in PAIRS]
    return Table("a.tsv", records, list(range(1, 7)), {}, "")


def by_hand(number, *others):
    """Returns the second texts that are negatives of a record, the nearest first."""
    first = PAIRS[number][0]
    own = {first, *others, *(b for a, b in PAIRS if a == first)}
    texts = [b for b in dict.fromkeys(b for _, b in PAIRS) if b not in own]
    units = embed_all()
    return sorted(texts, key=lambda text: -units[text] @ units[first])


@functools.cache
def embed_all():
    """Returns {text: vector of length 1}."""
    texts = sorted({text for pair in PAIRS for text in pair})
    rows = Model("start", task="similarity").predict(texts)
    return dict(zip(texts, (np.array(row["embedding"]) for row in rows)))


def test_the_nearest_of_others():
    mined = mine(table(), "start", options(mine_negatives=2)).records
    assert [(row["text"], row["text_pair"]) for row in mined] == PAIRS
    for number, record in enumerate(mined):
        assert record["negatives"] == by_hand(number)[:2]
    assert "it was bad" not in by_hand(2)


def test_the_first_ranks_are_skipped():
    mined = mine(table(), "start", options(mine_negatives=1, mine_skip=2)).records
    assert [row["negatives"] for row in mined] == [
        by_hand(number)[2:3] for number in range(6)
    ]


def test_those_of_triplets_come_first():
    own = by_hand(5)[0]
    mined = mine(table(negatives=[own]), "start", options(mine_negatives=1)).records
    assert mined[5]["negatives"] == [own, by_hand(5, own)[0]]


def test_too_few_texts():
    with pytest.raises(
        ValueError, match="mine_skip=1 need 5 second texts .*, but a pair has 3"
    ):
        mine(table(), "start", options(mine_negatives=4, mine_skip=1))


def test_random_weights():
    with pytest.raises(ValueError, match="needs a trained model; drop from_scratch"):
        mine(table(), None, options(mine_negatives=1))


@pytest.mark.parametrize(
    "form", [pytest.param("mined", marks=pytest.mark.slow), "triplets"]
)
def test_training(form):
    path = pathlib.Path(f"{form}.tsv")
    if form == "mined":
        rows, more = [("text", "text_pair"), *PAIRS], {"mine_negatives": 2}
    else:
        rows, more = [("anchor", "positive", "negative")], {}
        rows += [(a, b, by_hand(n)[0]) for n, (a, b) in enumerate(PAIRS)]
    path.write_text("\n".join(map("\t".join, rows)))
    config = bert_tf.FinetuneConfig(
        model="start",
        task="similarity",
        similarity_loss="negatives",
        train_file=str(path),
        eval_file=str(path),
        max_seq_length=16,
        output_dir=form,
        **more,
    )
    training = TrainConfig(
        num_train_epochs=10, per_device_train_batch_size=3, learning_rate=1e-2
    )
    metrics = bert_tf.finetune(config, training)
    assert metrics["train_examples"] == 6
    assert 0.5 < metrics["eval_mrr"] <= 1
    scores = bert_tf.evaluate(bert_tf.EvaluateConfig(model=form, eval_file=str(path)))
    assert scores["eval_mrr"] == pytest.approx(metrics["eval_mrr"])
    assert len(Model(form).predict(["a film"])[0]["embedding"]) == 12
