"""README.md says what is true: its Keras example runs, and git ignores what it writes."""

import pathlib
import re
import runpy
import subprocess

import pytest
import tiny_folder

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_keras_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "save_pretrained" in block
    ]
    monkeypatch.chdir(tmp_path)
    tiny_folder.write("minilm")  # A folder comes before a published name.
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    scope = runpy.run_path("example.py")
    shown = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        r"\[\{'label': '(bad|good)', 'scores': \{'bad': .*\}\}\]", shown
    )
    assert (tmp_path / "films" / "model.safetensors").exists()
    assert scope["tokenizer"](["Lovely film."])["input_ids"].shape == (1, 5)


def test_git_ignores_what_its_commands_write():
    written = re.findall(r"--output(?:_dir|_file)?=([\w.]+)", README)
    written += re.findall(r'(?:output_dir=|save(?:_pretrained)?\()"([\w.]+)"', README)
    assert {"model", "store", "vocab.txt", "states.npz", "films"} <= set(written)
    done = subprocess.run(
        ["git", "check-ignore", *(f"{name}/" for name in written), *written],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1:
        pytest.skip("not a clone")
    ignored = {line.rstrip("/") for line in done.stdout.splitlines()}
    assert set(written) <= ignored
