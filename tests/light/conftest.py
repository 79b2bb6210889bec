"""A tiny model folder for each task, written once per session."""

import pytest
from tiny_task_folders import Folders

from bert_tf.serving import exporting


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="session")
def phone(folders, tmp_path_factory):
    """The path of a classifier as a TFLite folder of any length."""
    path = tmp_path_factory.mktemp("phone") / "phone"
    config = exporting.ExportConfig(
        model=folders["classification"],
        output_dir=str(path),
        format="tflite",
        dynamic_length=True,
    )
    exporting.export(config)
    return path
