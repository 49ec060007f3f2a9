"""A web process's connection to the generator process, which makes the tiles."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.grid.tile import Tile
from generator.grid.world import fingerprint
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import UnavailableError
from tileserver.rendering import protocol
from tileserver.rendering.models import Model
from tileserver.rendering.protocol import Message
from tileserver.rendering.request import RequestOptions, stopping

MAX_ATTEMPTS = 3
"""How many generator processes may end with a tile unmade before its request fails."""

LATER_SECONDS = 10.0
"""When to ask again for such a tile; perhaps it was not its fault."""

SILENCE_SECONDS = 15.0
"""A generator process that says nothing for so long is not well."""

PAUSE_SECONDS = 0.1
"""Time between two attempts to connect."""

STARTING = "the process that makes tiles is being started"

log = logging.getLogger("elsewhere")


@dataclass(eq=False, slots=True)
class PendingRequest:
    """A request that is not answered. attempts: generator processes that ended meanwhile."""

    message: Message
    answer: asyncio.Future[CachedTile]
    attempts: int = 0


class RenderClient:
    """Asks the generator process behind the Unix socket `path`; used on one event loop.

    When that process dies, everything that it owes is asked of the next one. recalled: the model
    that it is expected to have; what it says itself counts as soon as it does.
    """

    def __init__(self, path: Path, recalled: Model | None = None) -> None:
        self.path = path
        self._numbers = itertools.count(1)
        self._pending: dict[int, PendingRequest] = {}
        self._model = recalled
        self._problem: str | None = STARTING
        self._heard = 0.0
        self._writer: asyncio.StreamWriter | None = None
        self._refusing = False
        self._greeted = asyncio.Event()
        self._model_known = asyncio.Event()
        if recalled is not None:
            self._model_known.set()

    def start(self) -> None:
        """Begin to connect, on the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())

    async def known(self) -> None:
        """Wait until worlds can be named. Raises UnavailableError when this server stops."""
        await self._model_known.wait()
        if self._model is None:
            raise stopping()

    async def greeted(self) -> None:
        """Wait until the generator process is there."""
        await self._greeted.wait()

    async def render(self, seed: int, tile: Tile, options: RequestOptions) -> CachedTile:
        """Have a tile made and return it; cancelling takes the request back.

        Raises ServerError: what the generator process answers, or that it ended too often.
        """
        if self._refusing:
            raise stopping()
        number = next(self._numbers)
        message = protocol.tile_request(number, seed, tile, options)
        pending = PendingRequest(message, self._loop.create_future())
        self._pending[number] = pending
        self._send(message)
        try:
            return await pending.answer
        finally:
            if self._pending.pop(number, None) is not None:
                self._send(protocol.cancellation(number))

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world. Raises UnavailableError until it is known."""
        if self._model is None:
            raise UnavailableError(STARTING)
        return fingerprint(self._model.identity, seed)

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object; {} until it is known."""
        return {} if self._model is None else self._model.about

    def problem(self) -> str | None:
        """Return why tiles cannot be made and stored, or None."""
        if self._greeted.is_set() and self._loop.time() - self._heard > SILENCE_SECONDS:
            return "the process that makes tiles does not answer"
        return self._problem

    def refuse(self) -> None:
        """Turn away all that waits, and all that comes."""
        self._refusing = True
        self._model_known.set()
        for pending in list(self._pending.values()):
            if not pending.answer.done():
                pending.answer.set_exception(stopping())

    def close(self) -> None:
        """Let the generator process go; any thread may call this."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self.path))
            except OSError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            try:
                await self._converse(reader)
            except Exception:
                log.exception("what the process that makes tiles says cannot be understood")
            finally:
                self._writer.close()
                self._writer = None
                self._greeted.clear()
            log.warning("the process that makes tiles has gone; waiting for the next one")
            self._problem = STARTING
            self._count_attempts()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _converse(self, reader: asyncio.StreamReader) -> None:
        """Send what waits, and hear the generator process until it goes."""
        self._heard = self._loop.time()
        for pending in self._pending.values():
            self._send(pending.message)
        while (message := await protocol.receive(reader)) is not None:
            self._heard = self._loop.time()
            self._handle(message)

    def _handle(self, message: Message) -> None:
        head = message.head
        if head["is"] == "hello":
            self._greet(head)
        elif head["is"] == "state":
            self._problem = head["problem"]
        else:
            pending = self._pending.pop(head["id"], None)
            if pending is None or pending.answer.done():
                return
            if head["is"] == "tile":
                pending.answer.set_result(protocol.read_tile(message))
            else:
                pending.answer.set_exception(protocol.read_error(head))

    def _greet(self, head: dict[str, Any]) -> None:
        model = Model(bytes.fromhex(head["identity"]), head["model"])
        if self._model is not None and model.identity != self._model.identity:
            log.warning("the process that makes tiles has another model than before")
        self._model, self._problem = model, head["problem"]
        self._model_known.set()
        self._greeted.set()

    def _count_attempts(self) -> None:
        """Give up on tiles that have outlived too many generator processes."""
        for pending in self._pending.values():
            pending.attempts += 1
            if pending.attempts >= MAX_ATTEMPTS and not pending.answer.done():
                z, x, y = pending.message.head["tile"]
                pending.answer.set_exception(
                    UnavailableError(
                        f"tile {z}/{x}/{y} could not be made: the process that makes tiles ended "
                        f"{pending.attempts} times meanwhile; try again later",
                        retry=LATER_SECONDS,
                    )
                )

    def _send(self, message: Message) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(message.packed())
