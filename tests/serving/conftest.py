"""A tiny model folder for each task, written once per session, and servers of them."""

import pytest
import running_server
from tiny_task_folders import Folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="module")
def serve(folders):
    """Function(name of a folder, {limit: value}, …) → `Running`, the same for the same."""
    servers = {}

    def start(task, limits=None, **options):
        key = task, str(limits), str(options)
        if key not in servers:
            model = {"model": folders[task], "name": "model"}
            servers[key] = running_server.Running.of_model(limits, **model, **options)
        return servers[key]

    yield start
    for server in servers.values():
        server.stop()
