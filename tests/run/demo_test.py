"""The demonstration runs to its end, with a few updates instead of two minutes."""

from bert_tf.run import demo


def test_demonstration(tmp_path):
    result = demo.demonstrate(tmp_path, training_minutes=0.02)
    metrics = result["metrics"]
    assert metrics["bigram_loss"] < metrics["unigram_loss"] < metrics["uniform_loss"]
    assert metrics["train_steps"] >= 2  # The second one is chosen by time.
    assert list(result["filled"]) == list(demo.SENTENCES)
    for prediction in result["filled"].values():
        (tokens,) = prediction["tokens"]
        assert len(tokens) == 5
        assert 0 < tokens[-1]["probability"] <= tokens[0]["probability"] <= 1
    text = (tmp_path / "train.txt").read_text(encoding="utf-8")
    assert len(text) > 100_000
    assert "****" not in text  # Prose, without headings and grammar.
