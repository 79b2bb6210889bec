"""A step of a student and its frozen teachers: losses, gradients, calls."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_folder
import tiny_tasks

from bert_tf.compression import soft_losses
from bert_tf.compression.distillation import Distillation, Weighing
from bert_tf.layers.attention import attention_bias
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks import TASKS
from bert_tf.tokenization.tokenizer import BertTokenizer
from bert_tf.training.tensorflow.distribution import make_strategy, replica_rows
from bert_tf.training.tensorflow.update import make_update

WIDER = {"hidden_size": 33, "num_hidden_layers": 3, "intermediate_size": 31}


class Trained:
    """A teacher whose model is there already."""

    def __init__(self, model, task=None):
        self.model, self.task = model, task or tiny.task()
        self.folder = types.SimpleNamespace(config=model.backbone.config)

    def build(self, like, labels):
        return self.model


class Descent:
    """Plain gradient descent, which nothing has to compile."""

    def __init__(self, variables, rate=0.1):
        self.variables, self.rate = variables, rate

    def apply(self, gradients, scale):
        for path, gradient in gradients.items():
            self.variables[path].assign_sub(self.rate * scale * gradient)


def teacher(seed=8, **changes):
    return Trained(tiny.classifier(seed, **WIDER | changes))


def distil(teachers, seed=1, **weighing):
    """Returns the task and its model."""
    task = Distillation(tiny.task(), teachers, Weighing(**weighing))
    model = task.build(tiny.backbone(seed))
    return task, tiny.fill(model, seed)


def make_rows(task, count=7, **more):
    stream = task.training_rows(tiny.columns(count) | more, batch_size=count, seed=3)
    return next(iter(stream))


def train(task, model, updates=3, columns=None):
    """Returns the metrics of a few updates."""
    strategy = make_strategy("one_device")
    optimizer = Descent({w.path: w.value for w in model.trainable_variables})
    update = make_update(
        model, task, optimizer, strategy, micro_batches=1, max_grad_norm=1.0
    )
    examples = task.examples(columns or tiny.columns(7))
    rows = replica_rows(
        strategy,
        lambda share: task.training_rows(examples, batch_size=4, seed=3, share=share),
    )
    metrics = [update(rows) for _ in range(updates)]
    return [{name: float(value) for name, value in line.items()} for line in metrics]


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def divergence(wanted, own):
    return (wanted * (np.log(wanted) - np.log(own))).sum(axis=-1)


class TestLosses:
    def test_equal_numpy(self):
        big = teacher()
        weighing = {"alpha": 0.7, "temperature": 3.0, "hidden": 0.5, "attention": 0.25}
        task, model = distil([big], **weighing, layer_map="0:0,2:3")
        rows = make_rows(task)
        losses = task.losses(rows, model(rows, training=True))
        weights = task.weights(rows)
        assert losses.keys() == weights.keys()
        assert set(losses) == {
            *("classification", "soft_classification", "hidden", "attention")
        }
        own, wanted = (
            {k: v for k, v in x.backbone.compute(rows, probabilities=True).items()}
            for x in (model.student, big.model)
        )
        student, others = model.student(rows).numpy(), big.model(rows).numpy()
        label = rows["label"].numpy()
        hard = -np.log(softmax(student))[np.arange(7), label]
        np.testing.assert_allclose(losses["classification"], 0.3 * hard, rtol=1e-5)
        soft = divergence(softmax(others / 3), softmax(student / 3))
        np.testing.assert_allclose(
            losses["soft_classification"], 0.7 * 9 * soft, rtol=1e-4
        )
        (projection,) = [w for w in model.weights if "distillation" in w.path]
        assert projection.path == "distillation/projection_0/kernel"
        assert projection.shape == (21, 33)
        kernel = projection.numpy()
        differences = [
            np.square(
                own["hidden_states"][mine].numpy() @ kernel
                - wanted["hidden_states"][theirs].numpy()
            ).mean(axis=-1)
            for mine, theirs in ((0, 0), (2, 3))
        ]
        real = (rows["sequence_ids"].numpy() > 0).reshape(-1)
        assert not real.all()  # Some of the tokens are padding.
        np.testing.assert_allclose(
            losses["hidden"].numpy()[real],
            0.5 * np.mean(differences, axis=0).reshape(-1)[real],
            rtol=1e-4,
        )
        probabilities = [
            values["attention_probabilities"][place].numpy()
            for values, place in ((own, 1), (wanted, 2))
        ]
        own, wanted = (np.maximum(p, 1e-30) for p in probabilities)
        attention = divergence(wanted, own).mean(axis=1).reshape(-1)
        np.testing.assert_allclose(
            losses["attention"].numpy()[real], 0.25 * attention[real], rtol=1e-3
        )
        for name in ("hidden", "attention"):
            np.testing.assert_array_equal(weights[name], real.astype(np.float32))

    def test_alpha_of_one_reads_no_labels(self):
        task, model = distil([teacher()], alpha=1.0)
        rows = make_rows(task)
        assert set(task.losses(rows, model(rows, training=True))) == {
            "soft_classification"
        }

    def test_alpha_of_zero_computes_no_teacher(self):
        task, model = distil([teacher()], alpha=0.0)
        rows = make_rows(task)
        plain = tiny.task().losses(rows, {"logits": model.student(rows)})
        losses = task.losses(rows, task.named(model(rows, training=True)))
        assert losses.keys() == plain.keys() == task.weights(rows).keys()
        np.testing.assert_array_equal(losses["classification"], plain["classification"])
        assert model.teachers == []

    def test_two_teachers_count_as_their_mean(self):
        two = [teacher(8), teacher(9, hidden_size=21)]
        task, model = distil(two, alpha=1.0, temperature=1.0, hidden=1.0)
        rows = make_rows(task)
        losses = task.losses(rows, model(rows, training=True))
        wanted = np.mean([softmax(t.model(rows).numpy()) for t in two], axis=0)
        own = softmax(model.student(rows).numpy())
        np.testing.assert_allclose(
            losses["soft_classification"], divergence(wanted, own), rtol=1e-4
        )
        # Only the first has another width than the student.
        assert [layer.kernel.shape for layer in model.projections] == [(21, 33)]

    def test_attention_needs_layers_of_both(self):
        with pytest.raises(ValueError, match="'0:0' names no layer of both models"):
            distil([teacher()], attention=1.0, layer_map="0:0")

    def test_a_layer_that_is_not_there(self):
        with pytest.raises(
            ValueError, match="teacher does not have; its layers are 1 to 3"
        ):
            distil([teacher()], hidden=1.0, layer_map="1:5")

    def test_recomputed_layers_keep_no_attention(self):
        backbone = BertBackbone(tiny.CONFIG, gradient_checkpointing=True)
        task = Distillation(tiny.task(), [teacher()], Weighing(attention=1.0))
        with pytest.raises(
            ValueError, match="attention_weight needs.*drop one of them"
        ):
            task.build(backbone)


def test_the_mean_head_is_compared_if_their_numbers_differ():
    big = teacher(num_attention_heads=11)
    task, model = distil([big], alpha=0.0, attention=1.0, layer_map="1:2")
    rows = make_rows(task)
    losses = task.losses(rows, model(rows, training=True))["attention"]
    own, wanted = (
        x.backbone.compute(rows, probabilities=True)["attention_probabilities"][place]
        for x, place in ((model.student, 0), (big.model, 1))
    )
    own, wanted = (np.maximum(x.numpy().mean(axis=1), 1e-30) for x in (own, wanted))
    real = (rows["sequence_ids"].numpy() > 0).reshape(-1)
    expected = divergence(wanted, own).reshape(-1)
    np.testing.assert_allclose(losses.numpy()[real], expected[real], rtol=1e-3)


def test_a_student_of_kept_layers_computes_what_they_compute():
    """Layers 0 and 2 of three, embeddings, pooler and head."""
    big = teacher(hidden_size=21, intermediate_size=29)
    for weighing in (Weighing(), Weighing(alpha=0.0)):  # Without a teacher in the step.
        task = Distillation(tiny.task(), [big], weighing, kept=(0, 2))
        model = task.build(tiny.backbone())
        task.load_start(model, None)
        rows = make_rows(task)
        encoder = big.model.backbone
        flat = {
            name: tf.reshape(rows[name], [-1])
            for name in ("input_ids", "position_ids", "segment_ids")
        }
        states = encoder.embeddings(**flat)
        for layer in (encoder.encoder_layers[0], encoder.encoder_layers[2]):
            states, _ = layer(states, attention_bias(rows["sequence_ids"]))
        pooled = encoder.pooler(tf.gather(states, rows["first_token"]))
        expected = big.model.classifier(pooled)
        received = model.student(rows, training=False)
        np.testing.assert_allclose(received, expected, atol=1e-5)


class TestUpdates:
    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls):
        """Three updates, and how often the teacher was computed, with what."""
        big = teacher()
        calls, flags = tf.Variable(0), []
        compute = big.model.call

        def call(batch, training=None):
            calls.assign_add(1)
            flags.append((training, set(batch)))
            return compute(batch, training=training)

        big.model.call = call
        before = {w.path: w.numpy() for w in big.model.weights}
        task, model = distil([big], hidden=1.0, attention=1.0)
        start = tiny.arrays(model)
        metrics = train(task, model)
        return types.SimpleNamespace(
            teacher=big.model,
            model=model,
            before=before,
            start=start,
            metrics=metrics,
            calls=int(calls),
            flags=flags,
        )

    def test_the_teacher_is_computed_once_a_step_without_dropout(self, trained):
        assert trained.calls == 3
        assert {training for training, _ in trained.flags} == {False}
        assert {"sequence_ids", "dropout_seed"} <= trained.flags[0][1]

    def test_the_teacher_does_not_change(self, trained):
        for weight in trained.teacher.weights:
            np.testing.assert_array_equal(weight, trained.before[weight.path])
        assert trained.teacher.trainable_weights == []

    def test_the_teacher_gets_no_gradient(self, trained):
        own = {id(weight) for weight in trained.teacher.weights}
        assert not own & {id(weight) for weight in trained.model.trainable_variables}
        assert not own & {id(weight) for weight in trained.model.weights}
        # JAX hands the values of these to each step.
        others = {id(weight) for weight in trained.model.non_trainable_variables}
        assert own <= others

    def test_the_student_learns_and_so_does_the_projection(self, trained):
        after = tiny.arrays(trained.model)
        still = {p for p, x in after.items() if np.array_equal(x, trained.start[p])}
        assert not still - {p for p in after if "key/bias" in p}
        assert "distillation/projection_0/kernel" in after
        first, *_, last = trained.metrics
        assert last["loss"] < first["loss"]
        terms = ("classification", "soft_classification", "hidden", "attention")
        assert first["loss"] == pytest.approx(sum(first[t] for t in terms), rel=1e-5)

    def test_what_is_kept_is_the_student(self, trained):
        task = Distillation(tiny.task(), [], Weighing())
        assert task.trained(trained.model) is trained.model.student


class TestUnlabelled:
    def test_they_have_no_weight_in_the_labels_loss(self):
        task, _ = distil([teacher()])
        marks = np.array([1, 0, 1, 1, 0, 0, 1], np.float32)
        rows = make_rows(task, labelled=marks)
        weights = task.weights(rows)
        assert weights["classification"].numpy().sum() == 4
        assert weights["soft_classification"].numpy().tolist() == [1.0] * 7
        np.testing.assert_array_equal(weights["classification"], rows["labelled"])

    def test_their_labels_change_nothing(self):
        columns = tiny.columns(7) | {"labelled": np.array([1, 0] * 3 + [1], np.float32)}
        other = dict(columns, label=columns["label"].copy())
        other["label"][1::2] = 0
        assert not np.array_equal(other["label"], columns["label"])
        both = []
        for given in (columns, other):
            task, model = distil([teacher()])
            train(task, model, columns=given)
            both.append(tiny.arrays(model))
        for path, array in both[0].items():
            np.testing.assert_array_equal(array, both[1][path], err_msg=path)


TAUGHT = [name for name, task in TASKS.items() if task.soft]


def test_which_tasks_can_be_taught():
    assert set(TASKS) - set(TAUGHT) == {"fill_mask", "features", "zero_shot"}


@pytest.mark.parametrize("name", TAUGHT)
class TestEveryTask:
    @pytest.fixture
    def distilled(self, name):
        """A task, a student that is its own teacher, and rows."""
        tokenizer = BertTokenizer(tiny_folder.VOCAB)
        options = {"max_seq_length": 20}
        options |= {"decoder": "bertshare"} if TASKS[name].decodes else {}
        task = tiny_tasks.make_task(name, tokenizer, **options)
        keras.utils.set_random_seed(2)
        own = task.build(BertBackbone(tiny_folder.CONFIG))
        both = Distillation(task, [Trained(own, task)], Weighing(temperature=2.0))
        model = both.build(BertBackbone(tiny_folder.CONFIG))
        for mine, theirs in zip(model.student.weights, own.weights, strict=True):
            mine.assign(theirs)
        columns = task.columns(tiny_tasks.make_table(name))
        return both, model, columns

    def test_it_agrees_with_itself_and_not_with_another(self, name, distilled):
        task, model, columns = distilled
        examples = task.examples(columns)
        rows = next(iter(task.training_rows(examples, batch_size=4, seed=1)))
        rows = {n: x for n, x in rows.items() if n != "dropout_seed"}

        def soft_loss():
            # Without dropout both compute the same.
            outputs = {
                "student": model.student(rows, training=False),
                "teachers": [model.teachers[0](rows, training=False)],
            }
            losses, weights = task.losses(rows, outputs), task.weights(rows)
            assert losses.keys() == weights.keys() == {name, f"soft_{name}"}
            for term in losses:
                assert losses[term].shape == weights[term].shape, term
            loss = losses[f"soft_{name}"] * weights[f"soft_{name}"]
            return loss.numpy().sum()

        assert soft_loss() == pytest.approx(0.0, abs=1e-4)
        for weight in model.student.weights:
            weight.assign(weight.numpy()[::-1])
        assert soft_loss() > 1e-3

    def test_a_record_without_a_label(self, name, distilled):
        task, _, columns = distilled
        table = tiny_tasks.make_table(name)
        names = ("label", "tags", "answers", "target")
        blind = [{n: x for n, x in r.items() if n not in names} for r in table.records]
        if TASKS[name].decodes:
            with pytest.raises(ValueError, match="without its target teaches nothing"):
                task.label_blindly(blind[0])
            return
        if getattr(task.task, "listwise", False):
            with pytest.raises(ValueError, match="no place in the listwise loss"):
                task.label_blindly(blind[0])
            return
        records = [table.records[0], *map(task.label_blindly, blind)]
        columns = task.columns(tiny_tasks.make_table(name, records))
        columns["labelled"] = np.array([1.0] + [0.0] * len(blind), np.float32)
        examples = task.examples(columns)
        rows = next(iter(task.training_rows(examples, batch_size=50, seed=1)))
        weights = task.weights(rows)
        alone = task.columns(tiny_tasks.make_table(name, records[:1]))
        own = next(
            iter(task.training_rows(task.examples(alone), batch_size=50, seed=1))
        )
        expected = task.task.weights(own)[name].numpy().sum()
        assert weights[name].numpy().sum() == pytest.approx(expected)
        assert weights[f"soft_{name}"].numpy().sum() > expected


def test_nothing_is_summed_over_items():
    losses = soft_losses.compare("square", np.ones([3, 1]), [np.zeros([3, 1])], 1.0)
    assert losses.shape == (3,)
