"""The application: middleware, resources for its lifetime, and the server process round it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from generator.errors import GeneratorError
from tileserver.cache import TileCache
from tileserver.edge import Edge
from tileserver.endpoints import routes
from tileserver.errors import Problem, ServerError, StartError, problem, problem_for
from tileserver.http import METHODS
from tileserver.metrics import Metrics
from tileserver.protocol import Front
from tileserver.service import TileService
from tileserver.settings import Settings
from tileserver.tiles import TileEndpoint

if TYPE_CHECKING:
    from generator.cascade import Cascade, Renderer

DRAIN_SECONDS = 5.0
"""How long tiles are still made after SIGTERM; then requests that wait for one are turned away."""

GRACE_SECONDS = 5
"""How long answers may take after that."""

log = logging.getLogger("elsewhere")


def create_app(
    settings: Settings, renderer: Renderer | None = None, cache: TileCache | None = None
) -> Starlette:
    """Return the application; without a renderer it loads the shipped one after it has started.

    A cache that is not given is opened with the application; either is closed with it. The
    service stands in `app.state.service`.
    """
    metrics = Metrics()
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
        else:
            loading = asyncio.ensure_future(_load_and_open(service, opened))
        try:
            yield
        finally:
            await loading
            await asyncio.to_thread(service.close)
            opened.close()

    app = Starlette(
        routes=routes(service),
        middleware=[Middleware(Edge, metrics=metrics)],
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


def load_renderer(settings: Settings) -> Cascade:
    """Load the generator with the settings' base map and weights. Raises GeneratorError."""
    import generator  # importing torch takes seconds, so it happens only where it is needed

    return generator.load(
        base=settings.base,
        weights=settings.weights,
        steps=settings.steps,
        threads=settings.threads,
    )


def serve(settings: Settings) -> None:
    """Check everything, print the address, and serve until SIGINT or SIGTERM.

    Raises ServerError or GeneratorError, before anything is served, when something is wrong.
    """
    listener = listen(settings.host, settings.port)
    with contextlib.closing(listener):
        cache = TileCache.open(settings.cache, settings.cache_limit)
        with contextlib.closing(cache):
            app = create_app(settings, load_renderer(settings), cache)
            config = uvicorn.Config(
                app,
                http=front(app.state.service).protocol(),
                ws="none",
                lifespan="on",
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=int(DRAIN_SECONDS) + GRACE_SECONDS,
            )
            print(
                f"Elsewhere is at {address(listener, settings.host)} (seed {settings.seed}, "
                f"cache {settings.cache}); Ctrl+C stops it.",
                flush=True,
            )
            with _calm_exit():
                DrainingServer(config, app.state.service).run(sockets=[listener])
    print("Elsewhere has stopped.", file=sys.stderr)


def front(service: TileService) -> Front:
    """Return what the connections of a server share: stored tiles are answered by the protocol.

    With an access log every request goes through the application, which is where it is written.
    """
    at_hand = None if service.settings.access_log else TileEndpoint(service).at_hand
    return Front(at_hand, service.metrics.answered)


class DrainingServer(uvicorn.Server):
    """A server that, once told to stop, goes on making tiles for a few seconds only."""

    def __init__(self, config: uvicorn.Config, service: TileService) -> None:
        super().__init__(config)
        self.service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what can be finished, turn the others away, and close."""
        ending = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self.service.refuse)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections; port 0 takes a free one. Raises StartError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except socket.gaierror as error:
        raise StartError(
            f"the host {host!r} cannot be found ({error.strerror}), expected a name or an IP "
            "address of this machine"
        ) from None
    except OSError as error:
        reason = {
            "EADDRINUSE": "is in use by another program",
            "EACCES": "may not be used without more rights",
        }.get(errno.errorcode.get(error.errno or 0, ""), f"cannot be used: {error}")
        raise StartError(
            f"port {port} of {host} {reason}, expected a free one; give another with --port"
        ) from None


def address(listener: socket.socket, host: str) -> str:
    """Return the URL to open in a browser."""
    port = listener.getsockname()[1]
    name = "localhost" if host in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


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


@contextlib.contextmanager
def _calm_exit() -> Iterator[None]:
    """Let the two signals end the server without ending the process abruptly afterwards."""

    def ignore(number: int, frame: FrameType | None) -> None:
        pass

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
