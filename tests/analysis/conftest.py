"""Tiny model folders, written once per session: one for each task, and a masked LM."""

from unittest import mock

import pytest
import tiny_folder
from tiny_task_folders import Folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="session")
def masked_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("masked") / "masked"
    with mock.patch.object(tiny_folder, "VOCAB", [*tiny_folder.VOCAB, "##ly"]):
        tiny_folder.write_pretrained(path)
    return path
