"""A render engine behind a Unix socket, for the web processes that connect to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tileserver.errors import ServerError
from tileserver.rendering import protocol
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.scheduler import Answer, Key
from tileserver.rendering.protocol import Message
from tileserver.rendering.request import RequestOptions

STATE_SECONDS = 1.0
"""How often web processes hear that this process is well."""

_KEEP_PATH: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
"""The socket's path outlives this process: the next one listens there too."""


class RenderServer:
    """Takes requests of web processes to an engine and answers to the web processes."""

    def __init__(self, engine: RenderEngine) -> None:
        self.engine = engine
        self._connections: set[ClientConnection] = set()

    async def serve(
        self, listener: socket.socket, started: Callable[[Callable[[], object]], object]
    ) -> None:
        """Answer everybody until told to stop, then close the engine.

        started: is called once with the function, for any thread, that ends the serving.
        """
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        server = await asyncio.start_unix_server(self.connected, sock=listener, **_KEEP_PATH)
        started(partial(loop.call_soon_threadsafe, ending.set))
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), STATE_SECONDS)
            state = Message({"is": "state", "problem": self.engine.problem()})
            for connection in self._connections:
                connection.send(state)
        server.close()
        await asyncio.to_thread(self.engine.close)
        await asyncio.sleep(0)  # the last answers were handed to the loop by other threads
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                await connection.writer.drain()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        connection = ClientConnection(self.engine, writer)
        self._connections.add(connection)
        try:
            hello = {
                "is": "hello",
                "identity": self.engine.store.identity.hex(),
                "model": self.engine.store.model,
                "problem": self.engine.problem(),
            }
            connection.send(Message(hello))
            # Python 3.11 logs a reader that is cancelled, as all are at the end, as an error.
            with contextlib.suppress(asyncio.CancelledError):
                while (message := await protocol.receive(reader)) is not None:
                    connection.handle(message)
        finally:
            self._connections.discard(connection)
            connection.abandon_all()
            writer.close()


class ClientConnection:
    """One web process: what it waits for, by the numbers that it gave."""

    def __init__(self, engine: RenderEngine, writer: asyncio.StreamWriter) -> None:
        self.engine = engine
        self.writer = writer
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[Key, Answer, RequestOptions]] = {}

    def send(self, message: Message) -> None:
        """Send without waiting."""
        if not self.writer.is_closing():
            self.writer.write(message.packed())

    def handle(self, message: Message) -> None:
        """Do what a message asks for."""
        number = message.head["id"]
        if message.head["do"] == "cancel":
            return self._abandon(number)
        seed, tile, options = protocol.read_request(message.head)
        try:
            answer = self.engine.request((seed, tile), options)
        except ServerError as error:
            return self.send(protocol.error_answer(number, error))
        self._waiting[number] = ((seed, tile), answer, options)
        answer.add_done_callback(partial(self._answered, number))

    def abandon_all(self) -> None:
        """Give up all that this process waited for."""
        for number in list(self._waiting):
            self._abandon(number)

    def _abandon(self, number: int) -> None:
        found = self._waiting.pop(number, None)
        if found is not None:
            key, answer, options = found
            self.engine.abandon(key, answer, options.client)

    def _answered(self, number: int, answer: Answer) -> None:
        """Pass an answer on; runs on whichever thread completed it."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._pass_on, number, answer)

    def _pass_on(self, number: int, answer: Answer) -> None:
        if self._waiting.pop(number, None) is None:
            return
        error = answer.exception()
        if error is not None:
            self.send(protocol.error_answer(number, error))
        else:
            self.send(protocol.tile_answer(number, answer.result()))
