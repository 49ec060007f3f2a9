"""The process that makes tiles, for web processes that ask over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any

from tileserver.cache.tilecache import TileCache
from tileserver.logs import fields
from tileserver.processes.cpupriority import lower_priority, separate_processors
from tileserver.processes.process import ProcessContext, report_failure
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.server import RenderServer
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Models, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from generator.cascade.renderer import Renderer
    from tileserver.settings import Settings

log = logging.getLogger("elsewhere")


def run(
    start: ProcessContext,
    load: Callable[[Settings], Renderer],
    listener: socket.socket,
    check: Callable[[bytes], None],
) -> None:
    """Load the renderer and make tiles until the supervisor says stop; tells it how that went.

    check: raises a ServerError unless the renderer's world, by its fingerprint, may be served.
    """

    def started(stop: Callable[[], object]) -> None:
        start.ready(stop)
        start.complete()

    start.enter()
    with report_failure(start):
        renderer = _load(start.settings, load)
        check(renderer.fingerprint(start.settings.seed))
        lower_priority(start.settings.nice)  # only now: a start takes no longer than need be
        cache = TileCache.open(start.settings.cache, start.settings.cache_limit)
        with contextlib.closing(cache):
            metrics = Metrics(start.rows, start.row)
            engine = RenderEngine.open(start.settings, metrics, cache, renderer)
            try:
                with separate_processors(metrics):
                    asyncio.run(RenderServer(engine).serve(listener, started))
            finally:
                engine.close()
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
