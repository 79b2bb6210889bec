"""What the tests of readers share: small files, and errors as one line."""

import pathlib

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of text or bytes in an empty folder, where the test then stands."""
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        data = content if isinstance(content, bytes) else content.encode()
        pathlib.Path(name).write_bytes(data)
        return name

    return write


@pytest.fixture
def refusal():
    """Calls what must raise and returns the message, always one line."""

    def refusal(call, *args, error=ValueError, **kwargs):
        with pytest.raises(error) as caught:
            call(*args, **kwargs)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        return message

    return refusal
