"""What each path answers: tiles, TileJSON, the API, health, metrics and the viewer's files."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
from importlib import resources
from pathlib import Path
from typing import Any

import xstatic.pkg.leaflet
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from generator.errors import GeneratorError
from generator.tile import EQUATOR_RESOLUTION, MAX_LATITUDE, MAX_ZOOM, TILE_SIZE, Tile
from tileserver.cache import Entry
from tileserver.encode import MEDIA_TYPE
from tileserver.errors import BadRequestError, ServerError, UnavailableError, problem, problem_for
from tileserver.http import (
    CACHE_CONTROL,
    is_unchanged,
    parse_address,
    parse_seed,
    send_plain,
    send_problem,
    until_disconnect,
)
from tileserver.metrics import CONTENT_TYPE
from tileserver.service import TileService

METHODS = b"GET, HEAD, OPTIONS"

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Elsewhere</title>
<h1>Elsewhere</h1><p>The viewer's files are not installed. The tiles are here:
<a href="tilejson.json">tilejson.json</a>, <a href="0/0/0.png">0/0/0.png</a>.</p></html>"""


class TileEndpoint:
    """The tiles, as a bare ASGI application: a stored tile costs one lookup on the event loop.

    HEAD never makes a tile: for one that is not stored yet it answers 200 without ETag and length.
    """

    def __init__(self, service: TileService) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a tile."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            refusal = problem_for(405, f"{method} is not possible here, expected GET or HEAD")
            return await send_problem(send, refusal, (b"allow", METHODS))
        try:
            seed, tile = parse_address(scope["path_params"], self.service.settings.seed)
            entry = self.service.lookup(seed, tile)
            if entry is None:
                if method == "HEAD":
                    return await send_plain(send, 200, _unmade_headers())
                entry = await self._made(seed, tile, receive)
        except (ServerError, GeneratorError) as error:
            return await send_problem(send, problem(error))
        if entry is not None:
            await _send_tile(scope, send, entry)

    async def _made(self, seed: int, tile: Tile, receive: Receive) -> Entry | None:
        """Have the tile made; None when the client went away meanwhile."""
        making = asyncio.ensure_future(self.service.make(seed, tile))
        leaving = asyncio.ensure_future(until_disconnect(receive))
        try:
            await asyncio.wait((making, leaving), return_when=asyncio.FIRST_COMPLETED)
            return await making if making.done() else None
        finally:
            making.cancel()
            leaving.cancel()


async def _send_tile(scope: Scope, send: Send, entry: Entry) -> None:
    tag = b'"' + entry.digest.hex().encode() + b'"'
    headers = [(b"etag", tag), (b"cache-control", CACHE_CONTROL)]
    if is_unchanged(scope["headers"], tag):
        return await send_plain(send, 304, headers)
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    headers.append((b"content-length", str(len(entry.payload)).encode()))
    await send_plain(send, 200, headers, b"" if scope["method"] == "HEAD" else entry.payload)


def _unmade_headers() -> list[tuple[bytes, bytes]]:
    return [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")]


class Pages:
    """Everything that is not a tile."""

    def __init__(self, service: TileService) -> None:
        self.service = service
        self.web = web_directory()

    async def index(self, request: Request) -> Response:
        """Answer with the viewer's page."""
        page = self.web / "index.html" if self.web is not None else None
        if page is None or not page.is_file():
            return HTMLResponse(_PAGE)
        return FileResponse(page, headers={"cache-control": "no-cache"})

    async def livez(self, request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "alive"}, headers={"cache-control": "no-store"})

    async def readyz(self, request: Request) -> Response:
        """Say whether tiles can be made and stored; 503 with the reason otherwise."""
        reason = self.service.problem()
        if reason is not None:
            raise UnavailableError(reason)
        return JSONResponse({"status": "ready"}, headers={"cache-control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Answer with the metrics in Prometheus' text format."""
        return Response(self.service.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def info(self, request: Request) -> Response:
        """Describe the server, its model and its zooms. Seeds are text: JSON rounds large ones."""
        zooms = [
            {
                "zoom": zoom,
                "kind": Tile(zoom, 0, 0).kind,
                "nominal_m_per_px": round(EQUATOR_RESOLUTION / 2**zoom, 3),
            }
            for zoom in range(MAX_ZOOM + 1)
        ]
        return _json(
            {
                "name": "Elsewhere",
                "version": version(),
                "seed": str(self.service.settings.seed),
                "max_zoom": MAX_ZOOM,
                "tile_size": TILE_SIZE,
                "tiles": "/{seed}/{z}/{x}/{y}.png",
                "attribution": self.attribution(),
                "ready": self.service.problem() is None,
                "model": self.service.model(),
                "stages": zooms,
            }
        )

    async def tilejson(self, request: Request) -> Response:
        """Answer with TileJSON 3.0.0 for the default world or the seed in the path."""
        seed = request.path_params.get("seed")
        prefix = "" if seed is None else f"{parse_seed(seed)}/"
        try:
            root = str(request.base_url)
        except ValueError:
            raise BadRequestError("the Host header is not a host name") from None
        world = self.service.settings.seed if seed is None else parse_seed(seed)
        return _json(
            {
                "tilejson": "3.0.0",
                "name": f"Elsewhere, seed {world}",
                "description": "A generated Earth; no place in it is real.",
                "version": "1.0.0",
                "scheme": "xyz",
                "tiles": [f"{root}{prefix}{{z}}/{{x}}/{{y}}.png"],
                "minzoom": 0,
                "maxzoom": MAX_ZOOM,
                "bounds": [-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE],
                "center": [0.0, 20.0, 2],
                "attribution": self.attribution(),
            }
        )

    def attribution(self) -> str:
        """Return whom to credit under a map."""
        base = self.service.settings.base
        source = "NASA Blue Marble" if base is None else base.name
        return f"Generated by Elsewhere, not a real place; base map: {source}"


class ViewerFiles(StaticFiles):
    """The viewer's files, without the Python ones beside them, always checked for changes."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file; Python's own files do not exist here."""
        hidden = path.endswith((".py", ".pyc")) or "__pycache__" in path
        return ("", None) if hidden else super().lookup_path(path)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file that browsers ask about before they use it again."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def routes(service: TileService) -> list[BaseRoute]:
    """Return the routing table; the static files come first only because they look like tiles."""
    pages, tiles = Pages(service), TileEndpoint(service)
    leaflet = StaticFiles(directory=xstatic.pkg.leaflet.BASE_DIR)
    return [
        Mount("/static", routes=[Mount("/leaflet", leaflet), *_viewer(pages.web)]),
        Route("/{z}/{x}/{y}", tiles),
        Route("/{seed}/{z}/{x}/{y}", tiles),
        Route("/", pages.index),
        Route("/tilejson.json", pages.tilejson),
        Route("/{seed}/tilejson.json", pages.tilejson),
        Route("/api/info", pages.info),
        Route("/livez", pages.livez),
        Route("/readyz", pages.readyz),
        Route("/metrics", pages.metrics),
    ]


def _viewer(directory: Path | None) -> list[BaseRoute]:
    return [] if directory is None else [Mount("/web", ViewerFiles(directory=directory))]


def web_directory() -> Path | None:
    """Return the directory of the viewer's files, or None if they are not installed."""
    try:
        root = resources.files("web")
    except ModuleNotFoundError:
        return None
    return root if isinstance(root, Path) else None


def version() -> str:
    """Return the installed version of this program."""
    try:
        return importlib.metadata.version("elsewhere")
    except importlib.metadata.PackageNotFoundError:
        return "0.0.0"


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers={"cache-control": "no-cache"})
