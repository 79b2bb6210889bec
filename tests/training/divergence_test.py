"""When training is warned of, and the words of the warning."""

import pytest

from bert_tf.training import divergence
from bert_tf.training.loop import TrainConfig

CONFIG = TrainConfig(
    learning_rate=6e-5, warmup_ratio=0.1, gradient_accumulation_steps=2
)


def lines(*losses, every=10):
    """Log lines: one at step 1, then one every few steps, each with an evaluation."""
    trained = [{"step": 1, "loss": losses[0]}]
    for number, loss in enumerate(losses[1:], start=1):
        trained += [{"step": every * number, "loss": loss}]
        trained += [{"step": every * number, "eval_accuracy": 0.5}]
    return trained


def test_three_lines_clearly_above_the_start():
    # 20 steps of warm-up; the limit is 1.05.
    assert divergence.warning(lines(0.7, 0.7, 0.7, 1.1, 1.2, 1.3), CONFIG, 20) == (
        "the loss is 1.3 at step 50, but was 0.7 at the start: training diverges. Try "
        "--learning_rate=2.0e-05; if that is not enough, double the batch with "
        "--gradient_accumulation_steps=4."
    )


@pytest.mark.parametrize(
    "losses",
    [
        (0.7, 0.7, 0.7, 1.1, 1.2),  # Only two lines after the warm-up.
        (0.7, 1.2, 1.2, 1.2, 1.2),  # The first two belong to the warm-up.
        (0.7, 0.7, 0.7, 1.1, 1.0, 1.1),  # One is not far enough above.
        (0.7, 0.6, 0.5, 0.4, 0.3, 0.2),
        (0.01, 0.0, 0.0, 0.1, 0.1, 0.1),  # Ten times almost nothing.
        (0.7,),
    ],
)
def test_otherwise_there_is_no_warning(losses):
    assert divergence.warning(lines(*losses), CONFIG, 20) == ""


def test_a_loss_that_is_not_finite():
    divergence.check_loss(0.7, 3, 1e-3)
    for loss in (float("nan"), float("inf")):
        with pytest.raises(ArithmeticError) as caught:
            divergence.check_loss(loss, 3, 1e-3)
        assert str(caught.value).startswith(
            f"the loss is {loss} at step 3 (learning rate 0.001): training has diverged"
        )


@pytest.mark.parametrize("fp16", [False, True])
def test_the_first_loss_is_not_blamed_on_the_learning_rate(fp16):
    with pytest.raises(ArithmeticError, match="not the reason: the weights") as caught:
        divergence.check_loss(float("nan"), 1, 0.0, fp16)
    assert ("bf16" in str(caught.value)) == fp16


def test_outputs_that_are_not_finite_name_the_step():
    says = "NaN logits at step 7 .learning rate 0.5"
    with pytest.raises(ArithmeticError, match=says), divergence.located(7, 0.5):
        raise divergence.NotFinite("the model computes NaN logits")
