"""Indexes: what is in them, how they are made in parts, and what is refused."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tiny_embedders

import bert_tf
from bert_tf.retrieval import indexing
from bert_tf.retrieval.folder import open_index
from bert_tf.retrieval.vectors import restore

FILES = {"index.json", "offsets.npy", "texts.jsonl", "vectors.npy"}
TITLED = [
    *("a good film", "film it was bad", "the film is fine", "film it is very poor"),
    *("the film was bad , very bad", "film is it a film ?", "a good film"),
]


def make(folder, **changes):
    given = {"model": "e5", "corpus_file": "corpus.jsonl", "output_dir": folder}
    return bert_tf.index(bert_tf.IndexConfig(**given | changes))


def expected(name, prompt, texts=TITLED):
    rows = tiny_embedders.vectors(pathlib.Path(name), name, [prompt + x for x in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def files(folder):
    return {path.name for path in pathlib.Path(folder).iterdir()}


class TestContents:
    def test_texts_in_any_order(self):
        _, collection = open_index("index")
        # Other tests search it by words.
        assert files("index") - {"words"} == FILES
        assert len(collection.texts) == 7
        assert collection.texts[3] == {
            "id": "d3",
            "line": 4,
            "title": "film",
            "text": "it is very poor",
        }
        assert collection.texts[0] == {"id": "d0", "line": 1, "text": "a good film"}
        ids = [text["id"] for text in collection.texts]
        assert ids == [f"d{number}" for number in range(7)]

    def test_vectors_are_those_of_title_and_text_behind_the_prompt(self):
        _, collection = open_index("index")
        vectors = expected("e5", tiny_embedders.PROMPTS["passage"])
        np.testing.assert_allclose(collection.vectors, vectors, atol=1e-6)
        assert isinstance(collection.vectors, np.memmap)

    def test_prompt_name(self, tmp_path):
        for name, prompt in (("query", "query"), ("passage,query", "query")):
            make(tmp_path / name, prompt_name=name)
            _, collection = open_index(tmp_path / name)
            vectors = expected("e5", tiny_embedders.PROMPTS[prompt])
            np.testing.assert_allclose(collection.vectors, vectors, atol=1e-6)

    @pytest.mark.parametrize("dtype", ["float16", "int8"])
    def test_types(self, tmp_path, dtype):
        result = make(tmp_path / "index", vectors=dtype)
        assert (result["texts"], result["width"]) == (7, 12)
        assert result["dtype"] == dtype
        _, collection = open_index(tmp_path / "index")
        assert collection.vectors.dtype == dtype
        np.testing.assert_allclose(
            restore(collection.vectors, collection.scales),
            open_index("index")[1].vectors,
            atol=5e-3,  # Half of 1/127, and more than that of 16 bits.
        )
        scales = {"scales.npy"} if dtype == "int8" else set()
        assert files(tmp_path / "index") == FILES | scales

    def test_lines_of_text(self, tmp_path):
        make(tmp_path / "index", corpus_file="corpus.txt", dim=5)
        facts, collection = open_index(tmp_path / "index")
        assert collection.texts[1] == {"id": "2", "line": 2, "text": "it was bad"}
        assert (facts["width"], facts["model"]["dim"]) == (5, 5)

    def test_a_table(self, tmp_path):
        path = tmp_path / "corpus.csv"
        path.write_text("number,what\n1,a good film\n2,it was bad\n")
        make(tmp_path / "index", corpus_file=str(path), text_column="what")
        _, collection = open_index(tmp_path / "index")
        assert list(collection.texts) == [
            {"id": "2", "line": 2, "text": "a good film"},
            {"id": "3", "line": 3, "text": "it was bad"},
        ]


class Killed(Exception):
    pass


class TestInParts:
    @pytest.fixture(autouse=True)
    def chunk(self, monkeypatch):
        monkeypatch.setattr(indexing, "CHUNK", 3)

    def interrupt(self, monkeypatch, folder, chunks):
        """Makes an index until so many chunks are written; counts what is embedded."""
        embedded, embed = [], indexing.embed

        def embed_until(model, texts, prompt_name):
            if len(embedded) == chunks:
                raise Killed
            embedded.append(len(texts))
            return embed(model, texts, prompt_name)

        with monkeypatch.context() as patch:
            patch.setattr(indexing, "embed", embed_until)
            with pytest.raises(Killed):
                make(folder)
        assert len(list(pathlib.Path(folder, "chunks").iterdir())) == chunks

    @pytest.mark.parametrize("chunks", [0, 1, 2])
    def test_the_same_command_goes_on(self, monkeypatch, tmp_path, chunks):
        folder = tmp_path / "index"
        self.interrupt(monkeypatch, folder, chunks)
        with pytest.raises(ValueError, match="is unfinished; run the command that beg"):
            open_index(folder)
        embedded, embed = [], indexing.embed

        def count(model, texts, prompt_name):
            embedded.append(len(texts))
            return embed(model, texts, prompt_name)

        monkeypatch.setattr(indexing, "embed", count)
        result = make(folder)
        assert embedded == [3, 3, 1][chunks:]
        assert files(folder) == FILES
        whole = open_index("index")[1]
        np.testing.assert_allclose(
            open_index(folder)[1].vectors, whole.vectors, atol=1e-6
        )
        assert make(folder) == result  # A whole one is described again.
        assert embedded == [3, 3, 1][chunks:]

    def test_killed_while_texts_are_written(self, monkeypatch, tmp_path):
        folder = tmp_path / "index"

        def write(folder, texts):
            next(iter(texts))
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(indexing, "write_texts", write)
            with pytest.raises(Killed):
                make(folder)
        assert make(folder)["texts"] == 7

    def test_other_flags_corpus_or_weights_are_refused(self, monkeypatch, tmp_path):
        folder = tmp_path / "index"
        shutil.copy("corpus.jsonl", tmp_path / "corpus.jsonl")
        shutil.copytree("e5", tmp_path / "e5")
        monkeypatch.chdir(tmp_path)
        self.interrupt(monkeypatch, folder, 1)
        for changes, message in (
            ({"vectors": "int8"}, "holds an index with vectors='float32'; received"),
            ({"dim": 4}, "holds an index with options={}; received {'dim': 4}."),
            ({"prompt_name": "query"}, "options={}; received {'prompt_name': 'query'}"),
        ):
            with pytest.raises(ValueError, match="holds an index with") as error:
                make(folder, **changes)
            assert message in str(error.value)
        text = pathlib.Path("corpus.jsonl").read_text()
        pathlib.Path("corpus.jsonl").write_text(text + text.replace('"d', '"e'))
        with pytest.raises(
            ValueError, match="corpus.jsonl has changed since the index"
        ):
            make(folder)
        pathlib.Path("corpus.jsonl").write_text(text)
        modules = json.loads(pathlib.Path("e5/modules.json").read_text())
        pathlib.Path("e5/modules.json").write_text(json.dumps(modules[:2]))
        with pytest.raises(ValueError, match="made by another model .normalize 'True'"):
            make(folder)
        pathlib.Path("e5/modules.json").write_text(json.dumps(modules))
        assert make(folder)["texts"] == 7


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            (
                "a.jsonl",
                '{"text": "a"}\n{"title": "b"}\n',
                "line 2: there is no 'text';",
            ),
            (
                "a.jsonl",
                '{"text": "a"}\n{"text": 3}\n',
                "line 2: text must be a string",
            ),
            ("a.jsonl", '{"text": "a"}\nb\n', "line 2 is not JSON"),
            (
                "a.jsonl",
                '{"_id": "x", "text": "a"}\n{"_id": "x", "text": "b"}\n',
                "line 2: the id 'x' occurs twice; give each text its own.",
            ),
            ("a.txt", "\n \n", "no texts. Give a file with a text on each line."),
            ("a.txt", b"a\n\xff\n", "line 2"),
            ("a.tsv", "text\ttext_pair\na\tb\n", "pairs of texts; choose the text"),
        ],
    )
    def test_corpora(self, tmp_path, name, text, message):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ValueError, match=r"a\.") as error:
            make(tmp_path / "index", corpus_file=str(path))
        assert message in str(error.value)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "index").exists()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"vectors": "int4"}, "vectors must be one of float32, float16, int8; rec"),
            ({"model": ""}, "model is missing"),
            ({"corpus_file": ""}, "corpus_file is missing"),
            ({"output_dir": ""}, "output_dir is missing"),
            ({"corpus_file": "none.txt"}, "there is no file none.txt"),
            (
                {"quantize": "int8"},
                "quantize=int8 is for predictions; to store vectors",
            ),
            (
                {"prompt_name": "none"},
                "prompt_name must be a prompt of the model folder",
            ),
            ({"dim": 13}, "dim must be from 1 to 12, the numbers"),
        ],
    )
    def test_settings(self, tmp_path, monkeypatch, changes, message):
        folder = tmp_path / "index"
        with pytest.raises((ValueError, OSError)) as error:
            make(changes.pop("output_dir", folder), **changes)
        assert message in str(error.value)
        assert not folder.exists()

    def test_a_folder_of_something_else(self, tmp_path):
        (tmp_path / "texts.jsonl").write_text("mine")
        with pytest.raises(ValueError, match="holds texts.jsonl, but no index; choose"):
            make(tmp_path)
        assert files(tmp_path) == {"texts.jsonl"}
        assert (tmp_path / "texts.jsonl").read_text() == "mine"

    def test_damage(self, tmp_path):
        def damaged(change):
            folder = tmp_path / "index"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree("index", folder)
            change(folder)
            with pytest.raises((ValueError, OSError)) as error:
                open_index(folder)
            assert "\n" not in str(error.value)
            return str(error.value)

        def cut(name):
            def change(folder):
                data = (folder / name).read_bytes()
                (folder / name).write_bytes(data[:-4])

            return change

        def edit(**values):
            def change(folder):
                facts = json.loads((folder / "index.json").read_text())
                (folder / "index.json").write_text(json.dumps(facts | values))

            return change

        for name in ("texts.jsonl", "offsets.npy", "vectors.npy"):
            assert f"{name} has " in damaged(cut(name))
            assert "it is damaged, so make the index again" in damaged(cut(name))
            message = damaged(lambda folder, name=name: (folder / name).unlink())
            assert f"{name} is missing; make the index again." in message
        assert "index.json is not JSON" in damaged(cut("index.json"))
        message = damaged(lambda folder: (folder / "index.json").unlink())
        assert "holds no index.json, so it is no index" in message
        assert "index.json: width must be a whole number" in damaged(edit(width="a"))
        message = damaged(edit(width=11))
        assert "holds float32 [7, 12], but index.json says 'float32' [7, 11]" in message
        assert "version 2 is not 1" in damaged(edit(version=2))
        assert "dtype must be one of" in damaged(edit(dtype="int4"))
        assert "there is no index" in damaged(shutil.rmtree)

        def overwrite(folder):
            size = (folder / "vectors.npy").stat().st_size
            (folder / "vectors.npy").write_bytes(b"x" * size)

        assert "vectors.npy is no array; make the index again." in damaged(overwrite)
