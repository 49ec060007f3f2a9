"""What each path answers: tiles, documents, health, metrics and the viewer's pages."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

import xstatic.pkg.leaflet
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from generator.grid.tile import BASE_ZOOM, EQUATOR_RESOLUTION, TILE_SIZE, kind_at
from tileserver.documents.about import attribution, base_map, geography_credits, version
from tileserver.documents.routes import PAGES, Documents, wanted
from tileserver.documents.routes import routes as document_routes
from tileserver.errors import UnavailableError
from tileserver.rendering.client.service import TileService
from tileserver.rendering.metrics import CONTENT_TYPE
from tileserver.serving.access import Access
from tileserver.serving.maps import routes as map_routes
from tileserver.serving.staticpictures import routes as picture_routes
from tileserver.serving.tiles import TileEndpoint

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Elsewhere</title>
<h1>Elsewhere</h1><p>The viewer's files are not installed. The tiles are here:
<a href="tilejson.json">tilejson.json</a>, <a href="0/0/0.png">0/0/0.png</a>.</p></html>"""

_PAGE_HEADERS = {
    "cache-control": "no-cache",
    "vary": "Accept",
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; object-src 'none'; form-action 'self'",
}


class Pages:
    """Everything that is not a tile."""

    def __init__(self, service: TileService, documents: Documents) -> None:
        self.service = service
        self.documents = documents
        self.access = Access(service.settings)
        self.web = web_directory()

    async def index(self, request: Request) -> Response:
        """Answer with OGC's landing page, or with the viewer's page to who names HTML."""
        if wanted(request, PAGES) == "json":
            return await self.documents.landing(request)
        return self._page("index.html")

    async def connect(self, request: Request) -> Response:
        """Answer with the page that shows how to connect each client."""
        return self._page("connect.html")

    def _page(self, name: str) -> Response:
        page = self.web / name if self.web is not None else None
        if page is None or not page.is_file():
            return HTMLResponse(_PAGE, headers=_PAGE_HEADERS)
        return FileResponse(page, headers=_PAGE_HEADERS)

    async def livez(self, request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "alive"}, headers={"cache-control": "no-store"})

    async def readyz(self, request: Request) -> Response:
        """Say whether tiles can be made and stored; 503 with the reason otherwise."""
        reason = self.service.problem()
        if reason is not None:
            inside = self.access.is_inside(request.scope)
            raise UnavailableError(reason if inside else "tiles cannot be made or stored now")
        return JSONResponse({"status": "ready"}, headers={"cache-control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Answer with the metrics in Prometheus' text format."""
        self.access.check_inside(request.scope)
        return Response(self.service.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def info(self, request: Request) -> Response:
        """Describe the server, its model and its zooms. Seeds are text: JSON rounds large ones."""
        settings, model = self.service.settings, self.service.model()
        # Until the model is known, as it is with the shipped base map.
        base_zoom = int(model.get("base_zoom", BASE_ZOOM))
        max_zoom = self.service.max_zoom
        zooms = [
            {
                "zoom": zoom,
                "kind": kind_at(zoom, base_zoom),
                "nominal_m_per_px": round(EQUATOR_RESOLUTION / 2**zoom, 3),
            }
            for zoom in range(max_zoom + 1)
        ]
        return _json(
            {
                "name": "Elsewhere",
                "version": version(),
                "seed": str(settings.seed),
                "max_zoom": max_zoom,
                "tile_size": TILE_SIZE,
                "tiles": "/{seed}/{z}/{x}/{y}.png",
                "attribution": attribution(settings),
                "base_map": base_map(settings),
                "earth": settings.base is None,
                "credits": geography_credits(settings),
                "ready": self.service.problem() is None,
                "model": model,
                "stages": zooms,
            }
        )


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
    """Return the routing table: what only looks like a tile stands before the tiles."""
    tiles, flipped = TileEndpoint(service), TileEndpoint(service, flipped=True)
    documents = Documents(service, tiles)
    pages = Pages(service, documents)
    leaflet = StaticFiles(directory=xstatic.pkg.leaflet.BASE_DIR)
    return [
        *picture_routes(service),
        *map_routes(service),
        Mount("/static", routes=[Mount("/leaflet", leaflet), *_viewer(pages.web)]),
        *document_routes(documents),
        Route("/tms/{z}/{x}/{y}", flipped),
        Route("/{seed}/tms/{z}/{x}/{y}", flipped),
        Route("/{z}/{x}/{y}", tiles),
        Route("/{seed}/{z}/{x}/{y}", tiles),
        Route("/", pages.index),
        Route("/connect", pages.connect),
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


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers={"cache-control": "no-cache"})
