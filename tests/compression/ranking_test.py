"""An embedder that learns from a reranker: losses, training, kept scores, bad input."""

import dataclasses
import functools
import json
import math
import pathlib
import signal

import numpy as np
import processes
import pytest
import tensorflow as tf
import tiny
import tiny_folder
import tiny_task_folders
from scipy import special

import bert_tf
from bert_tf.checkpoints import formats
from bert_tf.compression import scoring, soft_losses, teachers
from bert_tf.compression.distillation import Weighing
from bert_tf.compression.ranking import RankingDistillation
from bert_tf.data.records.tables import Table
from bert_tf.tasks.similarity import Similarity
from bert_tf.training.loop import Stopped, TrainConfig

RANDOM = np.random.default_rng(7)
QUERIES = ("is it good ?", "a bad film", "very fine", "it was poor", "the film ?")
PASSAGES = ("good , very good .", "it is bad", "a fine film", "poor", "was it the film")
# Labels that say nothing: every text is the positive one of a query.
TRIPLETS = [
    {"query": query, "positive": PASSAGES[k], "negatives": list(others)}
    for query in QUERIES
    for k in range(5)
    for others in [PASSAGES[k + 1 :] + PASSAGES[:k]]
]
TRAINING = TrainConfig(
    num_train_epochs=12,
    per_device_train_batch_size=5,
    learning_rate=1e-2,
    eval_strategy="no",
    lr_scheduler_type="constant",
)
DATA = {"train_file": "triplets.jsonl", "eval_file": "triplets.jsonl"}
DATA |= {"task": "similarity", "similarity_loss": "negatives", "max_seq_length": 14}


def distill(training=TRAINING, **changes):
    given = {"teacher": "reranking", "student": "start", "output_dir": "out"}
    return bert_tf.distill(bert_tf.DistillConfig(**given | DATA | changes), training)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """A folder with `start`, without dropout, a teacher, and the triplets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        folders = tiny_task_folders.Folders(pathlib.Path.cwd())
        for name in ("reranking", "classification"):
            assert folders[name]
        still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        tiny_folder.write("start", dataclasses.replace(tiny_folder.CONFIG, **still))
        # Random weights score all texts almost alike.
        head = weights("reranking")
        head["classifier.weight"] = 8 * head["classifier.weight"]
        formats.write_safetensors(pathlib.Path("reranking/model.safetensors"), head)
        text = "".join(json.dumps(triplet) + "\n" for triplet in TRIPLETS)
        pathlib.Path("triplets.jsonl").write_text(text)
        yield pathlib.Path.cwd()


@functools.cache
def teacher_logits():
    """Returns the logits of all texts for all queries, [5, 5], by `bert-tf predict`."""
    model = bert_tf.Model("reranking", activation="identity")
    rows = model.predict([{"query": q, "passages": list(PASSAGES)} for q in QUERIES])
    scores = [{x["index"]: x["score"] for x in row["ranking"]} for row in rows]
    return np.array([[row[n] for n in range(5)] for row in scores])


def cosines(path):
    """Returns those of a model folder, [5, 5]."""
    rows = bert_tf.Model(path, task="similarity").predict([*QUERIES, *PASSAGES])
    vectors = np.array([row["embedding"] for row in rows])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:5] @ vectors[5:].T


def divergence(path):
    """Returns the mean KL(teacher ‖ student) of a folder at temperature 1."""
    own, wanted = (
        special.log_softmax(x, axis=1) for x in (20 * cosines(path), teacher_logits())
    )
    return float(np.mean(np.sum(np.exp(wanted) * (wanted - own), axis=1)))


def weights(path):
    return formats.read_safetensors(pathlib.Path(path, "model.safetensors"))


class TestLosses:
    def test_margins_by_hand(self):
        # Margins: the student's 2 and 5, the teacher's 3 and 1; (1 + 16) / 2.
        (loss,) = soft_losses.compare_margins([[6.0, 4, 1]], [[[1.0, -2, 0]]])
        assert float(loss) == 8.5
        # A second teacher with margins 1 and 9: together 2 and 5.
        both = [[[1.0, -2, 0]], [[9.0, 8, 0]]]
        assert soft_losses.compare_margins([[6.0, 4, 1]], both).numpy().tolist() == [0]

    @pytest.mark.parametrize("loss", ["kl", "margin"])
    @pytest.mark.parametrize("widths", ["", "5,2"])
    def test_equal_numpy(self, loss, widths):
        options = Similarity.Options(
            max_seq_length=9, similarity_loss="negatives", matryoshka_dims=widths
        )
        task = RankingDistillation(
            Similarity(tiny.Tokenizer(), options),
            Weighing(temperature=3.0, alpha=0.75),
            loss,
            None,
        )
        embeddings = RANDOM.normal(0, 1, [3, 4, 5]).astype(np.float32)
        scores = RANDOM.normal(0, 4, [3, 2, 3]).astype(np.float32)
        rows = {
            "label": np.ones(3, np.float32),
            "weight": np.array([1, 1, 0], np.float32),
            "teacher_scores": scores,
        }
        outputs = {"embeddings": tf.constant(embeddings)}
        losses = task.losses(rows, outputs)
        expected = []
        for width in (5, 2) if widths else (5,):
            units = embeddings[..., :width]
            units = units / np.linalg.norm(units, axis=-1, keepdims=True)
            own = 20 * np.einsum("bd,bcd->bc", units[:, 0], units[:, 1:])
            if loss == "margin":
                wanted = scores.mean(axis=1)
                wanted = wanted[:, :1] - wanted[:, 1:]
                part = np.square(own[:, :1] - own[:, 1:] - wanted).mean(axis=1)
            else:
                wanted = special.softmax(scores / 3, axis=-1).mean(axis=1)
                kept = special.softmax(own / 3, axis=-1)
                part = 9 * special.rel_entr(wanted, kept).sum(axis=-1)
            expected.append(part)
        np.testing.assert_allclose(
            losses["soft_similarity"], 0.75 * np.mean(expected, axis=0), rtol=1e-4
        )
        hard = task.task.losses(rows, outputs)["similarity"]
        np.testing.assert_allclose(losses["similarity"], 0.25 * hard, rtol=1e-6)
        for weight in task.weights(rows).values():
            assert np.array(weight).tolist() == [1, 1, 0]

    def test_by_hand(self):
        # Cosines 1 and 0.95: logits 20 and 19, the softmax e/(1 + e). The teacher: 1/2.
        side = math.sqrt(1 - 0.95**2)
        embeddings = tf.constant([[[1.0, 0], [1, 0], [0.95, side]]])
        options = Similarity.Options(similarity_loss="negatives")
        task = Similarity(tiny.Tokenizer(), options)
        rows = {
            "label": np.ones(1, np.float32),
            "teacher_scores": np.zeros([1, 1, 2], np.float32),
        }
        weighing = Weighing(temperature=1.0, alpha=1.0)
        task = RankingDistillation(task, weighing, "kl", None)
        assert task.couples_examples == ""  # Each loss reads its own record.
        losses = task.losses(rows, {"embeddings": embeddings})
        assert losses.keys() == task.weights(rows).keys() == {"soft_similarity"}
        expected = math.log(1 + math.e) - 0.5 - math.log(2)
        assert float(losses["soft_similarity"][0]) == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def metrics(home):
    return distill(alpha=1.0, temperature=1.0, output_dir="student")


class TestTraining:
    def test_the_student_follows_the_teacher(self, metrics):
        before, after = divergence("start"), divergence("student")
        assert before > 0.5
        assert after < 0.1 * before
        best = teacher_logits().argmax(axis=1)
        assert len(set(best)) > 1
        assert cosines("student").argmax(axis=1).tolist() == best.tolist()

    def test_the_folder_is_an_ordinary_embedder(self, metrics):
        names = {path.name for path in pathlib.Path("student").iterdir()}
        assert "modules.json" in names
        assert not names & {"teacher_scores.npz", "checkpoints"}
        config = json.loads(pathlib.Path("student/config.json").read_text())
        assert config["architectures"] == ["BertModel"]
        assert config["bert_tf"]["task"] == "similarity"
        assert not [n for n in weights("student") if "classifier" in n]
        scores = bert_tf.Model("student").evaluate("triplets.jsonl")
        assert scores["eval_mrr"] == pytest.approx(metrics["eval_mrr"])
        line = pathlib.Path("student/metrics.jsonl").read_text().splitlines()[0]
        assert json.loads(line)["loss"] == json.loads(line)["soft_similarity"]

    @pytest.mark.slow
    def test_margins_widths_and_a_split_batch(self):
        training = dataclasses.replace(TRAINING, num_train_epochs=40)
        changes = {"score_loss": "margin", "alpha": 1.0, "matryoshka_dims": "12,8"}
        distill(training, **changes, output_dir="margins")
        own, wanted = 20 * cosines("margins"), teacher_logits()
        own, wanted = (x - x.mean(axis=1, keepdims=True) for x in (own, wanted))
        assert np.corrcoef(own.ravel(), wanted.ravel())[0, 1] > 0.95
        # Half of the loss compares the pairs of a batch, however it is split.
        training = dataclasses.replace(TRAINING, num_train_epochs=1)
        distill(training, output_dir="whole")
        split = dataclasses.replace(
            training, per_device_train_batch_size=1, gradient_accumulation_steps=5
        )
        distill(split, output_dir="split")
        whole, split = weights("whole"), weights("split")
        for name, array in whole.items():
            if not name.endswith("key.bias"):  # Its gradient is 0 but for rounding.
                np.testing.assert_allclose(split[name], array, atol=1e-4, err_msg=name)

    @pytest.mark.slow
    def test_mined_negatives_and_two_teachers(self, caplog):
        caplog.set_level("INFO", "bert_tf")
        pairs = "".join(f"{q}\t{p}\n" for q, p in zip(QUERIES, PASSAGES))
        pathlib.Path("pairs.tsv").write_text("text\ttext_pair\n" + pairs)
        metrics = distill(
            dataclasses.replace(TRAINING, num_train_epochs=1),
            teacher="reranking,reranking",
            train_file="pairs.tsv",
            eval_file="",
            mine_negatives=2,
            output_dir="mined",
        )
        assert metrics["train_examples"] == 5
        assert caplog.text.count("the teacher reranking scores 15 pairs once.") == 2

    @pytest.mark.slow
    def test_jax_makes_the_same_student(self):
        pytest.importorskip("jax", reason="pip install -e '.[jax]'")
        given = DATA | {"teacher": "reranking", "student": "start", "eval_file": ""}
        training = {"max_steps": 3, "per_device_train_batch_size": 4}
        training |= {"learning_rate": 1e-3}
        process = processes.start(
            "distill",
            given | training | {"engine": "jax", "output_dir": "jax"},
            JAX_PLATFORMS="cpu",
            JAX_DISABLE_MOST_OPTIMIZATIONS="1",
        )
        distill(TrainConfig(**training), eval_file="", output_dir="tensorflow")
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
        lines = [
            json.loads(pathlib.Path(n, "metrics.jsonl").read_text().splitlines()[0])
            for n in ("jax", "tensorflow")
        ]
        for term in ("similarity", "soft_similarity"):
            assert lines[0][term] == pytest.approx(lines[1][term], rel=1e-4), term


class TestKeptScores:
    def test_they_are_computed_once(self, monkeypatch, tmp_path, caplog):
        caplog.set_level("INFO", "bert_tf")
        calls, score = [], scoring._score

        def counted(*arguments):
            calls.append(arguments)
            if len(calls) == 1:
                return score(*arguments)
            return np.full([5, 5], len(calls), np.float32)

        monkeypatch.setattr(scoring, "_score", counted)
        trained = teachers.read("reranking")
        records = [{"text": q, "passages": list(PASSAGES)} for q in QUERIES]
        table = Table("a.jsonl", records, [*range(1, 6)], {}, "")
        compute = functools.partial(scoring.score_rankings, teachers=trained)
        first = compute(table, path=tmp_path)
        assert first.shape == (5, 1, 5)
        assert first.dtype == np.float32
        np.testing.assert_allclose(first[:, 0], teacher_logits(), atol=1e-5)
        np.testing.assert_array_equal(compute(table, path=tmp_path), first)
        assert len(calls) == 1
        assert "read the teacher's scores from" in caplog.text
        # Other texts, and other arithmetic, have other scores.
        other = dataclasses.replace(table, records=records[::-1])
        assert compute(other, path=tmp_path)[0, 0, 0] == 2
        assert compute(other, path=tmp_path, bf16=True)[0, 0, 0] == 3
        # A damaged file is replaced.
        file = tmp_path / "teacher_scores.npz"
        file.write_bytes(file.read_bytes()[:-30])
        assert compute(other, path=tmp_path, bf16=True)[0, 0, 0] == 4
        assert "teacher_scores.npz is damaged; the scores are computed" in caplog.text
        assert compute(other, path=tmp_path, bf16=True)[0, 0, 0] == 4
        assert compute(other, path=None)[0, 0, 0] == 5
        assert [path.name for path in tmp_path.iterdir()] == ["teacher_scores.npz"]

    @pytest.mark.slow
    def test_a_stopped_run_ends_in_the_same_weights(self, metrics, monkeypatch):
        again = functools.partial(
            distill, alpha=1.0, temperature=1.0, output_dir="again"
        )
        compare = RankingDistillation.losses

        def stop(*arguments):
            signal.raise_signal(signal.SIGTERM)
            return compare(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(RankingDistillation, "losses", stop)
            with pytest.raises(Stopped, match="SIGTERM at step"):
                again()
        assert pathlib.Path("again/teacher_scores.npz").exists()
        monkeypatch.setattr(scoring, "_score", None)
        assert again()["train_steps"] == metrics["train_steps"]
        assert not pathlib.Path("again/teacher_scores.npz").exists()
        expected = weights("student")
        for name, array in weights("again").items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)


class TestBadInput:
    @pytest.fixture(autouse=True)
    def nothing_is_written(self, home):
        yield
        assert not (home / "out").exists()

    @pytest.mark.parametrize(
        "changes, says",
        [
            ({"score_loss": "mse"}, "score_loss must be one of kl, margin; received"),
            (
                {"similarity_loss": "cosine"},
                "teaches similarity by triplets.*=negatives; received 'cosine'",
            ),
            ({"student": "teacher"}, "a reranker, which does not embed.*minilm"),
            ({"keep_layers": "0"}, "keep_layers has no part when a reranker teaches"),
            ({"hidden_weight": 1.0}, "hidden_weight has no part .* received 1.0. Drop"),
            ({"transfer_file": "a.txt"}, "transfer_file has no part .*'a.txt'"),
            (
                {"teacher": "classification"},
                "task is similarity, but the teacher classification was trained for cl",
            ),
            (
                {"teacher": "reranking,classification"},
                "task is reranking, but the teacher classification was trained for cla",
            ),
            (
                {
                    "teacher": "classification",
                    "score_loss": "margin",
                    "task": "classification",
                    "similarity_loss": None,
                },
                "score_loss=margin is for a reranker that teaches similarity, but the",
            ),
        ],
        ids=str,
    )
    def test_flags(self, changes, says):
        given = {"teacher": "reranking", "student": "start", "output_dir": "out"}
        given |= DATA | changes
        given = {name: x for name, x in given.items() if x is not None}
        with pytest.raises(ValueError, match=says):
            bert_tf.distill(bert_tf.DistillConfig(**given), TRAINING)

    def test_pairs_without_negatives(self):
        pathlib.Path("two.tsv").write_text("text\ttext_pair\na film\tit is good\n")
        with pytest.raises(ValueError, match="two.tsv: a reranker teaches .*mine_neg"):
            distill(train_file="two.tsv", eval_file="")

    def test_scores_that_are_no_numbers(self, monkeypatch):
        def broken(self, table):
            logits = np.full([25, 5], np.nan)
            return {}, {"logits": logits}

        monkeypatch.setattr(scoring.Model, "outputs_of", broken)
        with pytest.raises(ValueError, match="reranking computes infinite or NaN sco"):
            distill()
