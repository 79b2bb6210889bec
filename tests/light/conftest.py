"""A tiny model folder for each task, written once per session."""

import pytest
import tiny_models


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return tiny_models.Folders(tmp_path_factory.mktemp("folders"))
