"""The generator process as a web process sees it: a backend behind a socket."""

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
from tileserver.rendering import protocol as messages
from tileserver.rendering.engine.jobs import Ask
from tileserver.rendering.engine.scheduler import stopping
from tileserver.rendering.models import Model
from tileserver.rendering.protocol import Message

MAX_ATTEMPTS = 3
"""How many generator processes may end with a tile unmade before its request fails."""

LATER_SECONDS = 10.0
"""When to ask again for such a tile; perhaps it was not its fault."""

SILENCE_SECONDS = 15.0
"""A generator process that says nothing for so long is not well."""

PAUSE_SECONDS = 0.1
"""Time between two attempts to connect."""

MAX_WORLDS = 4096

STARTING = "the process that makes tiles is being started"

log = logging.getLogger("elsewhere")


@dataclass(eq=False, slots=True)
class _Wish:
    message: Message
    answer: asyncio.Future[CachedTile]
    attempts: int = 0


class RemoteBackend:
    """Asks the generator process behind the Unix socket `path`; made inside a running event loop.

    When that process dies, everything that it owes is asked of the next one. recalled: the model
    that it is expected to have; what it says itself counts as soon as it does.
    """

    def __init__(self, path: Path, recalled: Model | None = None) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._wishes: dict[int, _Wish] = {}
        self._worlds: dict[int, bytes] = {}
        self._model = recalled
        self._problem: str | None = STARTING
        self._heard = 0.0
        self._writer: asyncio.StreamWriter | None = None
        self._greeted = asyncio.Event()
        self._refusing = False
        self._settled = asyncio.Event()
        if recalled is not None:
            self._settled.set()
        self._task = asyncio.create_task(self._run())

    async def known(self) -> None:
        """Wait until worlds can be named. Raises UnavailableError when this server stops."""
        await self._settled.wait()
        if self._model is None:
            raise stopping()

    async def greeted(self) -> None:
        """Wait until the generator process is there."""
        await self._greeted.wait()

    async def make(self, seed: int, tile: Tile, ask: Ask) -> CachedTile:
        """Have a tile made: see `Backend`."""
        if self._refusing:
            raise stopping()
        number = next(self._numbers)
        wish = _Wish(messages.make(number, seed, tile, ask), self._loop.create_future())
        self._wishes[number] = wish
        self._send(wish.message)
        try:
            return await wish.answer
        finally:
            if self._wishes.pop(number, None) is not None:
                self._send(Message({"do": "cancel", "id": number}))

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world. Raises UnavailableError until it is known."""
        world = self._worlds.get(seed)
        if world is None:
            if self._model is None:
                raise UnavailableError(STARTING)
            if len(self._worlds) >= MAX_WORLDS:
                self._worlds.clear()
            world = self._worlds[seed] = fingerprint(self._model.identity, seed)
        return world

    def pending(self, world: bytes, tile: Tile) -> CachedTile | None:
        """Return None: what is made but not stored is known to the other process only."""
        return None

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself."""
        return {} if self._model is None else self._model.about

    def problem(self) -> str | None:
        """Return why tiles cannot be made and stored, or None."""
        if self._greeted.is_set() and self._loop.time() - self._heard > SILENCE_SECONDS:
            return "the process that makes tiles does not answer"
        return self._problem

    def refuse(self) -> None:
        """Turn away all that waits, and all that comes."""
        self._refusing = True
        self._settled.set()
        for wish in list(self._wishes.values()):
            if not wish.answer.done():
                wish.answer.set_exception(stopping())

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
        """Hear the generator process until it goes."""
        self._heard = self._loop.time()
        for wish in self._wishes.values():
            self._send(wish.message)
        while (message := await messages.receive(reader)) is not None:
            self._heard = self._loop.time()
            self._hear(message)

    def _hear(self, message: Message) -> None:
        head = message.head
        if head["is"] == "hello":
            self._greet(head)
        elif head["is"] == "state":
            self._problem = head["problem"]
        else:
            wish = self._wishes.pop(head["id"], None)
            if wish is None or wish.answer.done():
                return
            if head["is"] == "tile":
                wish.answer.set_result(messages.entry_of(message))
            else:
                wish.answer.set_exception(messages.error_of(head))

    def _greet(self, head: dict[str, Any]) -> None:
        model = Model(bytes.fromhex(head["identity"]), head["model"])
        if self._model is None or model.identity != self._model.identity:
            if self._model is not None:
                log.warning("the process that makes tiles has another model than before")
            self._worlds.clear()
        self._model, self._problem = model, head["problem"]
        self._settled.set()
        self._greeted.set()

    def _count_attempts(self) -> None:
        """Give up on tiles that have outlived too many generator processes."""
        for wish in self._wishes.values():
            wish.attempts += 1
            if wish.attempts >= MAX_ATTEMPTS and not wish.answer.done():
                z, x, y = wish.message.head["tile"]
                wish.answer.set_exception(
                    UnavailableError(
                        f"tile {z}/{x}/{y} could not be made: the process that makes tiles ended "
                        f"{wish.attempts} times meanwhile; try again later",
                        retry=LATER_SECONDS,
                    )
                )

    def _send(self, message: Message) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(message.packed())
