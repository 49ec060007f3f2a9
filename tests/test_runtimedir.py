"""The folder for the server's own socket: private, gone afterwards, on a disk with room."""

import socket
import tempfile
from pathlib import Path

import pytest

from tileserver.errors import StartError
from tileserver.processes import runtimedir as module
from tileserver.processes.runtimedir import SOCKET, open_runtime_dir


def test_the_socket_answers_and_is_gone_afterwards() -> None:
    with open_runtime_dir() as (directory, listener):
        assert directory.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(directory / SOCKET))
            listener.accept()[0].close()
    assert not directory.exists()
    assert listener.fileno() == -1


def test_where_the_first_folder_cannot_be_used_the_next_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 120)  # longer than a socket's path may be
    deep.mkdir()
    places = [str(tmp_path / "absent"), str(deep), None]
    monkeypatch.setattr(module, "_places", lambda: places)
    with open_runtime_dir() as (directory, _):
        assert directory.parent == Path(tempfile.gettempdir())
    assert not list(deep.iterdir())


def test_without_any_room_the_start_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_places", lambda: [str(tmp_path / "absent")])
    with pytest.raises(StartError, match="can make none .No such file.*TMPDIR"), open_runtime_dir():
        pass
