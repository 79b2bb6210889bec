"""A tiny model folder for each task, written once per session."""

import pytest
from tiny_task_folders import Folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))
