"""A server of any application in a thread, and plain sockets to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.waiting import wait_until
from tileserver.serving.http import send_plain
from tileserver.serving.listener import listen
from tileserver.serving.protocol import ProtocolContext


@contextmanager
def serving(context: ProtocolContext, app: Any) -> Iterator[tuple[int, uvicorn.Server]]:
    """Serve until the block ends; give the port and the server."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        http=context.protocol(),
        lifespan="off",
        ws="none",
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield listener.getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path."""
    body = scope["path"].encode()
    await send_plain(send, 200, [(b"content-length", str(len(body)).encode())], body)


def ask(port: int, data: bytes, timeout: float = 10.0) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout) as client:
        client.sendall(data)
        return until_closed(client)


def until_closed(client: socket.socket) -> bytes:
    """Return all that comes until the server closes, however it does that."""
    found = b""
    try:
        while piece := client.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def read_until(client: socket.socket, end: bytes) -> bytes:
    """Return what comes, up to some bytes."""
    found = b""
    while end not in found:
        piece = client.recv(1 << 16)
        assert piece, found
        found += piece
    return found
