"""The application: routes, middleware, and resources for its lifetime."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from generator.grid.errors import GeneratorError
from tileserver.cache.tilecache import TileCache
from tileserver.errors import Problem, ServerError, problem, problem_for
from tileserver.rendering.client.remote import RemoteBackend
from tileserver.rendering.client.service import TileService
from tileserver.rendering.engine.loading import load_renderer
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Models
from tileserver.serving.access import Access
from tileserver.serving.endpoints import routes
from tileserver.serving.http import METHODS
from tileserver.serving.middleware import AccessLogMiddleware, AnswerMiddleware
from tileserver.serving.protocol import ProtocolContext
from tileserver.serving.tiles import TileEndpoint
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

log = logging.getLogger("elsewhere")


def create_app(
    settings: Settings,
    renderer: Renderer | None = None,
    cache: TileCache | None = None,
    generator: Path | None = None,
    metrics: Metrics | None = None,
) -> Starlette:
    """Return the application; its lifetime opens what it needs and closes what it uses.

    Tiles are made by `renderer` in this process, or by the generator process behind the Unix socket
    `generator`, or by the shipped renderer, which is then loaded after the start. A cache that is
    not given is opened. The service stands in `app.state.service`.
    """
    metrics = metrics or Metrics()
    service = TileService(settings, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        opened = cache
        if opened is None:
            opened = await asyncio.to_thread(TileCache.open, settings.cache, settings.cache_limit)
        loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if renderer is not None:
            service.open(opened, renderer)
            loading.set_result(None)
        elif generator is not None:
            service.attach(opened, RemoteBackend(generator, Models(settings).recall()))
            loading.set_result(None)
        else:
            loading = asyncio.ensure_future(_load_and_open(service, opened))
        try:
            yield
        finally:
            await loading
            await asyncio.to_thread(service.close)
            opened.close()

    middleware = [Middleware(AnswerMiddleware, metrics=metrics)]
    if settings.access_log:
        middleware.insert(0, Middleware(AccessLogMiddleware, access=Access(settings)))
    app = Starlette(
        routes=routes(service),
        middleware=middleware,
        exception_handlers={
            HTTPException: _http_problem,
            ServerError: _domain_problem,
            GeneratorError: _domain_problem,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


def protocol_context(service: TileService) -> ProtocolContext:
    """Return what the connections of a server share: stored tiles are answered by the protocol.

    With an access log every request goes through the application, which is where it is written.
    """
    at_hand = None if service.settings.access_log else TileEndpoint(service).at_hand
    return ProtocolContext(at_hand, service.metrics.answered)


async def _load_and_open(service: TileService, cache: TileCache) -> None:
    """Load the model and open the service; what goes wrong is told by /readyz."""
    try:
        service.open(cache, await asyncio.to_thread(load_renderer, service.settings))
    except GeneratorError as error:
        log.error("%s", error)
        service.failure = str(error)
    except Exception as error:
        log.exception("loading the model failed")
        service.failure = f"the model cannot be loaded: {error}"


def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path[:100]}, expected /z/x/y.png or /"
    else:
        detail = f"{request.method} is not possible here, expected GET or HEAD"
    allow = ((b"allow", METHODS),) if error.status_code == 405 else ()
    return _response(problem_for(error.status_code, detail), *allow)


def _domain_problem(request: Request, error: Exception) -> Response:
    return _response(problem(error))


def _response(answer: Problem, *extra: tuple[bytes, bytes]) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = [*answer.headers, *extra]
    return response
