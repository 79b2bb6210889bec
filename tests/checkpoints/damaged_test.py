"""Any damage to a file of a model folder: it loads as before, or one line says why not."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tiny_embedders
import tiny_folder
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bert_tf import doctor
from bert_tf.checkpoints import sentence_transformers, weights
from bert_tf.data.corpus.store import MANIFEST, Store, StoreWriter
from bert_tf.doctor import model
from bert_tf.predictor import Model

FILES = (
    "config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "vocab.txt",
    "model.safetensors",
    "modules.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
# A value that replaces one somewhere in a JSON file, as text.
ODD = [
    *("null", "true", "0", "-1", "7", "1.5", '""', '"a"', "[]", "{}", '[{"a": []}]'),
    *(
        "1e999",
        "NaN",
        "9" * 5000,
        "1000000000",
        '"\\ud800"',
        "[" * 10**5,
        '{"a":' * 10**5,
    ),
    *('{"0": "a", "1": ["b"]}', '["a"]', "1e300", '"../../x"', '"a\\nb"', "[[[]]]"),
]
quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "folder"
    tiny_folder.write(path)
    config = json.loads((path / "config.json").read_text())
    config |= {"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}}
    config["bert_tf"] = {"task": "similarity", "columns": {"text": "a"}, "scale": 5.0}
    (path / "config.json").write_text(json.dumps(config))
    vocab = {token: number for number, token in enumerate(tiny_folder.VOCAB)}
    model = {"type": "WordPiece", "max_input_chars_per_word": 100, "vocab": vocab}
    fast = {"normalizer": {"lowercase": True}, "model": model}
    (path / "tokenizer.json").write_text(json.dumps(fast))
    dense = {"name": "2_Dense", "out_features": 5, "bias": True, "activation": "tanh"}
    written = {"pooling": "cls", "normalize": True, "max_seq_length": 9}
    written |= {"dense": [dense | {"normalize": False}], "prompts": {"query": "a "}}
    sentence_transformers.write(path, written, 12)
    tiny_embedders.write_dense(path / "2_Dense", 12, 5)
    return path


def problems(findings):
    return [x for x in findings if x["level"] == "problem"]


def damage(path, name, content):
    (path / name).write_bytes(content)


def load(path):
    """Returns {path: array} of a folder's weights, loaded as for predictions."""
    return weights.read_model(Model(path).keras_model)


def check(path, before):
    """Loads a folder: its weights are as before, or an error has one line."""
    try:
        after = load(path)
    except (ValueError, OSError) as error:
        assert "\n" not in str(error).strip(), error
        assert len(str(error)) < 1000
        return
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


@st.composite
def changed_json(draw, content):
    """The text of a JSON file in which one value is another."""
    values = json.loads(content)
    places = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(values)
    node, key = draw(st.sampled_from(places))
    node[key] = "HERE"
    return json.dumps(values).replace('"HERE"', draw(st.sampled_from(ODD)), 1).encode()


@st.composite
def contents(draw, content, is_json):
    """Bytes in place of a file's own: random, cut, with another byte, another value."""
    kinds = ["bytes", "cut", "byte", "mark"] + ["json"] * (10 if is_json else 0)
    match draw(st.sampled_from(kinds)):
        case "bytes":
            return draw(st.binary(max_size=200))
        case "cut":
            return content[: draw(st.integers(0, len(content)))]
        case "byte":
            place = draw(st.integers(0, len(content) - 1))
            other = bytes([draw(st.integers(0, 255))])
            return content[:place] + other + content[place + 1 :]
        case "mark":
            return b"\xef\xbb\xbf" + content
        case "json":
            return draw(changed_json(content))


@pytest.mark.parametrize("name", FILES)
def test_a_model_folder(whole, tmp_path, name):
    before = load(whole)
    content = (whole / name).read_bytes()
    path = tmp_path / "copy"
    shutil.copytree(whole, path)
    if name == "tokenizer.json":  # Read in full only where vocab.txt is missing.
        (path / "vocab.txt").unlink()
    is_weights = name == "model.safetensors"

    @quick
    @given(st.data())
    def damaged(data):
        new = data.draw(contents(content, name.endswith(".json")))
        # Other numbers are other weights; only the header and the size can be checked.
        assume(not is_weights or len(new) != len(content) or new[:500] != content[:500])
        damage(path, name, new)
        check(path, before)

    damaged()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("value", ["", "[" * 10**5, "\x00\xff", '{"a": NaN}', None])
def test_the_doctor_has_no_traceback(whole, tmp_path, name, value):
    path = tmp_path / "copy"
    shutil.copytree(whole, path)
    (path / name).unlink()
    if value is None:
        (path / name).mkdir()
    else:
        (path / name).write_text(value, encoding="latin-1")
    findings, _, _ = model.check(str(path))
    assert problems(findings) or name == "vocab.txt" and value is None
    assert doctor.format_table(findings)


@pytest.mark.parametrize(
    "bert_tf",
    [
        {"task": "poetry"},
        {"task": "similarity", "scale": "a"},
        {"task": "similarity", "pooling": 3},
    ],
)
def test_the_doctor_and_settings_of_no_task(whole, tmp_path, bert_tf):
    path = tmp_path / "copy"
    shutil.copytree(whole, path)
    config = json.loads((path / "config.json").read_text()) | {"bert_tf": bert_tf}
    (path / "config.json").write_text(json.dumps(config))
    findings = doctor.examine(doctor.DoctorConfig(model=str(path)))
    assert problems([x for x in findings if x["check"].startswith("model/")])
    with pytest.raises(ValueError, match="task must be|scale must be|pooling must be"):
        Model(path)


def test_a_store(tmp_path):
    writer = StoreWriter(tmp_path / "s", tiny_folder.VOCAB, {"do_lower_case": True})
    writer.add([5, 6, 7, 8, 9], [2, 3], [1, 1])
    writer.close({})
    files = sorted(file.name for file in (tmp_path / "s").iterdir())
    expected = Store(tmp_path / "s").shard(0).pieces.tolist()

    @settings(quick, max_examples=300)
    @given(st.data())
    def damaged(data):
        name = data.draw(st.sampled_from(files))
        file = pathlib.Path(tmp_path / "s" / name)
        content = file.read_bytes()
        new = data.draw(contents(content, name == MANIFEST))
        file.write_bytes(new)
        try:
            store = Store(tmp_path / "s")
            assert store.shard(0).pieces.tolist() == expected
        except (ValueError, OSError) as error:
            assert "\n" not in str(error)
        finally:
            file.write_bytes(content)

    damaged()
