"""Training examples against bias: copies with other words, and weights of groups."""

import logging
import pathlib

import numpy as np
import pytest
import tiny
import tiny_folder
from tiny_tasks import make_table

import bert_tf
from bert_tf.data.rows import streams
from bert_tf.run import finetuning
from bert_tf.run.debiasing import copy_counterfactually, weigh_groups

SWAPS = "[film]\nfilm\tbook\n他\t她\n[rank]\ngood\tfine\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("swaps.txt").write_text(SWAPS, encoding="utf-8")
    return tmp_path


class TestCopies:
    def table(self, *texts):
        records = [{"text": x, "label": str(n)} for n, x in enumerate(texts)]
        return make_table("classification", records)

    def test_each_list_makes_a_copy_with_the_label_and_the_line(self, caplog):
        caplog.set_level(logging.INFO)
        table = self.table("A good Film", "bad", "他是FILM")
        copies = copy_counterfactually(table, "swaps.txt")
        assert copies.records == [
            {"text": "A good Book", "label": "0"},
            {"text": "她是BOOK", "label": "2"},
            {"text": "A fine Film", "label": "0"},
        ]
        assert copies.lines == [1, 3, 1]
        assert caplog.messages == [
            "counterfactual_file=swaps.txt adds 3 copies of 2 of 3 texts (film: 2, rank: 1)."
        ]

    def test_both_texts_of_a_pair_change(self):
        records = [{"text": "film", "text_pair": "a film", "label": ["x"]}]
        copies = copy_counterfactually(make_table("multi_label", records), "swaps.txt")
        assert copies.records == [
            {"text": "book", "text_pair": "a book", "label": ["x"]}
        ]

    def test_the_list_of_the_package(self):
        copies = copy_counterfactually(self.table("His king", "it"), "builtin")
        assert copies.records == [{"text": "Her queen", "label": "0"}]

    def test_no_word_of_the_list(self):
        with pytest.raises(ValueError, match="no text of classification.jsonl has a"):
            copy_counterfactually(self.table("it was"), "swaps.txt")


def grouped(**counts):
    """Returns a table with so many records of each group_label."""
    records = [
        {"text": "x", "group": name[0], "label": name[1]}
        for name, number in counts.items()
        for _ in range(number)
    ]
    return make_table("classification", records)


class TestWeights:
    def test_by_hand(self):
        # 8 records: P(f) = 1/2, P(y) = 5/8, and P(f, y) = 1/8, so 2.5 for f and y.
        table = grouped(fy=1, fn=3, my=4, mn=0)
        table.records.append({"text": "x", "group": " m ", "label": "n"})
        table.lines.append(9)
        weights = weigh_groups(table, "sex")
        # 9 records: f 4, m 5; y 5, n 4.
        expected = [4 * 5 / 9] + [4 * 4 / 27] * 3 + [5 * 5 / 36] * 4 + [5 * 4 / 9]
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
        assert weights.dtype == np.float32

    def test_labels_and_groups_become_independent_and_keep_their_numbers(self):
        table = grouped(fy=2, fn=9, my=7, mn=3)
        weights = weigh_groups(table, "sex")
        keys = [(r["group"], r["label"]) for r in table.records]
        mass = {
            key: sum(w for k, w in zip(keys, weights) if k == key) for key in set(keys)
        }
        for group, own in (("f", 11), ("m", 10)):
            assert mass[group, "y"] + mass[group, "n"] == pytest.approx(own, rel=1e-6)
            # 9 of the 21 labels are y, in each group.
            assert mass[group, "y"] / own == pytest.approx(9 / 21, rel=1e-6)

    @pytest.mark.parametrize(
        ("counts", "message"),
        [
            ({"fy": 2, "fn": 1, "my": 1}, "no record with sex='m' has the label 'n'"),
            ({"fy": 2, "fn": 1}, "every record has sex='f'"),
        ],
    )
    def test_groups_that_cannot_be_weighed(self, counts, message):
        with pytest.raises(ValueError, match=message):
            weigh_groups(grouped(**counts), "sex")

    def test_padding_to_few_shapes_keeps_them(self):
        weights = np.linspace(0.5, 3, 11, dtype=np.float32)
        columns = tiny.columns(11) | {"weight": weights}
        stream = streams.training_rows(
            columns, tiny.features, batch_size=4, micro_batches=3, row_length=64
        )
        batches = iter(stream.in_few_shapes(3))
        seen = [next(batches)["weight"] for _ in range(3)]
        assert sum(map(len, seen)) > 11
        total = np.concatenate(seen)
        np.testing.assert_array_equal(np.sort(total[total > 0]), weights)


TRAINING = bert_tf.TrainConfig(
    num_train_epochs=1, per_device_train_batch_size=4, eval_strategy="no"
)
TEXTS = {
    "text": ["it is good", "a bad film", "film", "poor"] * 2,
    "label": ["pos", "neg", "pos", "neg", "pos", "neg", "neg", "pos"],
    "sex": [1, 1, 1, 0, 0, 0, 0, 1],
}


def train(**changes):
    config = {"model": "start", "output_dir": "out", "max_seq_length": 16}
    return bert_tf.finetune(
        bert_tf.FinetuneConfig(**config | changes), TRAINING, train_data=TEXTS
    )


class TestFinetune:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def start(cls, tmp_path_factory):
        path = tmp_path_factory.mktemp("start") / "start"
        tiny_folder.write(path)
        return str(path)

    def test_copies_are_trained_on(self, start):
        metrics = train(model=start, counterfactual_file="swaps.txt")
        # "film" four times, "good" twice.
        assert metrics["counterfactual_examples"] == 6
        assert metrics["train_examples"] == 8
        assert metrics["train_steps"] == 4  # Of four examples, in an epoch of 14.
        flags = pathlib.Path("out/flags.txt").read_text()
        assert "--counterfactual_file=swaps.txt\n" in flags

    def test_other_words_are_another_run(self, start):
        pathlib.Path("train.tsv").write_text("text\tlabel\na film\tup\nbad\tdown\n")
        config = bert_tf.FinetuneConfig(
            model=start,
            train_file="train.tsv",
            output_dir="out",
            max_seq_length=16,
            counterfactual_file="swaps.txt",
        )
        digests = []
        for word in ("book", "play", "book"):
            pathlib.Path("swaps.txt").write_text(f"[a]\nfilm\t{word}\n")
            job, _ = finetuning.prepare(config, finetuning.find_start(config))
            assert job.train["text"].tolist() == ["a film", "bad", f"a {word}"]
            digests.append(job.fingerprint)
        assert digests[0] == digests[2] != digests[1]

    @pytest.mark.slow
    def test_weights_are_trained_with(self, start):
        plain = train(model=start, output_dir="plain")
        weighed = train(model=start, output_dir="weighed", reweigh_column="sex")
        assert "group" not in plain
        assert weighed["train_steps"] == plain["train_steps"] == 2
        assert abs(weighed["train_loss"] - plain["train_loss"]) > 1e-4
        # Predictions need no column of groups.
        assert len(bert_tf.Model("weighed").predict(["it is good"])) == 1

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            ({"reweigh_column": "gendr"}, "no column 'gendr' for the group"),
            (
                {"reweigh_column": "label", "label_column": "label"},
                "cannot share a column",
            ),
            (
                {"task": "regression", "reweigh_column": "sex"},
                "reweigh_column is for classification, because it counts",
            ),
            (
                {"task": "multi_label", "reweigh_column": "sex"},
                "received task=multi_label",
            ),
            (
                {"task": "token_classification", "counterfactual_file": "builtin"},
                "counterfactual_file is for classification, regression and multi_label",
            ),
            (
                {"task": "question_answering", "counterfactual_file": "builtin"},
                "received task=question_answering",
            ),
            (
                {"counterfactual_file": "builtin", "reweigh_column": "sex"},
                "which reweigh_column=sex does not follow; drop one",
            ),
            ({"counterfactual_file": "builtin"}, "no text of train_data has a word"),
        ],
    )
    def test_bad_input_writes_nothing(self, start, flags, message, home):
        with pytest.raises(ValueError, match=message) as caught:
            train(model=start, **flags)
        assert "\n" not in str(caught.value)
        assert not (home / "out").exists()

    def test_a_missing_file_writes_nothing(self, start, home):
        with pytest.raises(FileNotFoundError, match=r"none\.txt"):
            train(model=start, counterfactual_file="none.txt")
        assert not (home / "out").exists()
