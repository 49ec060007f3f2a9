"""The listening socket: errors in a sentence, and an address that can be opened."""

import contextlib
import socket

import pytest

from tileserver.errors import StartError
from tileserver.serving import listener as module
from tileserver.serving.listener import address, listen


def test_a_port_in_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is in use by another"):
            listen("127.0.0.1", port)


def test_a_port_that_becomes_free_meanwhile_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    monkeypatch.setattr(module.time, "sleep", lambda _: taken.close())
    listen("127.0.0.1", port).close()


def test_a_host_that_is_not_here_is_told() -> None:
    with pytest.raises(StartError, match="'no.such.host.invalid' cannot be found"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(StartError, match=r"port 0 of 192\.0\.2\.1 cannot be used"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "family", "shown"),
    [
        ("127.0.0.1", socket.AF_INET, "http://127.0.0.1:"),
        ("0.0.0.0", socket.AF_INET, "http://localhost:"),
        ("fe80::1", socket.AF_INET, "http://[fe80::1]:"),
    ],
)
def test_the_address_can_be_opened(host: str, family: int, shown: str) -> None:
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0))
        assert address(listener, host) == f"{shown}{listener.getsockname()[1]}/"
