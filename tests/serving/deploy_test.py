"""The files for TensorFlow Serving, parsed with its own messages if possible."""

import pathlib
import re

import pytest
from google.protobuf import text_format

from bert_tf.serving import deploy

FOLDER = pathlib.Path(deploy.__path__[0])


def test_models():
    api = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    config = api.ModelServerConfig()
    text_format.Parse((FOLDER / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("model", "/models/model")
    assert model.model_version_policy.latest.num_versions == 1


def test_the_other_two_files_set_known_fields():
    """No Python package has their messages; the names are from TensorFlow's sources."""
    text = (FOLDER / "batching.config").read_text()
    wrapped = re.findall(r"^(\w+) \{ value: (\d+) \}$", text, re.MULTILINE)
    assert dict(wrapped).keys() == {
        *("max_batch_size", "batch_timeout_micros", "max_enqueued_batches"),
        *("num_batch_threads", "max_execution_batch_size"),
    }
    plain = re.findall(r"^(\w+): (\w+)$", text, re.MULTILINE)
    assert dict(plain) == {
        "enable_large_batch_splitting": "true",
        "pad_variable_length_inputs": "true",
    }
    text = (FOLDER / "monitoring.config").read_text()
    assert re.search(r'prometheus_config \{\s+enable: true\s+path: "/monitoring', text)


def test_the_compose_file_names_the_other_files():
    text = (FOLDER / "compose.yaml").read_text()
    for path in FOLDER.glob("*.config"):
        assert f"/config/{path.name}" in text
    assert "healthcheck" in text
