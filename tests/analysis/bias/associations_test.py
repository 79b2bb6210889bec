"""Effect sizes and p-values against the formulas of the papers, in plain loops."""

import itertools
import json

import numpy as np
import pytest

from bert_tf.analysis.bias import associations


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def reference(x, y, a, b):
    def s(w):
        return np.mean([cosine(w, v) for v in a]) - np.mean([cosine(w, v) for v in b])

    own, others = [s(w) for w in x], [s(w) for w in y]
    size = (np.mean(own) - np.mean(others)) / np.std(own + others, ddof=1)
    every = own + others
    observed = sum(own) - sum(others)
    extreme = [
        sum(every[n] for n in chosen)
        - sum(every[n] for n in range(len(every)) if n not in chosen)
        >= observed - 1e-12
        for chosen in itertools.combinations(range(len(every)), len(own))
    ]
    return size, np.mean(extreme)


def test_effect_size_and_exact_p():
    x, y, a, b = draw(0, 4, 5), draw(1, 4, 5) + 0.5, draw(2, 3, 5), draw(3, 6, 5)
    own, others = (associations.associate(side, a, b) for side in (x, y))
    size, p = reference(x, y, a, b)
    assert associations.effect_size(own, others) == pytest.approx(size)
    assert associations.p_value(own, others) == pytest.approx(p)


def test_p_of_equal_associations_is_1():
    same = np.full(3, 0.1)
    assert associations.p_value(same, same) == 1.0


def test_p_by_draws_is_near_the_exact_one(monkeypatch):
    own, others = draw(4, 6) + 0.5, draw(5, 6)
    exact = associations.p_value(own, others)
    monkeypatch.setattr(associations, "MOST_PARTITIONS", 900)  # Of 924.
    drawn = associations.p_value(own, others, seed=2)
    assert drawn == pytest.approx(exact, abs=0.05)
    assert associations.p_value(own, others, seed=2) == drawn


SETS = {name: {"category": name, "examples": ["a", "b"]} for name in associations.SETS}


def test_a_file(tmp_path):
    (tmp_path / "weat.jsonl").write_text(json.dumps(SETS))
    found = associations.read(tmp_path / "weat.jsonl")
    assert found["targ1"] == ("targ1", ["a", "b"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targ2": None}, "must be JSON with targ1"),
        ({"attr1": {"category": "x", "examples": []}}, "attr1 has no examples"),
        (
            {"targ1": {"category": "x", "examples": ["a"]}},
            "equally many examples.*1 and 2",
        ),
    ],
)
def test_bad_files(changes, message, tmp_path):
    (tmp_path / "weat.jsonl").write_text(json.dumps(SETS | changes))
    with pytest.raises(ValueError, match=message):
        associations.read(tmp_path / "weat.jsonl")
