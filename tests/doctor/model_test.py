"""A complete model folder, and folders with one problem each."""

import hashlib
import json
import pathlib

import numpy as np
import pytest
import tiny_folder

from bert_tf import Bert2Bert
from bert_tf.checkpoints import formats
from bert_tf.doctor import model
from bert_tf.doctor.findings import note, ok, problem


@pytest.fixture
def path(tmp_path):
    """A complete folder of an encoder without a head."""
    tiny_folder.write(tmp_path / "start")
    return tmp_path / "start"


@pytest.fixture
def edit(path):
    """Changes keys of config.json; None removes a key."""

    def edit(**changes):
        file = path / "config.json"
        values = json.loads(file.read_text()) | changes
        values = {key: values[key] for key in values if values[key] is not None}
        file.write_text(json.dumps(values))

    return edit


def check(path):
    """Returns {check: finding}, the last one if there are several."""
    findings, _, _ = model.check(str(path))
    return {finding["check"].removeprefix("model/"): finding for finding in findings}


def change_weights(path, change):
    arrays = dict(formats.read_safetensors(path / "model.safetensors"))
    arrays = {name: np.array(array) for name, array in arrays.items()}
    change(arrays)
    formats.write_safetensors(path / "model.safetensors", arrays)


def test_a_complete_folder(path):
    found = check(path)
    weights = path / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    arrays = formats.read_safetensors(weights)
    numbers = sum(array.size for array in arrays.values()) / 1e6
    assert found == {
        "folder": ok("model/folder", f"{path}: 1 layer, hidden size 12, 24 positions"),
        "weights": ok(
            "model/weights",
            f"{numbers:.1f} million parameters in {len(arrays)} arrays, all finite; "
            f"model.safetensors, 0.0 MB, sha256 {digest[:12]}…",
        ),
        "vocabulary": ok("model/vocabulary", "19 tokens, 21 rows in the word table"),
        "case": ok(
            "model/case",
            "do_lower_case is true, 0% of the tokens have capital letters",
        ),
    }


@pytest.mark.parametrize("decoder", ["bert2bert", "bertshare"])
def test_an_encoder_and_a_decoder(path, tmp_path, decoder):
    Bert2Bert.from_pretrained(path, decoder=decoder).save_pretrained(tmp_path / "both")
    findings, _, _ = model.check(str(tmp_path / "both"))
    says = {finding["check"]: finding["says"] for finding in findings}
    shared = ", shared with the encoder" if decoder == "bertshare" else ""
    assert says["model/folder"].endswith(f"; a decoder of 1 layer{shared}")
    # Embeddings, 16 arrays a layer, the pooler; 10 of attention to the source, the head.
    own = 0 if shared else 5 + 16
    assert f"in {5 + 16 + 2 + own + 10 + 5} arrays, all finite" in says["model/weights"]
    assert [finding["check"] for finding in findings].count("model/vocabulary") == 2
    assert {finding["level"] for finding in findings} == {"ok"}
    change_weights(
        tmp_path / "both",
        lambda arrays: arrays.pop("decoder.cls.predictions.transform.dense.bias"),
    )
    assert "dense/bias" in check(tmp_path / "both")["weights"]["says"]


def test_folder_and_tokenizer_are_returned(path):
    _, folder, tokenizer = model.check(str(path))
    assert folder.vocab == tiny_folder.VOCAB
    assert tokenizer.lower_case


def test_no_such_folder(path):
    findings, folder, tokenizer = model.check(str(path) + "x")
    assert (folder, tokenizer) == (None, None)
    assert findings == [
        problem(
            "model/folder",
            f"there is no folder {path}x.",
            f"Did you mean {path}?",
        )
    ]


def test_longer_than_the_positions():
    assert model.check_positions(24, tiny_folder.CONFIG) == []
    assert model.check_positions(25, tiny_folder.CONFIG) == [
        problem(
            "model/positions",
            "max_seq_length is 25, but the model has only 24 positions; lower it.",
            "--max_seq_length=24",
        )
    ]


class TestFiles:
    def test_no_configuration(self, path):
        (path / "config.json").unlink()
        found = check(path)["folder"]
        assert found["level"] == "problem"
        assert found["says"] == f"{path} holds no config.json and no bert_config.json."

    def test_invalid_configuration(self, path):
        (path / "config.json").write_text("{")
        assert "is not JSON" in check(path)["folder"]["says"]

    def test_another_kind_of_model(self, edit, path):
        edit(model_type="roberta")
        found = check(path)["folder"]
        assert "model_type must be 'bert'" in found["says"]

    def test_a_missing_special_token(self, path):
        vocab = [piece for piece in tiny_folder.VOCAB if piece != "[SEP]"]
        (path / "vocab.txt").write_text("\n".join(vocab))
        found = check(path)["folder"]
        assert "[SEP] missing from 18 pieces." in found["says"]
        assert found["fix"] == "Give a BERT vocabulary with one piece a line."

    def test_more_tokens_than_rows(self, path):
        more = "".join(f"word{n}\n" for n in range(3))
        with (path / "vocab.txt").open("a") as file:
            file.write(more)
        assert (
            "has 22 tokens, but the model has only 21" in check(path)["folder"]["says"]
        )


class TestWeights:
    def test_none(self, path):
        (path / "model.safetensors").unlink()
        found = check(path)["weights"]
        assert found["says"] == (
            f"{path} holds no model.safetensors and no bert_model.ckpt.index."
        )
        assert found["fix"].startswith(
            "Copy model.safetensors and its config.json into"
        )

    def test_cut_short(self, path):
        file = path / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-40])
        found = check(path)["weights"]
        assert (found["level"], found["fix"]) == (
            "problem",
            "Copy or download it again.",
        )
        assert "is cut short or corrupt" in found["says"]

    def test_an_array_is_missing(self, path):
        name = "bert.encoder.layer.0.output.dense.bias"
        change_weights(path, lambda arrays: arrays.pop(name))
        found = check(path)["weights"]
        assert found["level"] == "problem"
        assert "1 missing: bert/encoder/layer_0/output/dense/bias" in found["says"]

    def test_another_shape(self, edit, path):
        edit(intermediate_size=13)
        assert check(path)["folder"]["says"] == (
            f"{path}: intermediate_size is 13 in the configuration, but 14 in the weights."
        )

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_a_number(self, path, value):
        def spoil(arrays):
            arrays["bert.encoder.layer.0.output.dense.bias"][3] = value

        change_weights(path, spoil)
        assert check(path)["weights"] == problem(
            "model/weights",
            f"{path}/model.safetensors holds NaN or infinite numbers in "
            "bert/encoder/layer_0/output/dense/bias, so all outputs would be NaN.",
            "Use an earlier copy, or train again with a lower --learning_rate.",
        )

    def test_zeros(self, path):
        def spoil(arrays):
            arrays["bert.encoder.layer.0.output.dense.weight"][:] = 0

        change_weights(path, spoil)
        found = check(path)["weights"]
        assert found["level"] == "problem"
        assert found["says"] == (
            "only zeros in bert/encoder/layer_0/output/dense/kernel."
        )

    def test_no_pooler(self, path):
        change_weights(
            path,
            lambda arrays: [arrays.pop(n) for n in list(arrays) if "pooler" in n],
        )
        assert check(path)["weights"]["level"] == "note"
        assert "start from random values" in check(path)["weights"]["says"]

    def test_memory(self):
        assert model.check_memory(1_000_000, 16_000_000) == []
        assert model.check_memory(1_000_000, None) == []
        (found,) = model.check_memory(110_000_000, 1_000_000_000)
        assert found["level"] == "problem"
        assert "at least 1.8 GB" in found["says"]
        assert "1.0 GB are free" in found["says"]


class TestLabels:
    def labels(self, names, inverse=None):
        extra = {"id2label": names, "label2id": inverse}
        (found,) = model.check_labels(pathlib.Path("model"), extra)
        return found

    def test_named(self):
        found = self.labels({"1": "no", "0": "yes"}, {"yes": 0, "no": 1})
        assert found == ok("model/labels", "2 labels: 'yes', 'no'")

    @pytest.mark.parametrize("names", [None, {"0": "LABEL_0", "1": "LABEL_1"}])
    def test_without_names(self, names):
        assert self.labels(names)["level"] == "note"
        assert '"id2label": {"0": "…", "1": "…"}' in self.labels(names)["fix"]

    def test_a_gap(self):
        found = self.labels({"0": "no", "2": "yes"})
        assert found["level"] == "problem"
        assert found["says"] == "the ids of id2label are 0, 2, not 0, 1, 2, …"

    def test_one_name_twice(self):
        found = self.labels({"0": "no", "1": "no"})
        assert found["level"] == "problem"
        assert "'no' more than once" in found["says"]

    def test_the_inverse_differs(self):
        found = self.labels({"0": "no", "1": "yes"}, {"no": 1, "yes": 0})
        assert found["level"] == "note"
        assert found["says"] == "label2id is not the inverse of id2label."

    def test_of_a_folder_whose_head_is_missing(self, edit, path):
        edit(architectures=["BertForSequenceClassification"])
        assert check(path)["labels"]["level"] == "note"
        assert (
            "no such trained head"
            in check(path)["weights"]["says"] + (check(path)["weights"]["fix"])
        )


class TestUnfinished:
    @pytest.fixture
    def stopped(self, path):
        """Training state as an interrupted run leaves it."""
        (path / "checkpoints").mkdir()
        for step in (30, 40):
            (path / "checkpoints" / f"ckpt-{step}.json").write_text("{}")
        return path

    def test_a_run_that_can_continue(self, stopped):
        assert check(stopped)["unfinished"] == note(
            "model/unfinished",
            f"a run stopped at step 40; its state is in {stopped}/checkpoints.",
            f"To continue: bert-tf finetune --flagfile={stopped}/flags.txt",
        )

    def test_a_stopped_run_without_a_model(self, stopped):
        (stopped / "config.json").unlink()
        found = check(stopped)
        assert found["unfinished"]["level"] == "note"
        assert found["folder"]["level"] == "problem"

    def test_state_of_a_finished_run(self, stopped):
        (stopped / "metrics.json").write_text("{}")
        assert check(stopped)["unfinished"]["fix"] == f"rm -r {stopped}/checkpoints"

    def test_an_incomplete_file(self, path):
        (path / ".model.safetensors.7.part").write_bytes(b"half")
        found = check(path)["unfinished"]
        assert found["says"] == "1 incomplete file: .model.safetensors.7.part."
        assert found["fix"] == f"rm {path}/.model.safetensors.7.part"
