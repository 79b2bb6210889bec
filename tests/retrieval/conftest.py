"""A folder with models, a corpus and its index, for all tests of retrieval."""

import json
import pathlib

import pytest
import tiny_embedders
import tiny_folder

import bert_tf

TEXTS = [
    "a good film",
    "it was bad",
    "the film is fine",
    "it is very poor",
    "the film was bad , very bad",
    "is it a film ?",
    "a good film",  # Again, so that there is a tie.
]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder: models e5 and minilm, corpus.txt, corpus.jsonl, and the index `index`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("retrieval"))
        home = pathlib.Path.cwd()
        for name in ("e5", "minilm"):
            tiny_embedders.write(home / name, name)
        tiny_folder.write("start")
        pathlib.Path("corpus.txt").write_text("\n".join(TEXTS) + "\n\n")
        lines = [
            {"_id": f"d{number}", "title": "film" * (number % 2), "text": text}
            for number, text in enumerate(TEXTS)
        ]
        pathlib.Path("corpus.jsonl").write_text("".join(map(as_line, lines)))
        bert_tf.index(
            bert_tf.IndexConfig(
                model="e5", corpus_file="corpus.jsonl", output_dir="index"
            )
        )
        return home


@pytest.fixture(autouse=True)
def home(made, monkeypatch):
    """Runs each test in the folder."""
    monkeypatch.chdir(made)
    return made


def as_line(values):
    return json.dumps(values) + "\n"
