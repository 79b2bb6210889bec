"""Comparison of two models; the expected figures follow from their predictions."""

import dataclasses
import functools
import json
import logging
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tiny
import tiny_folder
from scipy import stats

from bert_tf.checkpoints import folder
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.run import comparison
from bert_tf.run.comparison import CompareConfig
from bert_tf.tasks.classification import Classification

LABELS = ("bad", "good")
ONE, TWO = "pair/seed_1", "pair/seed_2"
OTHERS = ("other/seed_1", "other/seed_2")


def write_model(path, seed, sharper=0.0):
    """Writes a random model, which predicts "good" more often if `sharper` > 0."""
    keras.utils.set_random_seed(seed)
    labels = {
        "id2label": {str(number): name for number, name in enumerate(LABELS)},
        "label2id": {name: number for number, name in enumerate(LABELS)},
    }
    config = dataclasses.replace(tiny_folder.CONFIG, extra=labels)
    model = Classifier(BertBackbone(config), 2)
    tiny.fill(model, seed)
    if sharper:
        model.classifier.bias.assign([0.0, sharper])
    parts = folder.ModelFolder(config, tiny_folder.VOCAB, {"do_lower_case": True})
    folder.write(path, model, parts)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Series of two and of three runs, and models that predict one label only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        write_model("always", 5, sharper=50.0)
        write_model("never", 6, sharper=-50.0)
        for seed, path in enumerate((ONE, TWO, *OTHERS), 1):
            write_model(path, seed)
        for name, runs in {
            "pair": ["seed_1", "seed_2"],
            "other": ["seed_1", "seed_2"],
            "three": ["../other/seed_2", "../pair/seed_1", "../other/seed_1"],
        }.items():
            pathlib.Path(name).mkdir(exist_ok=True)
            pathlib.Path(name, "metrics.json").write_text(json.dumps({"runs": runs}))
        random = np.random.default_rng(7)
        for name, labels in (("mixed", LABELS), ("good", LABELS[1:])):
            rows = [
                f"{' '.join(random.choice(tiny_folder.VOCAB[5:], 6))}\t"
                f"{random.choice(labels)}\n"
                for _ in range(61)
            ]
            pathlib.Path(f"{name}.tsv").write_text("text\tlabel\n" + "".join(rows))
        # Each model is loaded once.
        patch.setattr(comparison, "Model", functools.cache(comparison.Model))
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def stand_in(home, monkeypatch):
    monkeypatch.chdir(home)


def compare(model, baseline, eval_file="mixed.tsv", **options):
    config = CompareConfig(
        model=model, baseline=baseline, eval_file=eval_file, **options
    )
    return comparison.compare(config)


@functools.cache
def hits(path):
    """Returns for each text whether the prediction of a model is right."""
    lines = pathlib.Path("mixed.tsv").read_text().splitlines()[1:]
    texts, labels = zip(*(line.split("\t") for line in lines))
    predictions = comparison.Model(path, batch_size=128).predict(list(texts))
    return np.array([p["label"] == label for p, label in zip(predictions, labels)])


def test_two_models():
    ours, theirs = hits(ONE), hits(TWO)
    only = (int((ours & ~theirs).sum()), int((theirs & ~ours).sum()))
    assert min(*only, (ours & theirs).sum(), (~ours & ~theirs).sum()) > 0
    result = compare(ONE, TWO)
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
    # The mean moves in steps of 1/61 and may differ by one step.
    assert result["interval_95"] == pytest.approx([*expected], abs=1.01 / 61)
    assert result["mcnemar"] == {
        "only_model": only[0],
        "only_baseline": only[1],
        "p": pytest.approx(stats.binomtest(only[0], sum(only)).pvalue),
    }
    assert "over_seeds" not in result
    assert json.loads(json.dumps(result)) == result


def test_exchanged_models_negate_the_difference():
    result, exchanged = compare(ONE, TWO), compare(TWO, ONE)
    assert exchanged["difference"] == -result["difference"]
    low, high = result["interval_95"]
    assert exchanged["interval_95"] == pytest.approx([-high, -low], abs=0.018)
    assert exchanged["mcnemar"]["p"] == result["mcnemar"]["p"]


def test_a_metric_that_is_not_a_mean(monkeypatch):
    expected = compare(ONE, TWO)["interval_95"]
    monkeypatch.delattr(Classification, "hits")
    result = compare(ONE, TWO, resamples=200)
    assert result["interval_95"] == pytest.approx(expected, abs=0.08)
    assert "mcnemar" not in result
    monkeypatch.setattr(Classification, "metric", "macro_f1")
    models = [comparison.Model(path, batch_size=128) for path in (ONE, TWO)]
    f1 = [model.evaluate("mixed.tsv")["eval_macro_f1"] for model in models]
    result = compare(ONE, TWO, resamples=100)
    assert [result["model"], result["baseline"]] == pytest.approx(f1)
    low, high = result["interval_95"]
    assert low < f1[0] - f1[1] < high


class TestSeries:
    def test_paired_by_seed(self):
        result = compare("pair", "other")
        scores = [hits(path).mean() for path in (ONE, TWO, *OTHERS)]
        assert result["model"] == pytest.approx(np.mean(scores[:2]))
        assert result["baseline"] == pytest.approx(np.mean(scores[2:]))
        first, second = scores[0] - scores[2], scores[1] - scores[3]
        # Student's t of two values: mean ± 12.7062 · half of their distance.
        middle, reach = (first + second) / 2, 12.7062 * abs(first - second) / 2
        over_seeds = result["over_seeds"]
        assert over_seeds["paired"]
        assert over_seeds["model"] == pytest.approx(scores[:2])
        assert over_seeds["interval_95"] == pytest.approx(
            [middle - reach, middle + reach], rel=1e-5
        )
        assert "mcnemar" not in result

    def test_unpaired_with_other_seeds(self):
        over_seeds = compare("pair", "three")["over_seeds"]
        scores = [hits(path).mean() for path in (ONE, TWO, *OTHERS, ONE)]
        expected = stats.ttest_ind(scores[:2], scores[2:], equal_var=False)
        assert not over_seeds["paired"]
        assert over_seeds["interval_95"] == pytest.approx(
            [*expected.confidence_interval()]
        )

    def test_against_a_single_model(self):
        result = compare("pair", OTHERS[0])
        both = np.mean([hits(ONE), hits(TWO)])
        assert result["model"] == pytest.approx(both)
        assert not {"over_seeds", "mcnemar"} & result.keys()


class TestVerdict:
    @pytest.fixture(autouse=True)
    def info(self, caplog):
        caplog.set_level(logging.INFO, "bert_tf")

    def test_better_and_worse(self, caplog):
        # All texts are good, so the model that always predicts it is right.
        result = compare("always", "never", "good.tsv")
        assert result["verdict"] == (
            "always is better than never: accuracy 1.0000 against 0.0000, difference "
            "+1.0000, 95% interval [+1.0000, +1.0000] over examples, McNemar's p 8.7e-19."
        )
        assert caplog.messages[-1] == result["verdict"]
        assert len(result["verdict"].splitlines()) == 1
        verdict = compare("never", "always", "good.tsv")["verdict"]
        assert verdict.startswith("never is worse than always: accuracy 0.0000 again")

    def test_no_difference(self):
        verdict = compare(ONE, ONE)["verdict"]
        assert verdict.startswith(f"no clear difference between {ONE} and {ONE}: ")
        assert verdict.endswith(
            "difference +0.0000, 95% interval [+0.0000, +0.0000] over examples, "
            "McNemar's p 1."
        )


class TestBadInput:
    def test_another_task(self):
        shutil.copytree(TWO, "number")
        config = json.loads(pathlib.Path("number/config.json").read_text())
        config |= {"problem_type": "regression", "id2label": {"0": "LABEL_0"}}
        pathlib.Path("number/config.json").write_text(json.dumps(config))
        message = f"{ONE} was trained for classification, number for regression"
        with pytest.raises(ValueError, match=message):
            compare(ONE, "number")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"baseline": ""}, "baseline is missing: pass --baseline="),
            ({"resamples": 10}, "resamples must be at least 100; received 10"),
        ],
    )
    def test_is_named(self, changes, message):
        good = {"model": ONE, "baseline": TWO, "eval_file": "mixed.tsv"}
        with pytest.raises(ValueError, match=message):
            CompareConfig(**good | changes)

    def test_no_such_model(self):
        with pytest.raises(FileNotFoundError, match=r"no folder \./nothing"):
            compare(ONE, "./nothing")
