"""Two models on the same examples: figures worked from their own answers."""

import dataclasses
import json
import logging
import pathlib

import keras
import numpy as np
import pytest
import tiny_folder
from scipy import stats

from bert_tf import run
from bert_tf.checkpoints import folder
from bert_tf.comparison import CompareConfig, compare
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks.classification import Classification

LABELS = ("bad", "good")


def write_model(path, seed, sharper=0.0):
    """Writes a model that answers by chance, or (`sharper` > 0) rather "good"."""
    keras.utils.set_random_seed(seed)
    labels = {
        "id2label": {str(number): name for number, name in enumerate(LABELS)},
        "label2id": {name: number for number, name in enumerate(LABELS)},
    }
    config = dataclasses.replace(tiny_folder.CONFIG, extra=labels)
    model = Classifier(BertBackbone(config), 2)
    model.classifier.bias.assign([0.0, sharper])
    parts = folder.ModelFolder(config, tiny_folder.VOCAB, {"do_lower_case": True})
    folder.write(path, model, parts)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two single models, `always` right, and series of two and of three runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        for seed in range(1, 6):
            write_model(f"model_{seed}", seed)
        write_model("always", 1, sharper=50.0)
        for name, runs in {
            "pair": {"seed_1": 1, "seed_2": 2},
            "other_pair": {"seed_1": 3, "seed_2": 4},
            "three": {"seed_1": 3, "seed_2": 4, "seed_3": 5},
        }.items():
            for of_run, seed in runs.items():
                write_model(f"{name}/{of_run}", seed)
            metrics = json.dumps({"runs": list(runs)})
            pathlib.Path(name, "metrics.json").write_text(metrics)
        random = np.random.default_rng(7)
        for name, labels in (("mixed", LABELS), ("good", LABELS[1:])):
            rows = [
                f"{' '.join(random.choice(tiny_folder.VOCAB[5:], 6))}\t"
                f"{random.choice(labels)}\n"
                for _ in range(61)
            ]
            pathlib.Path(f"{name}.tsv").write_text("text\tlabel\n" + "".join(rows))
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def stand_in(home, monkeypatch):
    monkeypatch.chdir(home)


def comparison(model, baseline, eval_file="mixed.tsv", **options):
    return compare(CompareConfig(model, baseline, eval_file, **options))


def hits(path):
    """1 where a model is right, by its answers alone."""
    lines = pathlib.Path("mixed.tsv").read_text().splitlines()[1:]
    texts, labels = zip(*(line.split("\t") for line in lines))
    answers = run.Model(path).predict(list(texts))
    return np.array([a["label"] == label for a, label in zip(answers, labels)])


def test_two_models():
    ours, theirs = hits("model_1"), hits("model_2")
    only = (int((ours & ~theirs).sum()), int((theirs & ~ours).sum()))
    assert min(only) > 0  # Else it would be no test.
    result = comparison("model_1", "model_2")
    assert (result["metric"], result["examples"]) == ("accuracy", 61)
    assert result["model"] == pytest.approx(ours.mean())
    assert result["baseline"] == pytest.approx(theirs.mean())
    assert result["difference"] == pytest.approx(ours.mean() - theirs.mean())
    expected = stats.bootstrap(
        (ours.astype(float), theirs.astype(float)),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=5,
    ).confidence_interval
    assert result["interval_95"] == pytest.approx([*expected], abs=0.018)
    assert result["mcnemar"] == {
        "only_model": only[0],
        "only_baseline": only[1],
        "p": pytest.approx(stats.binomtest(only[0], sum(only)).pvalue),
    }
    assert "over_seeds" not in result
    assert json.loads(json.dumps(result)) == result


def test_the_other_way_round_all_is_negated():
    one, other = comparison("model_1", "model_2"), comparison("model_2", "model_1")
    assert other["difference"] == -one["difference"]
    low, high = one["interval_95"]
    assert other["interval_95"] == pytest.approx([-high, -low], abs=0.018)
    assert other["mcnemar"]["p"] == one["mcnemar"]["p"]


def test_a_metric_that_is_no_mean(monkeypatch):
    expected = comparison("model_1", "model_2", resamples=400)["interval_95"]
    monkeypatch.delattr(Classification, "hits")
    result = comparison("model_1", "model_2", resamples=400)
    assert result["interval_95"] == pytest.approx(expected, abs=0.06)
    assert "mcnemar" not in result
    monkeypatch.setattr(Classification, "metric", "macro_f1")
    scores = [run.Model(path).evaluate("mixed.tsv") for path in ("model_1", "model_2")]
    result = comparison("model_1", "model_2", resamples=100)
    f1 = [score["eval_macro_f1"] for score in scores]
    assert [result["model"], result["baseline"]] == pytest.approx(f1)
    low, high = result["interval_95"]
    assert low < f1[0] - f1[1] < high


class TestSeries:
    def test_paired_by_seed(self):
        result = comparison("pair", "other_pair")
        scores = [hits(f"model_{seed}").mean() for seed in (1, 2, 3, 4)]
        assert result["model"] == pytest.approx(np.mean(scores[:2]))
        assert result["baseline"] == pytest.approx(np.mean(scores[2:]))
        first, second = scores[0] - scores[2], scores[1] - scores[3]
        # Of two: the mean, give or take 12.7062 · half of their distance.
        middle, reach = (first + second) / 2, 12.7062 * abs(first - second) / 2
        over_seeds = result["over_seeds"]
        assert over_seeds["paired"]
        assert over_seeds["model"] == pytest.approx(scores[:2])
        assert over_seeds["interval_95"] == pytest.approx(
            [middle - reach, middle + reach], rel=1e-5
        )
        assert "mcnemar" not in result

    def test_of_other_seeds(self):
        over_seeds = comparison("pair", "three")["over_seeds"]
        scores = [hits(f"model_{seed}").mean() for seed in (1, 2, 3, 4, 5)]
        expected = stats.ttest_ind(scores[:2], scores[2:], equal_var=False)
        assert not over_seeds["paired"]
        assert over_seeds["interval_95"] == pytest.approx(
            [*expected.confidence_interval()]
        )

    def test_against_a_single_model(self):
        result = comparison("pair", "model_3")
        both = (hits("model_1").mean() + hits("model_2").mean()) / 2
        assert result["model"] == pytest.approx(both)
        assert not {"over_seeds", "mcnemar"} & result.keys()


class TestVerdict:
    @pytest.fixture(autouse=True)
    def info(self, caplog):
        caplog.set_level(logging.INFO, "bert_tf")

    def test_better_and_worse(self, caplog):
        # On texts that are all good, one that always says so is right.
        result = comparison("always", "model_2", "good.tsv")
        assert result["model"] == 1.0
        assert result["baseline"] < 0.9
        assert result["verdict"].startswith(
            "always is better than model_2: accuracy 1.0000 against 0."
        )
        assert caplog.messages[-1] == result["verdict"]
        assert len(result["verdict"].splitlines()) == 1
        verdict = comparison("model_2", "always", "good.tsv")["verdict"]
        assert verdict.startswith("model_2 is worse than always: accuracy 0.")

    def test_no_difference(self):
        verdict = comparison("model_1", "model_1")["verdict"]
        assert verdict.startswith("no clear difference between model_1 and model_1: ")
        assert verdict.endswith(
            "difference +0.0000, 95% interval [+0.0000, +0.0000] over examples, "
            "McNemar's p 1."
        )


class TestBadInput:
    def test_another_task(self, monkeypatch):
        made = []

        def restore(cls, *arguments, **options):
            task = original(*arguments, **options)
            made.append(task)
            task.name = f"task {len(made)}"
            return task

        original = Classification.restore
        monkeypatch.setattr(Classification, "restore", classmethod(restore))
        with pytest.raises(ValueError, match="trained for task 1, model_2 for task 2"):
            comparison("model_1", "model_2")

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"baseline": ""}, "baseline is missing: pass --baseline="),
            ({"resamples": 10}, "resamples must be at least 100; received 10"),
        ],
    )
    def test_is_named(self, changes, says):
        good = {"model": "model_1", "baseline": "model_2", "eval_file": "mixed.tsv"}
        with pytest.raises(ValueError, match=says):
            CompareConfig(**good | changes)

    def test_no_such_model(self):
        with pytest.raises(FileNotFoundError, match=r"no folder \./nothing"):
            comparison("model_1", "./nothing")
