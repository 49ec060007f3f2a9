"""The process that makes tiles, for web processes that ask over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from tileserver.cache.tilecache import TileCache
from tileserver.errors import ServerError
from tileserver.logs import fields
from tileserver.processes.cpupriority import lower_priority, separate_processors
from tileserver.processes.process import ProcessContext, report_failure
from tileserver.rendering import protocol as messages
from tileserver.rendering.engine.jobs import Answer, Ask, Key
from tileserver.rendering.engine.workshop import Workshop
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Models, describe
from tileserver.rendering.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from generator.cascade.renderer import Renderer
    from tileserver.settings import Settings

STATE_SECONDS = 1.0
"""How often web processes hear that this process is well."""

_KEEP_PATH: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
"""The socket's path outlives this process: the next one listens there too."""

log = logging.getLogger("elsewhere")


def run(
    start: ProcessContext, load: Callable[[Settings], Renderer], listener: socket.socket
) -> None:
    """Load the renderer and make tiles until the supervisor says stop; tells it how that went."""
    start.enter()
    with report_failure(start):
        renderer = _load(start.settings, load)
        lower_priority(start.settings.nice)  # only now: a start takes no longer than need be
        cache = TileCache.open(start.settings.cache, start.settings.cache_limit)
        with contextlib.closing(cache):
            metrics = Metrics(start.rows, start.row)
            workshop = Workshop(start.settings, metrics, cache, renderer)
            try:
                with separate_processors(metrics):
                    asyncio.run(Counter(workshop).serve(listener, start))
            finally:
                workshop.close()
                metrics.queue_length.set(0)


def _load(settings: Settings, load: Callable[[Settings], Renderer]) -> Renderer:
    """Load the renderer, and log what it is."""
    renderer = Models(settings).load(load)
    about = describe(renderer)
    told: dict[str, Any] = {name: about[name] for name in ("weights", "memory") if name in about}
    if memory := told.get("memory"):
        told |= {"memory": memory["digest"], "scenes": sum(memory["scenes"].values())}
    log.info("the model is loaded", extra=fields(**told))
    return renderer


class Counter:
    """Where web processes hand in what they want and get it."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._customers: set[Customer] = set()

    async def serve(self, listener: socket.socket, start: ProcessContext) -> None:
        """Answer everybody until the supervisor says stop."""
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        server = await asyncio.start_unix_server(self._welcome, sock=listener, **_KEEP_PATH)
        start.ready(partial(loop.call_soon_threadsafe, ending.set))
        start.complete()
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), STATE_SECONDS)
            state = Message({"is": "state", "problem": self.workshop.problem()})
            for customer in self._customers:
                customer.send(state)
        server.close()
        await asyncio.to_thread(self.workshop.close)
        await asyncio.sleep(0)  # the last answers were handed to the loop by other threads
        for customer in list(self._customers):
            with contextlib.suppress(OSError):
                await customer.writer.drain()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        customer = Customer(self.workshop, writer)
        self._customers.add(customer)
        try:
            hello = {
                "is": "hello",
                "identity": self.workshop.renderer.identity.hex(),
                "model": self.workshop.model(),
                "problem": self.workshop.problem(),
            }
            customer.send(Message(hello))
            # Python 3.11 logs a reader that is cancelled, as all are at the end, as an error.
            with contextlib.suppress(asyncio.CancelledError):
                while (message := await messages.receive(reader)) is not None:
                    customer.hear(message)
        finally:
            self._customers.discard(customer)
            customer.leave()
            writer.close()


class Customer:
    """One web process: what it waits for, by the numbers that it gave."""

    def __init__(self, workshop: Workshop, writer: asyncio.StreamWriter) -> None:
        self.workshop = workshop
        self.writer = writer
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[Key, Answer, Ask]] = {}

    def send(self, message: Message) -> None:
        """Send without waiting."""
        if not self.writer.is_closing():
            self.writer.write(message.packed())

    def hear(self, message: Message) -> None:
        """Do what is asked."""
        number = message.head["id"]
        if message.head["do"] == "cancel":
            return self._abandon(number)
        seed, tile, ask = messages.wish(message.head)
        try:
            answer = self.workshop.request((seed, tile), ask)
        except ServerError as error:
            return self.send(messages.error_answer(number, error))
        self._waiting[number] = ((seed, tile), answer, ask)
        answer.add_done_callback(partial(self._answered, number))

    def leave(self) -> None:
        """Give up all that this process waited for."""
        for number in list(self._waiting):
            self._abandon(number)

    def _abandon(self, number: int) -> None:
        found = self._waiting.pop(number, None)
        if found is not None:
            key, answer, ask = found
            self.workshop.abandon(key, answer, ask)

    def _answered(self, number: int, answer: Answer) -> None:
        """Pass an answer on; runs on whichever thread completed it."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._pass_on, number, answer)

    def _pass_on(self, number: int, answer: Answer) -> None:
        if self._waiting.pop(number, None) is None:
            return
        error = answer.exception()
        if error is not None:
            self.send(messages.error_answer(number, error))
        else:
            self.send(messages.tile_answer(number, answer.result()))
