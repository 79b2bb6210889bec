"""The files of a run, on workers that write them and on those that do not."""

import json

import pytest

from bert_tf.training import journal


class Worker:
    """One of two workers; `meanwhile` does what the other does before they meet."""

    def __init__(self, number, meanwhile=lambda: None):
        self.number, self.chief = number, number == 0
        self.gather = lambda _: meanwhile()


def test_the_first_writes_the_flags(tmp_path):
    folder = tmp_path / "out"
    journal.begin(folder, {"seed": 3}, Worker(0))
    assert (folder / "flags.txt").read_text() == "--seed=3\n"


def test_another_compares_its_flags_with_those_of_the_first(tmp_path):
    folder = tmp_path / "out"
    other = Worker(1, lambda: journal.begin(folder, {"seed": 3}, Worker(0)))
    journal.begin(folder, {"seed": 3}, other)
    with pytest.raises(ValueError, match="other flags .seed was '3', is '4'"):
        journal.begin(folder, {"seed": 4}, other)


def test_a_run_is_not_resumed_with_other_data(tmp_path):
    folder, flags = tmp_path / "out", {"seed": 3}
    data, other = journal.digest(["a", "bc"]), journal.digest(["ab", "c"])
    journal.begin(folder, flags, Worker(0), data)
    assert (folder / "flags.txt").read_text() == f"--seed=3\n# data: {data}\n"
    journal.begin(folder, flags, Worker(0), data)
    journal.begin(folder, flags, Worker(1), data)
    for number in (0, 1):
        with pytest.raises(
            ValueError, match="data have changed since the run in .*out"
        ):
            journal.begin(folder, flags, Worker(number), other)
    assert data in (folder / "flags.txt").read_text()


def test_a_run_without_a_fingerprint_is_resumed(tmp_path):
    journal.write_flags(tmp_path, {"seed": 3})
    journal.begin(tmp_path, {"seed": 3}, Worker(0), journal.digest(["a"]))


def test_another_that_sees_another_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_VISIBLE_WITHIN", 0)
    with pytest.raises(ValueError, match="worker 1 does not find .* all workers share"):
        journal.begin(tmp_path / "mine", {"seed": 3}, Worker(1))
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_damaged_metrics_are_one_line_with_the_file(tmp_path, content):
    journal.write_flags(tmp_path, {"seed": 3})
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(ValueError, match="metrics.json .* Remove this file to make"):
        journal.finished_metrics(tmp_path, {"seed": 3})


def test_damaged_flags_are_one_line_with_the_file(tmp_path):
    (tmp_path / "flags.txt").write_bytes(b"--seed=\xff")
    with pytest.raises(ValueError, match="flags.txt is damaged: it is not UTF-8"):
        journal.finished_metrics(tmp_path, {"seed": 3})


def test_a_run_to_be_replaced_has_no_metrics(tmp_path):
    journal.write_flags(tmp_path, {"seed": 3})
    (tmp_path / "metrics.json").write_text("{}")
    assert journal.finished_metrics(tmp_path, {"seed": 3}) == {}
    assert journal.finished_metrics(tmp_path, {"seed": 4}, overwrite=True) is None
    (tmp_path / "flags.txt").unlink()
    (tmp_path / "config.json").touch()
    with pytest.raises(ValueError, match="holds a model that this command did not"):
        journal.finished_metrics(tmp_path, {"seed": 3}, overwrite=True)


def test_metrics_are_strict_json(tmp_path):
    journal.write_metrics(tmp_path, {"loss": float("nan"), "rows": [float("inf"), 1.5]})
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text) == {"loss": None, "rows": [None, 1.5]}
    log = journal.Log(tmp_path, 0)
    log.write(1, {"grad_norm": float("inf"), "loss": 0.5})
    line = {"step": 1, "grad_norm": None, "loss": 0.5}
    assert log.lines == [line] == [json.loads((tmp_path / "metrics.jsonl").read_text())]


def test_the_main_scores_of_an_evaluation():
    scores = {"accuracy": 0.5, "a": 1.0, "matrix": [[1]], "f1": 0.25, "loss": 1.5}
    assert journal.describe_scores(scores, "f1", most=3) == (
        "f1 0.2500, loss 1.5000, accuracy 0.5000"
    )


def test_a_worker_that_does_not_write_keeps_the_lines(tmp_path):
    log = journal.Log(tmp_path, 0, writes=False)
    log.write(1, {"loss": 0.5})
    log.flush()
    log.close()
    assert log.lines == [{"step": 1, "loss": 0.5}]
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_whose_log_is_lost_ends_without_its_figures(tmp_path, caplog):
    (tmp_path / "metrics.jsonl").write_bytes(b"\0" * 99)
    log = journal.Log(tmp_path, 7)
    assert "metrics.jsonl has lost what was logged up to step 7." in caplog.text
    log.write(7, {"eval_loss": 0.5})
    assert log.scores(7) == {"eval_loss": 0.5}
    assert journal.training_figures(log.lines) == {
        "train_loss": None,
        "train_steps": 7,
        "train_examples_per_second": None,
    }
