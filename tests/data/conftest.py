"""Fixtures for tests of readers: small files, and error messages of one line."""

import pathlib

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of text or bytes in an empty folder, the test's working directory."""
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        data = content if isinstance(content, bytes) else content.encode()
        pathlib.Path(name).write_bytes(data)
        return name

    return write


@pytest.fixture
def refusal():
    """Calls a function that must raise, and returns the message, which must be one line."""

    def refusal(call, *args, error=ValueError, **kwargs):
        with pytest.raises(error) as caught:
            call(*args, **kwargs)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        return message

    return refusal
