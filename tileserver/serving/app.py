"""The application: routes, middleware, and resources for its lifetime."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from generator.grid.errors import GeneratorError
from tileserver.errors import Problem, ServerError, problem, problem_for
from tileserver.rendering.client.service import TileService
from tileserver.serving.access import Access
from tileserver.serving.endpoints import routes
from tileserver.serving.http import METHODS
from tileserver.serving.middleware import AccessLogMiddleware, AnswerMiddleware
from tileserver.serving.protocol import ProtocolContext
from tileserver.serving.tiles import TileEndpoint


def create_app(service: TileService) -> Starlette:
    """Return the application, which starts the service and closes it; it is `app.state.service`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.close)

    middleware = [Middleware(AnswerMiddleware, metrics=service.metrics)]
    if service.settings.access_log:
        middleware.insert(0, Middleware(AccessLogMiddleware, access=Access(service.settings)))
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
    hot_response = None if service.settings.access_log else TileEndpoint(service).hot_response
    return ProtocolContext(hot_response, service.metrics.answered)


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
